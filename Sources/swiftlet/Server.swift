import AsyncHTTPClient
import CodeStore
import ControlPlane
import EventQueue
import Frontend
import Glibc
import IdentityService
import Invocation
import LambdaAPI
import LogStore
import Logging
import LogsService
import MetadataStore
import MetadataStoreSQL
import MetadataStoreSQLite
import NIOCore
import NIOPosix
import SandboxNamespaces
import ServiceClients
import ServiceLifecycle
import Telemetry
import UnixSignals
import Worker
import WorkerManager

/// Everything in one process: builds the rooms, runs them as services, and takes them down in the opposite order.
struct Server {
    let configuration: ServeConfiguration

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "swiftlet")
        logger.logLevel = configuration.logLevel
        DescriptorLimit.raise(logger: logger)
        let data = try DataDirectory.open(configuration.dataDirectory)
        let store = try SQLMetadataStore(sqliteFile: data.path(of: "metadata.sqlite"))
        let eventStore = try SQLiteEventStore(path: data.path(of: "queue.sqlite"))
        let users = try await users(in: store, data, logger: logger)
        let runtimes = try InstalledRuntimes.detect(in: configuration.runtimeDirectories)
        let logStore = try LogStore(
            directory: data.path(of: "logs"),
            settings: LogStoreSettings(sizeMax: configuration.logSizeMax)
        )
        let logs = try FunctionLogWriter(store: logStore, logger: logger)
        defer { logs.stop() }
        var sandboxes = NamespacesConfiguration(stateDirectory: data.path(of: "sandbox"))
        sandboxes.extraUserlandPaths = runtimes.extraUserlandPaths
        sandboxes.network = configuration.network
        let engine = try await NamespacesEngine.start(sandboxes, logger: logger)
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopCount)
        let client = HTTPClient(eventLoopGroup: eventLoops, configuration: Self.clientConfiguration)
        do {
            try await run(
                store: store,
                eventStore: eventStore,
                users: users,
                code: try await codeStore(in: data.path(of: "code"), client, logger: logger),
                runtimes: runtimes,
                logStore: logStore,
                logs: logs,
                engine: engine,
                eventLoops: eventLoops,
                client: client,
                logger: logger
            )
        } catch {
            try? await client.shutdown()
            await engine.shutdown()
            throw error
        }
        try await client.shutdown()
        try await eventLoops.shutdownGracefully()
        await engine.shutdown()
    }

    /// How other services are asked.
    private static var clientConfiguration: HTTPClient.Configuration {
        // A signature does not survive a redirection.
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // Whoever asks tries again, and says so when there is no use in it.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = .seconds(5)
        return configuration
    }

    /// Where packages are. A bucket that refuses stops the start; one that does not answer may do so later, and what this
    /// host has unpacked runs meanwhile.
    private func codeStore(in directory: String, _ client: HTTPClient, logger: Logger) async throws -> CodeStore {
        guard let settings = configuration.codeBucket else {
            return try await CodeStore(directory: directory, logger: logger)
        }
        let bucket = BucketArchives(settings.bucket, client: client, now: { .now() })
        if let obstacle = await bucket.obstacle() {
            guard obstacle.mayPass else {
                throw ConfigurationError(
                    key: "code-bucket",
                    "\(settings.bucket.name) at \(settings.bucket.s3.endpoint) cannot be used: \(obstacle.reason)"
                )
            }
            logger.warning(
                "the bucket of packages does not answer",
                metadata: [LogKey.address: "\(settings.bucket.s3.endpoint)", LogKey.error: "\(obstacle.reason)"]
            )
        }
        return try await CodeStore(
            directory: directory,
            bucket: bucket,
            cacheSizeMax: try settings.cacheSizeMax ?? CodeStore.cacheSizeDefault(on: configuration.dataDirectory),
            logger: logger
        )
    }

    /// Who may send requests; nil if everybody may. Throws if it is not safe to serve.
    private func users(
        in store: SQLMetadataStore,
        _ data: borrowing DataDirectory,
        logger: Logger
    ) async throws -> UserDirectory? {
        let address = "\(configuration.host):\(configuration.port)"
        guard configuration.requiresSignatures else {
            if !configuration.isLoopback {
                logger.warning(
                    "AUTHENTICATION IS OFF: whoever reaches this address may do everything",
                    metadata: [LogKey.address: "\(address)"]
                )
            } else {
                logger.notice(
                    "signatures are not checked: everybody on this host may do everything",
                    metadata: [LogKey.address: "\(address)"]
                )
            }
            return nil
        }
        let secrets = SecretBox(key: try data.secretKey())
        guard try await !Users(store: store, secrets: secrets).isEmpty else {
            throw ConfigurationError(
                key: "authentication",
                "there are no users, so nobody could use the service at \(address). Add one with: swiftlet user add NAME "
                    + "--administrator --data \(configuration.dataDirectory). Or serve everybody with --authentication off"
            )
        }
        return UserDirectory(store: store, secrets: secrets, accountID: configuration.locality.accountID)
    }

    /// Which part of the memory budget sandboxes that wait may use at most.
    private static let waitingMemoryPart = 8

    /// Has sandboxes wait for the functions that there are, and for those that will be.
    private func expectFunctions(of store: SQLMetadataStore, in pool: SandboxPool) async throws {
        store.observe { change in
            guard case .written(let record) = change else { return }
            pool.expect(runtime: record.definition.runtime, memoryMegabytes: record.definition.memoryMegabytes)
        }
        var last: FunctionName?
        repeat {
            let page = try await store.functions(after: last, limit: 100)
            for record in page {
                pool.expect(runtime: record.definition.runtime, memoryMegabytes: record.definition.memoryMegabytes)
            }
            last = page.last?.name
        } while last != nil
    }

    private func run(
        store: SQLMetadataStore,
        eventStore: SQLiteEventStore,
        users: UserDirectory?,
        code: CodeStore,
        runtimes: InstalledRuntimes,
        logStore: LogStore,
        logs: FunctionLogWriter,
        engine: NamespacesEngine,
        eventLoops: MultiThreadedEventLoopGroup,
        client: HTTPClient,
        logger: Logger
    ) async throws {
        var workerSettings = WorkerSettings()
        workerSettings.waitingSandboxesMax = configuration.waitingSandboxesMax
        workerSettings.network = configuration.networkPolicy
        workerSettings.waitingMemoryMax = ByteCount(bytes: configuration.memoryBudget.bytes / Self.waitingMemoryPart)
        let worker = Worker(
            settings: workerSettings,
            engine: engine,
            codeStore: code,
            runtimes: runtimes,
            logs: logs,
            logger: logger
        )
        var managerSettings = WorkerManager.Settings(memoryBudget: configuration.memoryBudget)
        managerSettings.idleTimeout = configuration.idleTimeout
        managerSettings.scaleUpLimit = configuration.scaleUpLimit
        let manager = WorkerManager(
            host: worker,
            eventLoops: eventLoops,
            settings: managerSettings,
            logger: logger
        )
        let invoker = Invoker(workerManager: manager, settings: configuration.invokerSettings)

        var dependencies = ControlPlane.Dependencies(
            store: store,
            codeStore: code,
            runtimes: runtimes,
            locality: configuration.locality,
            logger: logger
        )
        dependencies.objects = configuration.s3.map { settings in
            S3Source(settings: settings, client: client, now: { .now() })
        }
        dependencies.onRetired = { manager.retire($0) }
        dependencies.accountConcurrency = configuration.concurrency
        dependencies.environments = manager
        dependencies.onConcurrencyChanged = { invoker.limiter.apply($0) }
        let controlPlane = ControlPlane(dependencies)
        try await controlPlane.recover()
        try await expectFunctions(of: store, in: worker.pool)

        let events = EventQueue(
            EventQueue.Dependencies(
                store: eventStore,
                targets: controlPlane.functions,
                invoker: invoker,
                services: ServiceDirectory(configuration.services, client: client, now: { .now() }),
                eventLoops: eventLoops,
                clock: HostClock(eventLoop: eventLoops.next()),
                locality: configuration.locality,
                logger: logger
            ),
            EventQueue.Settings(runningMax: configuration.concurrency, retryDelay: configuration.retryDelay)
        )
        // The data directory is locked, so nobody else uses the store.
        try await events.start(as: "serve")

        let frontend = Frontend(
            controlPlane: controlPlane,
            invoker: invoker,
            events: events,
            logs: LogsService(store: logStore, locality: configuration.locality),
            identity: IdentityService(store: store, locality: configuration.locality, clock: { .now() }),
            users: users,
            locality: configuration.locality,
            logger: logger
        )
        let certificates = try configuration.tls.map { files in
            try CertificateSource(certificatePath: files.certificate, keyPath: files.key, logger: logger)
        }
        var settings = Frontend.Settings(
            host: configuration.host,
            port: configuration.port,
            requestTimeout: configuration.requestTimeout,
            certificates: certificates
        )
        settings.functionDomain = configuration.functionDomain
        settings.isLoopback = configuration.isLoopback
        settings.requestRates = configuration.hasAPIRates ? .standard : nil
        let application = frontend.application(
            settings,
            eventLoops: eventLoops
        ) { address in
            guard let address, let port = address.port else { return }
            let scheme = certificates == nil ? "http" : "https"
            var served = ServiceAddress(scheme: scheme, host: address.ipAddress ?? configuration.host, port: port)
            served.functionDomain = configuration.functionDomain
            controlPlane.served(at: served)
            logger.notice("serving", metadata: [LogKey.address: "\(served.authority)"])
        }

        // Shut down from the last to the first: first no more requests, then no more invokes, then no environments.
        var services: [any Service] = [
            WorkerService(worker: worker, manager: manager), WorkerManagerService(manager: manager),
            EventQueueService(events: events),
            ControlPlaneService(controlPlane: controlPlane),
            LogRetentionService(retention: LogRetention(store: logStore, logger: logger)), application,
        ]
        if let certificates { services.append(CertificateService(certificates: certificates)) }
        var group = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = configuration.shutdownTimeout
        group.maximumCancellationDuration = .seconds(10)
        try await ServiceGroup(configuration: group).run()
    }
}
