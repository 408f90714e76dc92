import FleetProtocol
package import HostIdentity
package import HostLink
package import LambdaAPI
package import Logging
package import NIOCore
import Synchronization
import Telemetry
package import Worker

/// A worker of a fleet: makes environments for managers, and runs the events that frontends bring with a manager's token.
///
/// A thin shell around ``HostedEnvironments``: every decision is made there, under one short lock, and carried out here, outside of
/// it.
package final class WorkerServer: Sendable {
    /// What is configured of a worker in a fleet.
    package struct Settings: Sendable {
        /// The most memory that all environments together may have been promised.
        package var memoryBudget: ByteCount
        /// How often managers hear of the worker.
        package var heartbeatInterval: TimeAmount = .seconds(1)
        /// How long after a heartbeat that was answered what its manager handed out is good.
        package var leash: TimeAmount = .seconds(10)

        package init(memoryBudget: ByteCount) {
            self.memoryBudget = memoryBudget
        }
    }

    typealias Machine = HostedEnvironments<Int, EnvironmentID, RequestID, ReservationToken>

    struct State {
        var machine: Machine
        var environments: [EnvironmentID: ExecutionEnvironment] = [:]
        /// Invokes that have come while the one before was not quite over.
        var followers: [EnvironmentID: Follower] = [:]
        /// Environments that have a timer for when they have been kept for long enough.
        var kept: Set<EnvironmentID> = []
        /// How many connections of managers there have been.
        var sessionCount = 0
        /// The managers that are connected.
        var managers: [Int: ManagerSession] = [:]
        /// What managers are told of the worker itself.
        var standing: WorkerStandingMessage
        /// What they are told for placement.
        var survey = WorkerSurvey()
        /// Whether an operator wants it drained, and whether it leaves whatever operators want.
        var isDrainOrdered = false
        var isLeaving = false
        /// Those who wait for the last environment to be gone.
        var drained: [CheckedContinuation<Void, Never>] = []
    }

    /// An invoke that waits for its environment to be idle.
    struct Follower {
        let invoke: Invoke
        let refused: @Sendable (String) -> Void
    }

    let worker: Worker
    let settings: Settings
    let logger: Logger
    let state: Mutex<State>
    /// Answers questions about logs; nil where there are none.
    let logs: LogDesk?
    private let eventLoops: any EventLoopGroup
    private let description: [UInt8]
    private let clock: @Sendable () -> Int
    private let keepAlive: @Sendable (Duration) -> Void

    /// - Parameters:
    ///   - description: What the worker is, as a JSON document for placement.
    ///   - logs: Answers questions about logs; nil where there are none.
    ///   - keepAlive: Called at every heartbeat: unless it is called again within the time it is given, every sandbox is to end,
    ///     though this process is stopped and can end none.
    ///   - clock: Nanoseconds that go on while the host sleeps and that nobody sets.
    package init(
        worker: Worker,
        settings: Settings,
        description: [UInt8],
        eventLoops: any EventLoopGroup,
        logger: Logger,
        logs: LogDesk? = nil,
        clock: @escaping @Sendable () -> Int = { SystemClock.sinceBoot() },
        keepAlive: @escaping @Sendable (Duration) -> Void
    ) {
        self.worker = worker
        self.settings = settings
        self.description = description
        self.eventLoops = eventLoops
        self.logger = logger
        self.logs = logs
        self.clock = clock
        self.keepAlive = keepAlive
        let machine = Machine(
            memoryBudget: settings.memoryBudget.bytes,
            leash: Int(settings.leash.nanoseconds)
        )
        state = Mutex(State(machine: machine, standing: WorkerStandingMessage()))
        tellFreeMemory()
    }

    /// Who talks with a host that has connected.
    package func user(for peer: HostIdentity) -> any LinkUser {
        switch peer.role {
        case .manager: ManagerSession(server: self, name: peer.name)
        case .frontend, .worker, .operator, .authority: FrontendSession(server: self)
        }
    }

    /// The roles that may connect.
    package static let allowedRoles: Set<HostRole> = [.manager, .frontend]

    /// Watches over what is proven until the task is cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            // Apart, since it may take its time.
            group.addTask { await self.survey() }
            await watch()
            group.cancelAll()
        }
    }

    var heartbeatInterval: Duration { .nanoseconds(settings.heartbeatInterval.nanoseconds) }

    private func watch() async {
        let interval = heartbeatInterval
        // Somewhat less than managers wait, who count from the last heartbeat and not from the last sign of life.
        let patience = max(interval, Duration.nanoseconds(settings.leash.nanoseconds) - interval)
        var pause = interval
        repeat {
            keepAlive(patience)
            endUnproven()
            // At the very moment, since managers count on little more than the leash.
            let now = clock()
            let next = state.withLock { $0.machine.nextEnd(after: now) }
            pause = min(interval, next.map { .nanoseconds($0 - now) } ?? interval)
        } while (try? await Task.sleep(for: pause)) != nil
    }

    /// Ends what its manager may count as over.
    private func endUnproven() {
        let now = clock()
        let ending = state.withLock { state in
            state.machine.unproven(at: now).compactMap { state.environments[$0] }
        }
        guard !ending.isEmpty else { return }
        logger.error(
            "no manager has been heard of for too long; what runs is ended",
            metadata: [LogKey.count: "\(ending.count)"]
        )
        for environment in ending {
            environment.eventLoop.execute { environment.abort() }
        }
    }

    /// Nanoseconds of the clock that leases go by.
    func now() -> Int { clock() }

    // MARK: Standing

    /// An operator wants the worker to have no environments, or to have some again.
    package func drainingOrdered(_ isDraining: Bool) {
        let isNews = state.withLock { state in
            defer { state.isDrainOrdered = isDraining }
            return state.isDrainOrdered != isDraining
        }
        guard isNews else { return }
        logger.notice(
            isDraining ? "the worker is drained, as an operator wants" : "the worker is not to be drained any more"
        )
        tellDraining()
        if isDraining { retireAll() }
    }

    /// Whether the worker finishes what it has: it leaves, or an operator wants it.
    package var isDraining: Bool { state.withLock { $0.standing.isDraining } }

    /// Makes no more environments, ends idle ones at once and the others when they have finished, and returns when the last is
    /// gone.
    package func drain() async {
        state.withLock { $0.isLeaving = true }
        tellDraining()
        retireAll()
        await withCheckedContinuation { continuation in
            let isDrained = state.withLock { state in
                if !state.environments.isEmpty { state.drained.append(continuation) }
                return state.environments.isEmpty
            }
            if isDrained { continuation.resume() }
        }
    }

    /// Whether there are no environments.
    package var isEmpty: Bool { state.withLock { $0.environments.isEmpty } }

    private func tellDraining() {
        let sessions = state.withLock { state -> [ManagerSession] in
            // One that leaves does so, whatever operators want.
            state.standing.isDraining = state.isDrainOrdered || state.isLeaving
            state.machine.isClosed = state.standing.isDraining
            return Array(state.managers.values)
        }
        for session in sessions { session.tellStanding() }
    }

    private func retireAll() {
        for environment in state.withLock({ Array($0.environments.values) }) {
            environment.eventLoop.execute { environment.retire() }
        }
    }

    /// Ends every environment at once, and with it whatever it runs.
    package func abortAll() {
        for environment in state.withLock({ Array($0.environments.values) }) {
            environment.eventLoop.execute { environment.abort() }
        }
    }

    // MARK: Environments, for managers

    /// The worker's own description, for placement.
    var registration: ByteBuffer { ByteBuffer(bytes: description) }

    func start(_ message: StartMessage, for session: ManagerSession) {
        let function = message.function
        let (action, evicted) = state.withLock { state -> (Machine.StartAction, [ExecutionEnvironment]) in
            let action = state.machine.startRequested(
                message.environmentID,
                in: message.ownership.partition,
                since: message.ownership.epoch,
                memory: function.memory.bytes,
                isProvisioned: message.isProvisioned,
                by: session.number
            )
            guard case .start(let evicted) = action else { return (action, []) }
            return (action, evicted.compactMap { state.environments[$0] })
        }
        switch action {
        case .refuse:
            session.tell(EventMessage(message.environmentID, .removed))
        case .noRoom:
            session.tell(EventMessage(message.environmentID, .noRoom))
        case .start:
            for environment in evicted {
                environment.eventLoop.execute { environment.retire() }
            }
            let environment = worker.makeEnvironment(
                named: message.environmentID,
                for: function,
                message.isProvisioned ? .provisionedConcurrency : .onDemand,
                on: eventLoops.next(),
                observer: self
            )
            state.withLock { $0.environments[environment.id] = environment }
            worker.expect(runtime: function.runtime, memoryMegabytes: function.memoryMegabytes, in: function.sandbox)
            worker.start(environment)
            tellFreeMemory()
        }
    }

    func retire(_ id: EnvironmentID, for session: ManagerSession, atOnce: Bool) {
        let (environment, mayDecide) = state.withLock { state in
            (state.environments[id], state.machine.mayDecide(session.number, for: id))
        }
        guard let environment else { return session.tell(EventMessage(id, .removed)) }
        guard mayDecide else { return }
        environment.eventLoop.execute {
            if atOnce { environment.abort() } else { environment.retire() }
        }
    }

    // MARK: Events, for frontends

    /// Gives an event to its environment.
    ///
    /// - Parameters:
    ///   - makeInvoke: Makes the invoke for the environment's function.
    ///   - refused: Called with why nothing has been begun. Called on any event loop.
    /// - Returns: What the next invoke in the same environment is to show, if one may follow.
    func run(
        _ message: RunMessage,
        _ makeInvoke: @Sendable (InvocableFunction) -> Invoke,
        refused: @escaping @Sendable (String) -> Void
    ) -> ReservationToken? {
        let now = clock()
        let (action, environment, invoke) = state.withLock { state in
            let environment = state.environments[message.environmentID]
            let action = state.machine.runRequested(
                message.requestID,
                in: message.environmentID,
                showing: message.token,
                followers: message.followers,
                at: now,
                makeToken: { .random() }
            )
            if case .refuse = action { return (action, environment, Invoke?.none) }
            let invoke = environment.map { makeInvoke($0.function) }
            if case .wait = action, let invoke {
                state.followers[message.environmentID] = Follower(invoke: invoke, refused: refused)
            }
            return (action, environment, invoke)
        }
        switch action {
        case .refuse(let refusal):
            refused("\(refusal)")
            return nil
        case .wait(let next):
            return next
        case .run(let next):
            guard let environment, let invoke else {
                refused("gone")
                return nil
            }
            if environment.eventLoop.inEventLoop {
                run(invoke, in: environment, refused)
            } else {
                environment.eventLoop.execute { self.run(invoke, in: environment, refused) }
            }
            return next
        }
    }

    private func run(_ invoke: Invoke, in environment: ExecutionEnvironment, _ refused: (String) -> Void) {
        // It may have ended between the decision and now; then nothing of the invoke has run.
        if !environment.run(invoke) { refused("gone") }
    }

    private func tellFreeMemory() {
        worker.memoryBecameFree(ByteCount(bytes: state.withLock { $0.machine.memoryFree }))
    }
}

