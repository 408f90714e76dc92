package import LambdaAPI
package import Logging
package import NIOCore
import Synchronization
import Telemetry
package import Worker

/// Assigns invokes to environments, and keeps as many environments as are needed.
///
/// A thin shell around ``EnvironmentLedger``: every decision is made there, under one short lock, and carried out here,
/// outside of it.
package final class WorkerManager: Sendable {
    /// What is configured of the manager.
    package struct Settings: Sendable {
        /// The most memory that all environments together may have been promised.
        package var memoryBudget: ByteCount
        /// How long an environment is kept idle.
        package var idleTimeout: Duration = .seconds(600)
        /// How many environments of one function may be started for invokes at once, and again every ten seconds.
        package var scaleUpLimit = Limits.scaleUpPerPeriod

        package init(memoryBudget: ByteCount) {
            self.memoryBudget = memoryBudget
        }
    }

    typealias Ledger = EnvironmentLedger<
        InvocableFunction.ConfigurationID, EnvironmentID, Invoke, ObjectIdentifier
    >

    /// The ledger, and the environments that its identifiers stand for.
    struct State {
        var ledger: Ledger
        var environments: [EnvironmentID: any ManagedEnvironment] = [:]
        /// The functions for which environments are provisioned.
        var provisioned: [InvocableFunction.ConfigurationID: InvocableFunction] = [:]
        var isShuttingDown = false
    }

    /// How long an invoke waits for an environment that has answered to be idle, before another is started for it.
    ///
    /// A sandbox that has used its share of the CPU up while it answered stands still until the next period, for up to 100 ms.
    /// Another environment, which is initialised with all of the CPU, would often be there before it goes on, and callers
    /// who ask again at once would see cold starts in turn. That wait is a part of what a start takes, and an environment
    /// that is long at work after its answers has others beside it from then on.
    private static let finishingPatience: TimeAmount = .milliseconds(100)

    /// How often environments that are provisioned and could not be started are tried again.
    private static let retryInterval = Duration.seconds(5)

    private let host: any EnvironmentHost
    private let eventLoops: any EventLoopGroup
    private let settings: Settings
    private let logger: Logger
    let state: Mutex<State>

    /// - Parameters:
    ///   - host: Where environments are made.
    ///   - eventLoops: Where environments live that are not started for an invoke.
    package init(host: any EnvironmentHost, eventLoops: any EventLoopGroup, settings: Settings, logger: Logger) {
        self.host = host
        self.eventLoops = eventLoops
        self.settings = settings
        self.logger = logger
        let starts = RateLimit(
            settings.scaleUpLimit,
            perNanoseconds: Int(TimeAmount(Limits.scaleUpPeriod).nanoseconds)
        )
        state = Mutex(State(ledger: Ledger(memoryBudget: settings.memoryBudget.bytes, starts: starts)))
        tellFreeMemory()
    }

    /// Sees to it that the invoke's caller is answered: gives it an environment now or as soon as there is one.
    ///
    /// Must be called on the caller's event loop.
    package func submit(_ invoke: Invoke) {
        let eventLoop = invoke.eventLoop
        let function = invoke.request.function
        let (action, environment) = state.withLock { state -> (Ledger.InvokeAction?, (any ManagedEnvironment)?) in
            guard !state.isShuttingDown else { return (nil, nil) }
            let action = state.ledger.invokeArrived(
                invoke,
                for: function.configurationID,
                memory: function.memory.bytes,
                on: ObjectIdentifier(eventLoop),
                at: Self.now()
            )
            guard case .assign(let id) = action else { return (action, nil) }
            return (action, state.environments[id])
        }
        switch action {
        case nil:
            invoke.refuse(InvokeFailure(.shuttingDown, "the service is shutting down"))
        case .assign:
            guard let environment else { preconditionFailure("the ledger assigned an environment that is not there") }
            run(invoke, in: environment)
        case .wait:
            host.environmentsWanted(for: function)
        case .waitBriefly(let turn):
            host.environmentsWanted(for: function)
            eventLoop.scheduleTask(in: Self.finishingPatience) { [self] in
                let action = state.withLock {
                    $0.ledger.waitedLongEnough(
                        turn,
                        for: function.configurationID,
                        memory: function.memory.bytes,
                        at: Self.now()
                    )
                }
                carryOut(action, for: function, on: eventLoop)
            }
        case .startEnvironment(let evicted):
            carryOut(.startEnvironments(1, evicting: evicted), for: function, on: eventLoop)
        case .refuse(let refusal):
            refuse([invoke], refusal)
        }
    }

    /// Whether invokes of a version wait for an environment.
    package func isAwaited(_ configuration: InvocableFunction.ConfigurationID) -> Bool {
        state.withLock { $0.ledger.isAwaited(configuration) }
    }

    /// The clock of the ledger.
    static func now() -> Int { Int(clamping: NIODeadline.now().uptimeNanoseconds) }

    /// Ends the environments of a configuration that has been replaced or deleted; those at work finish first.
    package func retire(_ configuration: InvocableFunction.ConfigurationID) {
        let ending = state.withLock { state in
            state.provisioned[configuration] = nil
            return state.ledger.functionRetired(configuration)
        }
        end(ending)
    }

    /// Ends all environments of a function's versions that have been or are being used, idle ones at once and the others
    /// when they have finished. Those that are being made have nothing to forget and stay.
    ///
    /// - Returns: How many they are.
    package func recycle(_ name: FunctionName) -> Int {
        let recycled = state.withLock { state -> [EnvironmentID] in
            let ids = state.environments.values.filter { $0.function.name == name }.map(\.id)
            return state.ledger.recycle(ids)
        }
        end(recycled)
        return recycled.count
    }

    /// Ends environments that are idle for too long and starts those that are provisioned and missing, until the task is
    /// cancelled.
    package func run() async {
        let period = min(settings.idleTimeout / 4, Self.retryInterval)
        let timeout = Int(TimeAmount(settings.idleTimeout).nanoseconds)
        while (try? await Task.sleep(for: period)) != nil {
            let now = Self.now()
            end(state.withLock { $0.ledger.expireIdle(since: now - timeout, at: now) })
            retryProvisions()
        }
    }

    /// Takes no more invokes, refuses those that wait, and ends every environment when it has finished.
    package func shutDown() {
        let (environments, waiters) = state.withLock { state -> ([EnvironmentID], [Invoke]) in
            state.isShuttingDown = true
            return state.ledger.shutDown()
        }
        for waiter in waiters {
            waiter.refuse(InvokeFailure(.shuttingDown, "the service is shutting down"))
        }
        end(environments)
    }

    /// Ends every environment at once, and with it whatever it runs: the last resort of a shutdown.
    package func abort() {
        shutDown()
        for environment in state.withLock({ Array($0.environments.values) }) {
            environment.eventLoop.execute { environment.abort() }
        }
    }

    // MARK: Carrying out

    private func carryOut(_ action: Ledger.StartAction, for function: InvocableFunction, on eventLoop: any EventLoop) {
        switch action {
        case .none:
            break
        case .refuse(let invokes, let refusal):
            refuse(invokes, refusal)
        case .startEnvironments(let count, let evicted):
            end(evicted)
            for _ in 0..<count {
                start(.onDemand, for: function, on: eventLoop)
            }
            tellFreeMemory()
        }
    }

    /// Sandboxes that wait for functions may use what is not promised to environments.
    private func tellFreeMemory() {
        host.memoryBecameFree(ByteCount(bytes: state.withLock { $0.ledger.memoryFree }))
    }

    private func start(_ type: InitializationType, for function: InvocableFunction, on eventLoop: any EventLoop) {
        let isProvisioned = type == .provisionedConcurrency
        let outcome = host.startEnvironment(for: function, type, on: eventLoop, observer: self) { environment in
            state.withLock { state in
                state.environments[environment.id] = environment
                state.ledger.environmentStarting(
                    environment.id,
                    for: function.configurationID,
                    memory: function.memory.bytes,
                    on: ObjectIdentifier(environment.eventLoop),
                    isProvisioned: isProvisioned
                )
            }
        }
        let refusal: Ledger.Refusal
        switch outcome {
        case .started: return
        case .noRoom: refusal = .memory
        case .moved: refusal = .moved
        }
        let action = state.withLock { state in
            state.ledger.notStarted(for: function.configurationID, isProvisioned: isProvisioned, refusal)
        }
        carryOut(action, for: function, on: eventLoop)
    }

    private func run(_ invoke: Invoke, in environment: any ManagedEnvironment) {
        guard environment.eventLoop.inEventLoop else {
            return environment.eventLoop.execute { self.run(invoke, in: environment) }
        }
        guard environment.run(invoke) else {
            // It ended between the assignment and now; nothing of the invoke has run, so it may go elsewhere.
            let eventLoop = invoke.eventLoop
            return eventLoop.execute { self.submit(invoke) }
        }
    }

    private func end(_ environments: [EnvironmentID]) {
        guard !environments.isEmpty else { return }
        let ending = state.withLock { state in environments.compactMap { state.environments[$0] } }
        for environment in ending {
            environment.eventLoop.execute { environment.retire() }
        }
    }

    private func refuse(_ invokes: [Invoke], _ refusal: Ledger.Refusal) {
        let failure: InvokeFailure
        switch refusal {
        case .memory:
            failure = InvokeFailure(
                .capacityExhausted,
                "no memory is left in the budget for another execution environment"
            )
        case .scaleUp:
            failure = InvokeFailure(
                .scalingTooFast,
                "execution environments of the function are started as fast as the scale-up limit allows"
            )
        case .moved:
            failure = InvokeFailure(.moved, "the function is another manager's now")
        }
        // What has moved is asked for again, of whoever decides now.
        if failure.code != .moved {
            warn(of: invokes, failure)
        }
        for invoke in invokes {
            invoke.refuse(failure)
        }
    }

    private func warn(of invokes: [Invoke], _ failure: InvokeFailure) {
        logger.warning(
            "invokes were refused",
            metadata: [
                LogKey.count: "\(invokes.count)", LogKey.error: "\(failure)",
                LogKey.reason: "\(state.withLock { $0.ledger.summary })",
            ]
        )
    }
}

