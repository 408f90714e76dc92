import AsyncHTTPClient
import CodeStore
import ControlPlane
import Fleet
import FleetStatus
import HostIdentity
import HostLink
import Invocation
import LambdaAPI
import Logging
import ManagerRole
import MetadataStore
import MetadataStorePostgres
import MetadataStoreSQL
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import Telemetry
import Worker
import WorkerManager

/// One manager of a fleet: assigns the invokes of its part of the functions to environments on workers.
struct ManagerProcess {
    let configuration: ServeConfiguration
    let fleet: FleetConfiguration

    func run() async throws {
        let parts = ServiceParts(configuration)
        let logger = parts.logger
        let credentials = try fleet.credentials(of: .manager, logger: logger)
        let data = try DataDirectory.open(configuration.dataDirectory)
        let database = try await PostgresDatabase(fleet.postgres)
        let store = SQLMetadataStore(database)
        let fleetStore = try await PostgresFleetStore(fleet.postgres)
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopCount)
        let client = HTTPClient(eventLoopGroup: eventLoops, configuration: ServiceParts.clientConfiguration)
        do {
            let relay = MembershipRelay()
            var deskSettings = ManagerDesk.Settings()
            deskSettings.fence = fleet.fence
            let desk = ManagerDesk(
                settings: deskSettings,
                dialler: LinkDialler(credentials, silenceMax: fleet.silenceMax),
                eventLoops: eventLoops,
                logger: logger,
                membership: relay
            )
            // Workers look after their own memory, and placement after that of all.
            let manager = parts.workerManager(on: desk, eventLoops, memoryBudget: ByteCount(bytes: .max / 2))
            var settings = configuration.invokerSettings
            settings.isShared = true
            settings.onWaiting = { relay.shareUseChanged() }
            let invoker = Invoker(workerManager: manager, settings: settings)
            let concurrency = FunctionConcurrency()
            let functions = KnownFunctions()
            desk.use(
                .init(workerManager: manager, invoker: invoker, concurrency: concurrency, functions: functions)
            )
            store.observe { ManagerProcess.retire($0, functions, manager) }
            // The control plane of a manager serves no operations; it only says what is reserved and provisioned.
            let code = try await CodeStore(directory: data.path(of: "code"), logger: logger)
            var dependencies = parts.controlPlane(store, code, AnyRuntime(), client)
            dependencies.environments = ManagedEnvironments(desk: desk, concurrency: concurrency)
            dependencies.onConcurrencyChanged = { desk.concurrencyChanged($0, concurrency) }
            let controlPlane = ControlPlane(dependencies)
            try await controlPlane.recoverConcurrency()

            let questions = Questions(of: desk, manager)
            let listener = try await LinkListener.listen(
                host: fleet.listenHost,
                port: fleet.listenPort,
                credentials,
                allowing: [.frontend],
                silenceMax: fleet.silenceMax,
                on: eventLoops
            ) { _ in ReserveSession(desk: desk, questions: questions) }
            let address = fleet.advertised(port: listener.port)
            let details: @Sendable () -> MemberDetails = {
                var details = MemberDetails(credentials)
                details.refusedStarts = desk.refusedStarts
                return details
            }
            let membership = FleetMembership(
                manager: .init(
                    role: .manager,
                    name: credentials.identity.name,
                    address: address,
                    lease: fleet.memberLease,
                    accountConcurrency: configuration.concurrency,
                    fence: .nanoseconds(fleet.fence.nanoseconds)
                ),
                details: details().document,
                store: fleetStore,
                holder: desk,
                logger: logger
            )
            relay.use(membership)
            let capacity = FleetCapacity(desk: desk, settings: fleet.capacity, logger: logger)
            logger.notice(
                "a manager of the fleet",
                metadata: [LogKey.hostIdentity: "\(credentials.identity)", LogKey.address: "\(address)"]
            )
            // Shut down from the last to the first: what other managers are to have is given up while it can still be asked for.
            try await parts.run([
                CredentialsService(credentials: credentials), ListenerService(listener: listener),
                RunningService { await desk.run() }, RunningService { await manager.run() },
                RunningService { await controlPlane.runProvisioning() },
                ConcurrencyService(controlPlane: controlPlane, store: store, logger: logger),
                RunningService { await capacity.run() },
                MemberDetailsService(membership: membership, details: details),
                MembershipService(membership: membership, logger: logger),
            ])
        } catch {
            try? await client.shutdown()
            throw error
        }
        await fleetStore.close()
        await database.close()
        try await client.shutdown()
        try await eventLoops.shutdownGracefully()
    }

    /// Ends environments of configurations that are in force no more.
    private static func retire(_ change: FunctionChange, _ functions: KnownFunctions, _ manager: WorkerManager) {
        let retired =
            switch change {
            case .written(let record):
                functions.latestChanged(record.name, to: ControlPlane.configurationInForce(of: record))
            case .deleted(let name):
                functions.deleted(name)
            case .versionDeleted(let name, let number):
                functions.versionDeleted(FunctionVersion(String(number)), of: name)
            // Environments of configurations that are not in force any more go when they have been idle for long.
            case .versionWritten, .missed:
                [InvocableFunction.ConfigurationID]()
            }
        for configuration in retired { manager.retire(configuration) }
    }
}