// MARK: - What becomes of environments

extension WorkerServer: EnvironmentObserver {
    package func environmentInitialised(_ environment: any ManagedEnvironment) {
        becameIdle(environment) { token, _ in .initialised(token) }
    }

    package func environmentBecameIdle(_ environment: any ManagedEnvironment) {
        becameIdle(environment) { token, followers in .idle(token, followers: followers) }
    }

    package func environmentAnswered(_ environment: any ManagedEnvironment) {
        // Who has given out a chain expects the environment back at any time.
        guard !state.withLock({ $0.machine.hasChain(environment.id) }) else { return }
        tell(environment.id, .answered)
    }

    package func environmentFailedToInitialise(_ environment: any ManagedEnvironment, _ failure: InvokeFailure) {
        tell(environment.id, .hostFailed(failure.message))
    }

    package func functionFailedToInitialise(in environment: any ManagedEnvironment) {
        tell(environment.id, .functionFailedToInitialise)
    }

    package func environmentEnded(_ environment: any ManagedEnvironment) {
        let follower = state.withLock { state -> Follower? in
            _ = state.machine.ended(environment.id)
            return state.followers.removeValue(forKey: environment.id)
        }
        follower?.refused("gone")
        tell(environment.id, .ended)
        tellFreeMemory()
    }