// MARK: - Figures

extension WorkerManager {
    /// What there is of environments at a moment.
    package struct Figures: Sendable {
        package var starting = 0
        package var idle = 0
        package var busy = 0
        /// Those that end.
        package var ending = 0
        /// What was promised to all but those that end.
        package var memoryPromised = ByteCount(bytes: 0)
    }

    /// What there is of environments now. Looks at all of them.
    package var figures: Figures {
        state.withLock { state in
            let counts = state.ledger.counts
            return Figures(
                starting: counts.starting,
                idle: counts.idle,
                busy: counts.working,
                ending: counts.leaving,
                memoryPromised: ByteCount(bytes: state.ledger.memoryPromised)
            )
        }
    }
}

// MARK: - Provisioned concurrency

extension WorkerManager {
    /// Keeps this many environments of a function's version initialised from now on; 0 for none. Does not wait for them.
    package func provision(_ function: InvocableFunction, count: Int) {
        let action = state.withLock { state -> Ledger.ProvisionAction in
            guard !state.isShuttingDown else { return .none }
            state.provisioned[function.configurationID] = count > 0 ? function : nil
            return state.ledger.provisionChanged(
                to: count,
                of: function.configurationID,
                memory: function.memory.bytes
            )
        }
        carryOut(action, for: function)
    }

