package import CodeStore
package import LambdaAPI
package import Logging
package import NIOCore
import Sandbox
import Synchronization
package import Telemetry

/// The environments of one host: makes them, watches over them, and removes what is left of them.
///
/// Each environment's life is one child task of ``run()``: prepare, wait for the end, clean up, in this order whatever
/// happens in between.
package final class Worker: Sendable {
    private let settings: WorkerSettings
    private let codeStore: CodeStore
    private let logs: FunctionLogWriter
    private let logger: Logger
    private let gate: StartGate
    /// Where sandboxes come from, by their kind.
    private let sources: [SandboxKind: SandboxSource]
    /// What functions run in that have not chosen.
    private let standardSandbox: SandboxKind
    /// The snapshots that functions start from; nil where none can be taken.
    package let snapshots: FunctionSnapshots?
    /// What environments use of the CPU.
    package let meter = CPUMeter()
    private let starts: AsyncStream<ExecutionEnvironment>
    private let startsContinuation: AsyncStream<ExecutionEnvironment>.Continuation
    /// Environments that initialise for a snapshot, which no manager knows of; nil when there are to be no more.
    private let templates = Mutex<[EnvironmentID: ExecutionEnvironment]?>([:])

    /// - Parameters:
    ///   - supplies: The kinds of sandboxes that there are.
    ///   - standardSandbox: The one of them for functions that have not chosen.
    package init(
        settings: WorkerSettings,
        supplies: [SandboxKind: SandboxSupply],
        standardSandbox: SandboxKind,
        codeStore: CodeStore,
        logs: FunctionLogWriter,
        snapshots: FunctionSnapshots? = nil,
        logger: Logger
    ) {
        self.snapshots = snapshots
        self.settings = settings
        self.codeStore = codeStore
        self.standardSandbox = standardSandbox
        self.logs = logs
        self.logger = logger
        let gate = StartGate(insideMax: settings.startsMax)
        self.gate = gate
        var poolSettings = settings
        poolSettings.waitingMemoryMax = ByteCount(bytes: settings.waitingMemoryMax.bytes / max(supplies.count, 1))
        sources = supplies.mapValues { supply in
            SandboxSource(
                runtimes: supply.runtimes,
                pool: SandboxPool(
                    engine: supply.engine,
                    runtimes: supply.runtimes,
                    settings: poolSettings,
                    gate: gate,
                    logger: logger
                ),
                standInNotices: StandInNotices(runtimes: supply.runtimes)
            )
        }
        (starts, startsContinuation) = AsyncStream.makeStream()
        snapshots?.use { [weak self] function, eventLoop in
            await self?.initialise(function, on: eventLoop)
                ?? .failure(.stopped)
        }
    }

    /// Makes an environment that has yet to be started.
    package func makeEnvironment(
        named id: EnvironmentID = .random(),
        for function: InvocableFunction,
        _ type: InitializationType = .onDemand,
        on eventLoop: any EventLoop,
        observer: any EnvironmentObserver
    ) -> ExecutionEnvironment {
        makeEnvironment(id, function, type, on: eventLoop, observer: observer, for: nil)
    }

    private func makeEnvironment(
        _ id: EnvironmentID,
        _ function: InvocableFunction,
        _ type: InitializationType,
        on eventLoop: any EventLoop,
        observer: any EnvironmentObserver,
        for snapshotOrder: SnapshotOrder?
    ) -> ExecutionEnvironment {
        var settings = settings
        // There is no version of which environments are provisioned and start from a snapshot.
        let type = function.startsFromSnapshot && type == .onDemand ? .snapStart : type
        if type != .onDemand {
            let seconds = Int(Limits.provisionedInitialisation.components.seconds)
            settings.initialisationTimeoutSeconds = max(seconds, function.timeoutSeconds)
        }
        return ExecutionEnvironment(
            id: id,
            function: function,
            initializationType: type,
            eventLoop: eventLoop,
            settings: settings,
            observer: observer,
            snapshotOrder: snapshotOrder,
            logger: logger.with(LogKey.environmentID, id).with(LogKey.functionName, function.name)
        )
    }

    /// Begins the environment's life; its observer hears what becomes of it. Does not wait.
    package func start(_ environment: ExecutionEnvironment) {
        let source = source(of: environment.function)
        if let notice = source?.standInNotices.firstUse(of: environment.function.runtime) {
            logger.warning("a runtime is served by a stand-in", metadata: [LogKey.reason: "\(notice)"])
        }
        startsContinuation.yield(environment)
    }

    /// Nil where a function has chosen what is not there.
    private func source(of function: InvocableFunction) -> SandboxSource? {
        sources[function.sandbox ?? standardSandbox]
    }

    /// There is a function of this runtime and memory size, which may be invoked at any time.
    package func expect(runtime: String, memoryMegabytes: Int, in sandbox: SandboxKind?) {
        sources[sandbox ?? standardSandbox]?.pool.expect(runtime: runtime, memoryMegabytes: memoryMegabytes)
    }

    /// Serves until ``finish()`` has been called and the last environment is gone.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for source in sources.values { group.addTask { await source.pool.run() } }
            for await environment in starts {
                let life = EnvironmentLife(
                    environment: environment,
                    settings: settings,
                    source: source(of: environment.function),
                    snapshots: snapshots,
                    codeStore: codeStore,
                    logs: logs,
                    meter: meter
                )
                group.addTask { await life.run(through: await self.gate.enter()) }
            }
            for source in sources.values { source.pool.stop() }
        }
    }

    /// Has a version of a function initialised, and keeps a snapshot that its environments on this host start from. Where there is
    /// one already, or it is being made, no other is.
    ///
    /// - Returns: Whether there is one now: not where sandboxes cannot be copied.
    package func makeSnapshot(of function: InvocableFunction) async throws(SnapshotFailure) -> Bool {
        guard let snapshots, source(of: function)?.pool.copier != nil else { return false }
        try await snapshots.make(of: function)
        return true
    }

    /// Makes no more snapshots, and gives up those that are being made.
    package func stopSnapshots() {
        let left = templates.withLock { $0.take() ?? [:] }
        for template in left.values { template.eventLoop.execute { template.abort() } }
    }

    /// Initialises a function in an environment that becomes a snapshot.
    private func initialise(
        _ function: InvocableFunction,
        on eventLoop: any EventLoop
    ) async -> Result<FunctionSnapshot, SnapshotFailure> {
        let order = SnapshotOrder()
        let template = makeEnvironment(
            .random(),
            function,
            .onDemand,
            on: eventLoop,
            observer: TemplateObserver(order),
            for: order
        )
        let isRunning = templates.withLock { templates in
            templates?[template.id] = template
            return templates != nil
        }
        guard isRunning else { return .failure(.stopped) }
        defer { templates.withLock { _ = $0?.removeValue(forKey: template.id) } }
        start(template)
        do throws(SnapshotFailure) {
            return .success(try await order.outcome())
        } catch {
            return .failure(error)
        }
    }

    /// Which packages the host has unpacked; see ``CodeStore/inventory(since:)``.
    package func codeInventory(since version: Int?) async -> CodeInventory? {
        await codeStore.inventory(since: version)
    }

    /// Takes no more environments; ``run()`` returns when those that are left have ended.
    package func finish() {
        stopSnapshots()
        startsContinuation.finish()
    }
}

extension Worker: EnvironmentHost {
    package func startEnvironment(
        for function: InvocableFunction,
        _ type: InitializationType,
        on eventLoop: any EventLoop,
        observer: any EnvironmentObserver,
        willStart: (any ManagedEnvironment) -> Void
    ) -> StartOutcome {
        let environment = makeEnvironment(for: function, type, on: eventLoop, observer: observer)
        willStart(environment)
        start(environment)
        return .started
    }

    /// Sandboxes that wait for functions may use it.
    package func memoryBecameFree(_ memory: ByteCount) {
        for source in sources.values { source.pool.memoryBecameFree(memory.bytes / sources.count) }
    }
}

extension ExecutionEnvironment: ManagedEnvironment {}