    package func environmentRemoved(_ environment: any ManagedEnvironment) {
        // Told of while it is still known whose it was.
        tell(environment.id, .removed)
        let drained = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.machine.removed(environment.id)
            state.environments[environment.id] = nil
            guard state.environments.isEmpty else { return [] }
            defer { state.drained = [] }
            return state.drained
        }
        for continuation in drained { continuation.resume() }
    }

    private func becameIdle(
        _ environment: any ManagedEnvironment,
        _ event: (ReservationToken, Int) -> EventMessage.Event
    ) {
        let now = clock()
        let (action, follower, pause) = state.withLock { state -> (Machine.IdleAction, Follower?, Int?) in
            let action = state.machine.becameIdle(environment.id, with: .random(), at: now)
            switch action {
            case .run:
                return (action, state.followers.removeValue(forKey: environment.id), nil)
            case .keep:
                // One timer is enough for many invokes: one that finds itself early is set again.
                let isNew = state.kept.insert(environment.id).inserted
                return (action, nil, isNew ? state.machine.pause : nil)
            case .tell, .end:
                return (action, nil, nil)
            }
        }
        switch action {
        case .tell(let token, let followers):
            tell(environment.id, event(token, followers))
        case .keep:
            if let pause { armKeepTimer(environment, pause) }
        case .run:
            guard let follower else { preconditionFailure("an invoke waits that nobody has brought") }
            if !environment.run(follower.invoke) { follower.refused("gone") }
        case .end:
            environment.retire()
        }
    }

    /// Tells the manager that an environment is idle unless somebody comes within so many nanoseconds. Called on the environment's
    /// event loop.
    private func armKeepTimer(_ environment: any ManagedEnvironment, _ nanoseconds: Int) {
        environment.eventLoop.scheduleTask(in: .nanoseconds(Int64(nanoseconds))) { [self] in
            let now = clock()
            let action = state.withLock { state in
                let action = state.machine.keptLongEnough(environment.id, at: now, makeToken: { .random() })
                if case .again = action {} else { state.kept.remove(environment.id) }
                return action
            }
            switch action {
            case .tell(let token, let followers):
                tell(environment.id, .idle(token, followers: followers))
            case .again(after: let nanoseconds):
                armKeepTimer(environment, nanoseconds)
            case .none:
                break
            }
        }
    }

    private func tell(_ id: EnvironmentID, _ event: EventMessage.Event) {
        let session = state.withLock { state in
            state.machine.manager(of: id).flatMap { state.managers[$0] }
        }
        session?.tell(EventMessage(id, event))
    }
}