    /// How far the provision of a version has come, nil if nothing is provisioned.
    package func provisionStatus(of configuration: InvocableFunction.ConfigurationID) -> ProvisionStatus? {
        state.withLock { $0.ledger.provisionStatus(of: configuration) }
    }

    private func carryOut(_ action: Ledger.ProvisionAction, for function: InvocableFunction) {
        guard case .startProvisioned(let count, let evicted) = action else { return }
        end(evicted)
        for _ in 0..<count {
            start(.provisionedConcurrency, for: function, on: eventLoops.next())
        }
        tellFreeMemory()
    }

    /// An environment has ended; another takes its place if it was provisioned.
    private func replaceProvisioned(_ function: InvocableFunction) {
        let action = state.withLock { state -> Ledger.ProvisionAction in
            guard !state.isShuttingDown, state.provisioned[function.configurationID] != nil else { return .none }
            return state.ledger.startMissing(of: function.configurationID)
        }
        carryOut(action, for: function)
    }

    private func retryProvisions() {
        let missing = state.withLock { state -> [InvocableFunction] in
            guard !state.isShuttingDown else { return [] }
            return state.ledger.functionsMissingProvision.compactMap { state.provisioned[$0] }
        }
        for function in missing {
            carryOut(state.withLock { $0.ledger.retryProvision(of: function.configurationID) }, for: function)
        }
    }
}

extension WorkerManager: EnvironmentObserver {
    package func environmentInitialised(_ environment: any ManagedEnvironment) {
        environmentReady(environment)
        // After failures one at a time is tried, and this one has shown that all may be.
        replaceProvisioned(environment.function)
    }

    package func environmentBecameIdle(_ environment: any ManagedEnvironment) {
        environmentReady(environment)
    }

    package func environmentAnswered(_ environment: any ManagedEnvironment) {
        state.withLock { $0.ledger.environmentAnswered(environment.id) }
    }

    package func environmentIsStillBusy(_ environment: any ManagedEnvironment) {
        let action = state.withLock { $0.ledger.environmentIsStillBusy(environment.id, at: Self.now()) }
        carryOut(action, for: environment.function, on: environment.eventLoop)
    }

    package func environmentFailedToInitialise(
        _ environment: any ManagedEnvironment,
        _ failure: InvokeFailure
    ) {
        let waiter = state.withLock { $0.ledger.environmentFailedToInitialise(environment.id) }
        waiter?.refuse(failure)
    }

    package func functionFailedToInitialise(in environment: any ManagedEnvironment) {
        state.withLock { $0.ledger.functionFailedToInitialise(in: environment.id) }
    }

    package func environmentEnded(_ environment: any ManagedEnvironment) {
        let action = state.withLock { $0.ledger.environmentEnded(environment.id, at: Self.now()) }
        carryOut(action, for: environment.function, on: environment.eventLoop)
        replaceProvisioned(environment.function)
    }

    package func environmentRemoved(_ environment: any ManagedEnvironment) {
        let action = state.withLock { state in
            state.environments[environment.id] = nil
            return state.ledger.environmentRemoved(environment.id, at: Self.now())
        }
        tellFreeMemory()
        carryOut(action, for: environment.function, on: environment.eventLoop)
    }

    private func environmentReady(_ environment: any ManagedEnvironment) {
        carryOut(state.withLock { $0.ledger.environmentReady(environment.id, at: Self.now()) }, with: environment)
    }

    func carryOut(_ action: Ledger.ReadyAction, with environment: any ManagedEnvironment) {
        switch action {
        case .run(let invoke):
            run(invoke, in: environment)
        case .end:
            environment.retire()
        case .keep, .none:
            break
        }
    }
}
