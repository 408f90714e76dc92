import AsyncHTTPClient
import ControlPlane
import EventQueue
import Frontend
import IdentityService
import Invocation
import LogStore
import Logging
import LogsService
import MetadataStoreSQL
import MetadataStoreSQLite
import NIOCore
import NIOPosix
import ServiceLifecycle
import Telemetry
import Worker
import WorkerManager

/// Everything in one process: builds the rooms, runs them as services, and takes them down in the opposite order.
struct Server {
    let configuration: ServeConfiguration

    func run() async throws {
        let parts = ServiceParts(configuration)
        let logger = parts.logger
        let data = try DataDirectory.open(configuration.dataDirectory)
        let store = try SQLMetadataStore(sqliteFile: data.path(of: "metadata.sqlite"))
        let eventStore = try SQLiteEventStore(path: data.path(of: "queue.sqlite"))
        let users = try await parts.users(in: store) { try data.secretKey() }
        let guests = try parts.guestFiles()
        let runtimes = try parts.runtimes(guests)
        let logStore = try LogStore(
            directory: data.path(of: "logs"),
            settings: LogStoreSettings(sizeMax: configuration.logSizeMax)
        )
        let logs = try FunctionLogWriter(store: logStore, logger: logger)
        defer { logs.stop() }
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopCount)
        let engines = try await parts.engines(in: data, runtimes, guests, on: eventLoops)
        let client = HTTPClient(eventLoopGroup: eventLoops, configuration: ServiceParts.clientConfiguration)
        do {
            let code = try await parts.codeStore(in: data.path(of: "code"), client)
            let snapshots = try parts.snapshots(engines, in: data, eventLoops)
            let worker = parts.worker(engines, code, runtimes, logs, snapshots)
            let manager = parts.workerManager(on: worker, eventLoops, memoryBudget: configuration.memoryBudget)
            let invoker = Invoker(workerManager: manager, settings: configuration.invokerSettings)
            var dependencies = parts.controlPlane(store, code, runtimes, client)
            dependencies.onRetired = { manager.retire($0) }
            dependencies.environments = manager
            dependencies.snapshots = HostSnapshots(worker: worker, logger: logger)
            dependencies.onConcurrencyChanged = { invoker.limiter.apply($0) }
            let controlPlane = ControlPlane(dependencies)
            try await controlPlane.recover()
            try await parts.expectFunctions(of: store, in: worker)
            let events = parts.events(eventStore, controlPlane.functions, invoker, client, eventLoops)
            // The data directory is locked, so nobody else uses the store.
            try await events.start(as: "serve")
            let frontend = Frontend(
                controlPlane: controlPlane,
                invoker: invoker,
                events: events,
                fleet: SingleHost(manager: manager, limiter: invoker.limiter, configuration: configuration),
                logs: LogsService(store: logStore, locality: configuration.locality),
                identity: IdentityService(store: store, locality: configuration.locality, clock: { .now() }),
                users: users,
                locality: configuration.locality,
                logger: logger
            )
            // Shut down from the last to the first: first no more requests, then no more invokes, then no environments.
            try await parts.run(
                [
                    WorkerService(worker: worker, manager: manager), WorkerManagerService(manager: manager),
                    EventQueueService(events: events), ControlPlaneService(controlPlane: controlPlane),
                    LogRetentionService(retention: LogRetention(store: logStore, logger: logger)),
                ] + parts.frontendServices(frontend, controlPlane, eventLoops)
            )
        } catch {
            try? await client.shutdown()
            await engines.shutdown()
            throw error
        }
        try await client.shutdown()
        await engines.shutdown()
        try await eventLoops.shutdownGracefully()
    }
}
