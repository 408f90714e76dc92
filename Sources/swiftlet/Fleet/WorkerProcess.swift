import AsyncHTTPClient
import CodeStore
import Fleet
import FleetStatus
import Foundation
import HostIdentity
import HostLink
import LambdaAPI
import LogStore
import Logging
import LogsService
import MetadataStore
import MetadataStorePostgres
import MetadataStoreSQL
import NIOCore
import NIOPosix
import Placement
import SandboxNamespaces
import ServiceLifecycle
import Telemetry
import Worker
import WorkerRole

/// One worker of a fleet: the environments of this host, for the managers and frontends of others.
struct WorkerProcess {
    let configuration: ServeConfiguration
    let fleet: FleetConfiguration

    func run() async throws {
        let parts = ServiceParts(configuration)
        let logger = parts.logger
        let credentials = try fleet.credentials(of: .worker, logger: logger)
        let data = try DataDirectory.open(configuration.dataDirectory)
        guard configuration.sandboxes.count == 1 else {
            throw ConfigurationError(key: "sandbox", "the workers of a fleet have sandboxes of one kind each, for now")
        }
        let guests = try parts.guestFiles()
        let runtimes = try parts.runtimes(guests)
        let logStore = try LogStore(
            directory: data.path(of: "logs"),
            settings: LogStoreSettings(sizeMax: configuration.logSizeMax)
        )
        let logs = try FunctionLogWriter(store: logStore, logger: logger)
        defer { logs.stop() }
        let store = try await PostgresFleetStore(fleet.postgres, isListening: false)
        // Groups change seldom, and workers are many.
        var groupSettings = fleet.postgres
        groupSettings.connectionsMax = 1
        let database = try await PostgresDatabase(groupSettings, isListening: false)
        let registry = LogGroupRegistry(logs: logStore, records: SQLMetadataStore(database), logger: logger)
        // Before anybody can ask for what was deleted while this worker was away.
        try await registry.settle()
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopCount)
        let engines = try await parts.engines(in: data, runtimes, guests, on: eventLoops)
        let client = HTTPClient(eventLoopGroup: eventLoops, configuration: ServiceParts.clientConfiguration)
        do {
            let code = try await parts.sharedCodeStore(in: data.path(of: "code"), client)
            let worker = parts.worker(engines, code, runtimes, logs)
            let placed = self.description(named: credentials.identity.name, runtimes.standard)
            let description = try JSONEncoder().encode(placed)
            let leaseEnds = Date(timeIntervalSinceNow: fleet.lease / .seconds(1)).wholeSeconds
            var settings = WorkerServer.Settings(memoryBudget: configuration.memoryBudget)
            settings.leash = fleet.leash
            let server = WorkerServer(
                worker: worker,
                settings: settings,
                description: Array(description),
                eventLoops: eventLoops,
                logger: logger,
                logs: LogDesk(archive: HostLogArchive(store: logStore)) { try await registry.settle() },
                keepAlive: { engines.keepAlive(for: $0) }
            )
            let listener = try await LinkListener.listen(
                host: fleet.listenHost,
                port: fleet.listenPort,
                credentials,
                allowing: WorkerServer.allowedRoles,
                silenceMax: fleet.silenceMax,
                on: eventLoops
            ) { server.user(for: $0) }
            let address = fleet.advertised(port: listener.port)
            let orders = WorkerOrdersObserver(server: server)
            let details: @Sendable () -> MemberDetails = {
                var details = MemberDetails(credentials)
                details.leaseEnds = leaseEnds
                details.isDraining = server.isDraining
                details.worker = placed
                return details
            }
            let membership = FleetMembership(
                .init(
                    role: .worker,
                    name: credentials.identity.name,
                    address: address,
                    lease: fleet.memberLease,
                    accountConcurrency: configuration.concurrency
                ),
                details: details().document,
                store: store,
                observer: orders,
                logger: logger
            )
            logger.notice(
                "a worker of the fleet",
                metadata: [LogKey.hostIdentity: "\(credentials.identity)", LogKey.address: "\(address)"]
            )
            // Shut down from the last to the first: first what runs here, then the membership.
            try await parts.run(
                [
                    CredentialsService(credentials: credentials), ListenerService(listener: listener),
                    MembershipService(membership: membership, logger: logger) { server.isEmpty },
                    MemberDetailsService(membership: membership, details: details), WorkerRunService(worker: worker),
                    LogRetentionService(retention: LogRetention(store: logStore, logger: logger)),
                    RunningService { await registry.run() },
                    WorkerServerService(server: server, lease: fleet.lease, logger: logger),
                ],
                // What runs may take as long as functions may.
                shutdownTimeout: fleet.drainTimeout + configuration.shutdownTimeout
            )
        } catch {
            try? await client.shutdown()
            await engines.shutdown()
            throw error
        }
        await store.close()
        await database.close()
        try await client.shutdown()
        await engines.shutdown()
        try await eventLoops.shutdownGracefully()
    }

    private func description(named name: String, _ runtimes: InstalledRuntimes) -> WorkerDescription {
        WorkerDescription(
            id: WorkerID(name),
            zone: ZoneName(fleet.zone),
            labels: Set(fleet.labels.map { WorkerLabel($0) }),
            instructionSet: InstructionSet(rawValue: runtimes.architecture) ?? .x86,
            runtimes: Set(runtimes.availableIdentifiers.map { RuntimeName($0) }),
            memoryMB: configuration.memoryBudget.bytes >> 20,
            cpuMilli: System.coreCount * 1000
        )
    }
}

/// Does what operators want of a worker.
private struct WorkerOrdersObserver: FleetObserver {
    let server: WorkerServer

    func ordersChanged(_ orders: WorkerOrders) {
        server.drainingOrdered(orders.isDraining)
    }
}

/// Serves until the worker's lease nears its end or the process is told to stop, and then finishes what runs.
private struct WorkerServerService: Service {
    let server: WorkerServer
    let lease: Duration
    let logger: Logger

    /// What an environment that was just made for the longest of invokes needs until it has finished.
    private static let margin = Duration.seconds(960)

    func run() async {
        await withTaskCancellationHandler {
            await withTaskGroup(of: Void.self) { group in
                // Also while it finishes what runs.
                group.addTask { await server.run() }
                await cancelWhenGracefulShutdown { await leaseNearsEnd() }
                await server.drain()
                group.cancelAll()
            }
        } onCancel: {
            server.abortAll()
        }
    }

    private func leaseNearsEnd() async {
        // By a clock that goes on while the host sleeps, and that nobody sets.
        guard (try? await Task.sleep(for: max(lease - Self.margin, lease / 2), clock: .continuous)) != nil else {
            return
        }
        logger.notice("the worker's lease nears its end; it finishes what runs, and leaves")
    }
}

/// Runs the worker until its last environment is gone.
private struct WorkerRunService: Service {
    let worker: Worker

    func run() async {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await worker.run()
            } onGracefulShutdown: {
                worker.finish()
            }
        } onCancel: {
            worker.finish()
        }
    }
}
