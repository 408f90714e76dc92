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
import Sandbox
import ServiceClients
import ServiceLifecycle
import Telemetry
import UnixSignals
import Worker
import WorkerManager

/// The parts that more than one role of the service is made of, as they are configured.
struct ServiceParts {
    let configuration: ServeConfiguration
    let logger: Logger

    /// Begins a process of the service: how it logs, and how many descriptors it may have.
    init(_ configuration: ServeConfiguration) {
        self.configuration = configuration
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "swiftlet")
        logger.logLevel = configuration.logLevel
        DescriptorLimit.raise(logger: logger)
        self.logger = logger
    }

    // MARK: Stores

    /// How other services are asked.
    static var clientConfiguration: HTTPClient.Configuration {
        // A signature does not survive a redirection.
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // Whoever asks tries again, and says so when there is no use in it.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = .seconds(5)
        return configuration
    }

    /// Where packages are. A bucket that refuses stops the start; one that does not answer may do so later, and what this
    /// host has unpacked runs meanwhile.
    func codeStore(in directory: String, _ client: HTTPClient) async throws -> CodeStore {
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

    /// Where the packages of a fleet are, which must be a place that all its hosts reach.
    func sharedCodeStore(in directory: String, _ client: HTTPClient) async throws -> CodeStore {
        guard configuration.codeBucket != nil else {
            throw ConfigurationError(
                key: "code-bucket",
                "the hosts of a fleet share their packages: name a bucket, and with code-bucket-endpoint its server"
            )
        }
        return try await codeStore(in: directory, client)
    }

    /// Who may send requests; nil if everybody may. Throws if it is not safe to serve.
    func users(
        in store: SQLMetadataStore,
        key: () throws -> [UInt8]
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
        let secrets = SecretBox(key: try key())
        guard try await !Users(store: store, secrets: secrets).isEmpty else {
            throw ConfigurationError(
                key: "authentication",
                "there are no users, so nobody could use the service at \(address). Add one with: swiftlet user add NAME "
                    + "--administrator --data \(configuration.dataDirectory). Or serve everybody with --authentication off"
            )
        }
        return UserDirectory(store: store, secrets: secrets, accountID: configuration.locality.accountID)
    }

    // MARK: Environments

    /// Which part of the memory budget sandboxes that wait may use at most.
    private static let waitingMemoryPart = 8

    /// Has sandboxes wait for the functions that there are, and for those that will be.
    func expectFunctions(of store: SQLMetadataStore, in worker: Worker) async throws {
        @Sendable func expect(_ record: FunctionRecord) {
            worker.expect(
                runtime: record.definition.runtime,
                memoryMegabytes: record.definition.memoryMegabytes,
                in: SandboxKind(tags: record.tags)
            )
        }
        store.observe { change in
            guard case .written(let record) = change else { return }
            expect(record)
        }
        var last: FunctionName?
        repeat {
            let page = try await store.functions(after: last, limit: 100)
            for record in page { expect(record) }
            last = page.last?.name
        } while last != nil
    }

    /// What virtual machines start from; nil where functions do not run in any.
    func guestFiles() throws -> GuestFilesOnDisk? {
        configuration.sandboxes.contains(.microvm) ? try GuestFilesOnDisk(configuration, logger: logger) : nil
    }

    /// The runtimes that functions can be of: with programs of this host's, or of the images that virtual machines have.
    func runtimes(_ guests: GuestFilesOnDisk?) throws -> HostRuntimes {
        var runtimes: [SandboxKind: InstalledRuntimes] = [:]
        for kind in configuration.sandboxes {
            let userlands: [RuntimeUserland] = kind == .microvm ? guests?.userlands ?? [] : [.ofHost]
            runtimes[kind] = try InstalledRuntimes.detect(in: configuration.runtimeDirectories, userlands: userlands)
        }
        return HostRuntimes(runtimes: runtimes, standardSandbox: configuration.sandboxes[0])
    }

    /// Where sandboxes are made.
    func engines(
        in data: borrowing DataDirectory,
        _ runtimes: HostRuntimes,
        _ guests: GuestFilesOnDisk?,
        on group: any EventLoopGroup
    ) async throws -> SandboxEngines {
        try await SandboxEngines.start(configuration, in: data, runtimes, guests, on: group, logger: logger)
    }

    /// The environments of this host.
    func worker(
        _ engines: SandboxEngines,
        _ code: CodeStore,
        _ runtimes: HostRuntimes,
        _ logs: FunctionLogWriter,
        _ snapshots: FunctionSnapshots? = nil
    ) -> Worker {
        var settings = WorkerSettings()
        settings.waitingSandboxesMax = configuration.waitingSandboxesMax
        settings.network = configuration.networkPolicy
        settings.waitingMemoryMax = ByteCount(bytes: configuration.memoryBudget.bytes / Self.waitingMemoryPart)
        return Worker(
            settings: settings,
            supplies: engines.supplies(runtimes),
            standardSandbox: runtimes.standardSandbox,
            codeStore: code,
            logs: logs,
            snapshots: snapshots,
            logger: logger
        )
    }

    /// The snapshots that functions of this host start from; nil where sandboxes cannot be copied.
    func snapshots(
        _ engines: SandboxEngines,
        in data: borrowing DataDirectory,
        _ eventLoops: any EventLoopGroup
    ) throws -> FunctionSnapshots? {
        guard let copier = engines.copier else { return nil }
        return try FunctionSnapshots(
            directory: data.path(of: "snapshots"),
            copier: copier,
            eventLoops: eventLoops,
            logger: logger
        )
    }

    /// Who assigns invokes to environments.
    ///
    /// - Parameter memoryBudget: The most memory that all environments may have been promised.
    func workerManager(
        on host: any EnvironmentHost,
        _ eventLoops: any EventLoopGroup,
        memoryBudget: ByteCount
    ) -> WorkerManager {
        var settings = WorkerManager.Settings(memoryBudget: memoryBudget)
        settings.idleTimeout = configuration.idleTimeout
        settings.scaleUpLimit = configuration.scaleUpLimit
        return WorkerManager(host: host, eventLoops: eventLoops, settings: settings, logger: logger)
    }

    // MARK: Operations

    /// What the control plane works with.
    func controlPlane(
        _ store: SQLMetadataStore,
        _ code: CodeStore,
        _ runtimes: any RuntimeSupport,
        _ client: HTTPClient
    ) -> ControlPlane.Dependencies {
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
        dependencies.accountConcurrency = configuration.concurrency
        return dependencies
    }

    /// The queue of asynchronous invokes.
    func events(
        _ store: any EventStore,
        _ targets: any EventTargets,
        _ invoker: any FunctionInvoker,
        _ client: HTTPClient,
        _ eventLoops: any EventLoopGroup
    ) -> EventQueue {
        EventQueue(
            EventQueue.Dependencies(
                store: store,
                targets: targets,
                invoker: invoker,
                services: ServiceDirectory(configuration.services, client: client, now: { .now() }),
                eventLoops: eventLoops,
                clock: HostClock(eventLoop: eventLoops.next()),
                locality: configuration.locality,
                logger: logger
            ),
            EventQueue.Settings(runningMax: configuration.concurrency, retryDelay: configuration.retryDelay)
        )
    }

    /// What listens for clients, and what keeps its certificate up to date.
    func frontendServices(
        _ frontend: Frontend,
        _ controlPlane: ControlPlane,
        _ eventLoops: any EventLoopGroup
    ) throws -> [any Service] {
        let (configuration, logger) = (configuration, logger)
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
        let door = FrontDoor()
        let application = frontend.application(settings, eventLoops: eventLoops, door: door) { address in
            guard let address, let port = address.port else { return }
            let scheme = certificates == nil ? "http" : "https"
            var served = ServiceAddress(scheme: scheme, host: address.ipAddress ?? configuration.host, port: port)
            served.functionDomain = configuration.functionDomain
            controlPlane.served(at: served)
            logger.notice("serving", metadata: [LogKey.address: "\(served.authority)"])
        }
        // Shut down from the last to the first: the door before those who serve.
        let served: [any Service] = [application, FrontDoorService(door: door, logger: logger)]
        guard let certificates else { return served }
        return served + [CertificateService(certificates: certificates)]
    }

    // MARK: Running

    /// Runs services until the process is told to stop, or one of them ends; then the others are shut down from the last to
    /// the first.
    ///
    /// - Parameter shutdownTimeout: How long a shutdown waits; nil for what is configured.
    func run(_ services: [any Service], shutdownTimeout: Duration? = nil) async throws {
        var group = ServiceGroupConfiguration(
            services: services.map {
                .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
            },
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = shutdownTimeout ?? configuration.shutdownTimeout
        group.maximumCancellationDuration = .seconds(10)
        try await ServiceGroup(configuration: group).run()
    }
}