/// Passes on to the membership what a manager's desk wants of it; each is made of the other.
final class MembershipRelay: ManagerMembership {
    private let membership = Mutex<FleetMembership?>(nil)

    func use(_ membership: FleetMembership) {
        self.membership.withLock { $0 = membership }
    }

    var isInForce: Bool { membership.withLock { $0 }?.isInForce ?? false }

    func recovered(_ lease: PartitionLease, running: Int) {
        membership.withLock { $0 }?.recovered(lease, running: running)
    }

    func shareUseChanged() {
        membership.withLock { $0 }?.shareUseChanged()
    }
}

/// What the control plane of a manager asks of environments.
private struct ManagedEnvironments: FunctionEnvironments {
    let desk: ManagerDesk
    let concurrency: FunctionConcurrency

    func provision(_ function: InvocableFunction, count: Int) {
        concurrency.provisionChanged(function, to: count)
        desk.provisionChanged(function, to: count)
    }

    // Nobody asks a manager's control plane; frontends ask the manager itself.
    func provisionProgress(
        of configuration: InvocableFunction.ConfigurationID,
        _ function: FunctionName
    ) async -> ProvisionProgress? { nil }

    func recycle(_ function: FunctionName) async -> Int { 0 }
}

extension ManagerDesk {
    /// What is reserved or provisioned for a function is something else from now on.
    fileprivate func concurrencyChanged(_ change: ConcurrencyChange, _ concurrency: FunctionConcurrency) {
        switch change {
        case .changed(let function, let reserved, let provisioned):
            concurrency.changed(function, reserved: reserved, provisioned: provisioned)
            settingsChanged(of: function, reserved: reserved, provisioned: provisioned)
        case .deleted(let function):
            concurrency.deleted(function)
            functionDeleted(function)
        }
    }
}

/// A manager makes no environments itself, so any runtime will do.
private struct AnyRuntime: RuntimeSupport {
    var architecture: String { "x86_64" }
    func obstacle(runtime: String, architecture: String, in sandbox: SandboxKind?) -> String? { nil }
}

/// Runs something until the process stops.
struct RunningService: Service {
    let body: @Sendable () async -> Void

    init(_ body: @escaping @Sendable () async -> Void) {
        self.body = body
    }

    func run() async {
        await cancelWhenGracefulShutdown { await body() }
    }
}

/// Reads again what is reserved and provisioned when changes may have been missed.
private struct ConcurrencyService: Service {
    let controlPlane: ControlPlane
    let missed: AsyncStream<Void>
    let logger: Logger

    init(controlPlane: ControlPlane, store: SQLMetadataStore, logger: Logger) {
        self.controlPlane = controlPlane
        self.logger = logger
        let (missed, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.missed = missed
        store.observe { if case .missed = $0 { continuation.yield() } }
    }

    func run() async {
        await cancelWhenGracefulShutdown {
            for await _ in missed {
                do {
                    try await controlPlane.recoverConcurrency()
                } catch {
                    logger.error(
                        "what functions have reserved could not be read again",
                        metadata: [LogKey.error: "\(error)"]
                    )
                }
            }
        }
    }
}
