import MetadataStore
import WorkerRole

/// A worker: the glue of `WorkerServer`, `ManagerSession` and `FrontendSession` around ``HostedEnvironments``.
final class SimulatedWorker: SimulatedProcess, SimulatedObserver {
    typealias Machine = HostedEnvironments<Int, Int, Int, Int>

    private struct Follower {
        let invoke: Int
        let function: Int
        let answer: (SimulatedEnvironment.Answer) -> Void
    }

    static let heartbeatInterval = 1 * Span.second
    static let leash = 10 * Span.second

    let fleet: SimulatedFleet
    let memoryBudget: Int
    private(set) var machine = Machine(memoryBudget: 0, leash: 0)
    private(set) var environments: [Int: SimulatedEnvironment] = [:]
    /// Invokes that wait for their environment to be idle.
    private var followers: [Int: Follower] = [:]
    /// Environments that have a timer for when they have been kept for long enough.
    private var kept: Set<Int> = []
    fileprivate var managers: [Int: WorkersManagerSession] = [:]
    private var membership: SimulatedMembership?

    init(_ name: String, memoryBudget: Int, in fleet: SimulatedFleet) {
        self.fleet = fleet
        self.memoryBudget = memoryBudget
        super.init(name, in: fleet.world)
        fleet.network.listen(self) { [unowned self] peer -> any SimulatedLinkUser in
            if peer is SimulatedManager { WorkersManagerSession(self) } else { WorkersFrontendSession(self) }
        }
    }

    override func started() {
        machine = Machine(memoryBudget: memoryBudget, leash: Self.leash)
        let membership = SimulatedMembership(self, .worker, store: fleet.store, observer: self)
        self.membership = membership
        membership.run()
        watch()
    }

    /// What runs here ends with the process.
    override func died() {
        for environment in environments.values { environment.kill() }
        (environments, followers, kept, managers) = ([:], [:], [], [:])
        membership = nil
        fleet.network.processDied(self)
    }

    private func watch() {
        let now = clock()
        let next = machine.nextEnd(after: now) ?? .max
        later(min(Self.heartbeatInterval, next - now)) { [self] in
            for id in machine.unproven(at: clock()).sorted() { environments[id]?.abort() }
            watch()
        }
    }

    func joined(as member: FleetMemberID) {}
    func leaseEnded() {}
    func leaseResumed() {}
    func evicted() {}
    func fleetChanged(_ view: FleetView) {}

    /// Whether whoever gave it work must reckon that it has ended what it runs of a partition.
    func isProven(_ partition: Int) -> Bool {
        machine.ownerships[partition].map { clock() < $0.provenUntil } ?? false
    }

    /// What it still runs though it should not is known for that from now on.
    override func resume() {
        fleet.oracle.resumes(self)
        super.resume()
    }

    // MARK: For managers

    fileprivate func opened(_ session: WorkersManagerSession) { managers[session.number] = session }

    fileprivate func ended(_ session: WorkersManagerSession) {
        managers[session.number] = nil
        machine.managerLost(session.number)
    }

    fileprivate func own(
        _ ownership: FleetMessage.Ownership,
        for session: WorkersManagerSession,
        over link: SimulatedLink
    ) {
        let epoch = machine.ownerships[ownership.partition]?.epoch
        let action = machine.owned(
            ownership.partition,
            since: ownership.epoch,
            by: session.number,
            at: clock(),
            makeToken: { fleet.makeToken() }
        )
        switch action {
        case .outdated(let epoch):
            link.send(.outdated(.init(partition: ownership.partition, epoch: epoch)))
        case .report(let ids):
            fleet.oracle.followed(ownership, after: epoch, by: self)
            for id in ids.sorted() {
                guard let entry = machine.entries[id], let environment = environments[id] else { continue }
                let phase: FleetMessage.Phase =
                    switch entry.phase {
                    case .starting: .starting
                    case .idle(let token, _): .idle(token)
                    case .busy(let invoke, _): .busy(invoke)
                    case .kept: preconditionFailure("what is kept has become idle for a new manager")
                    case .leaving: .leaving
                    }
                link.send(.report(environment: id, function: environment.function, phase))
            }
            link.send(.reported(ownership))
        }
    }

    fileprivate func disowned(_ ownership: FleetMessage.Ownership, by session: WorkersManagerSession) {
        machine.disowned(ownership.partition, since: ownership.epoch, by: session.number)
    }

    fileprivate func heartbeatAnswered(by session: WorkersManagerSession, sentAt: Int) {
        machine.heartbeatAnswered(by: session.number, sentAt: sentAt)
    }

    fileprivate func start(
        _ id: Int,
        _ function: Int,
        _ ownership: FleetMessage.Ownership,
        for session: WorkersManagerSession
    ) {
        let action = machine.startRequested(
            id,
            in: ownership.partition,
            since: ownership.epoch,
            memory: 1,
            isProvisioned: false,
            by: session.number
        )
        switch action {
        case .refuse: session.tell(id, .removed)
        case .noRoom: session.tell(id, .noRoom)
        case .start(let evicted):
            fleet.oracle.coldStarted(function)
            for id in evicted { environments[id]?.retire() }
            let environment = SimulatedEnvironment(id, of: function, on: self)
            environments[id] = environment
            environment.initialise()
        }
    }

    fileprivate func retire(_ id: Int, for session: WorkersManagerSession, atOnce: Bool) {
        guard let environment = environments[id] else { return session.tell(id, .removed) }
        guard machine.mayDecide(session.number, for: id) else { return }
        if atOnce { environment.abort() } else { environment.retire() }
    }

    fileprivate func void(_ id: Int, for session: WorkersManagerSession) {
        switch machine.voidRequested(id, by: session.number, makeToken: { fleet.makeToken() }) {
        case .idle(let token, let followers): session.tell(id, .idle(token, followers: followers))
        case .running: session.tell(id, .running)
        case .gone: session.tell(id, .removed)
        case .none: break
        }
    }

    // MARK: For frontends

    fileprivate func run(
        _ invoke: Int,
        of function: Int,
        by reservation: FleetMessage.Reservation,
        _ answer: @escaping (SimulatedEnvironment.Answer, Int?) -> Void
    ) {
        let id = reservation.environment
        let action = machine.runRequested(
            invoke,
            in: id,
            showing: reservation.token,
            followers: reservation.followers,
            at: clock(),
            makeToken: { fleet.makeToken() }
        )
        if case .refuse = action { return answer(.notRun, nil) }
        fleet.oracle.accepted(reservation, since: machine.ownerships[fleet.partition(of: function)]?.epoch)
        switch action {
        case .refuse: break
        case .wait(let next):
            followers[id] = Follower(invoke: invoke, function: function) { answer($0, next) }
        case .run(let next):
            guard let environment = environments[id] else { return answer(.notRun, nil) }
            run(invoke, of: function, in: environment) { answer($0, next) }
        }
    }

    private func run(
        _ invoke: Int,
        of function: Int,
        in environment: SimulatedEnvironment,
        _ answer: @escaping (SimulatedEnvironment.Answer) -> Void
    ) {
        if !environment.run(invoke, of: function, answer) { answer(.notRun) }
    }

    // MARK: What becomes of environments

    private func tell(_ id: Int, _ event: FleetMessage.Event) {
        machine.manager(of: id).flatMap { managers[$0] }?.tell(id, event)
    }

    func initialised(_ environment: SimulatedEnvironment) {
        becameIdle(environment) { token, _ in .initialised(token) }
    }

    func becameIdle(_ environment: SimulatedEnvironment) {
        becameIdle(environment) { .idle($0, followers: $1) }
    }

    private func becameIdle(_ environment: SimulatedEnvironment, _ event: (Int, Int) -> FleetMessage.Event) {
        let id = environment.id
        switch machine.becameIdle(id, with: fleet.makeToken(), at: clock()) {
        case .tell(let token, let followers): tell(id, event(token, followers))
        case .keep:
            if kept.insert(id).inserted { armKeepTimer(id, machine.pause) }
        case .run:
            guard let follower = followers.removeValue(forKey: id) else {
                preconditionFailure("an invoke waits that nobody has brought")
            }
            run(follower.invoke, of: follower.function, in: environment, follower.answer)
        case .end: environment.retire()
        }
    }

    private func armKeepTimer(_ id: Int, _ span: Int) {
        later(span) { [self] in
            let action = machine.keptLongEnough(id, at: clock()) { fleet.makeToken() }
            if case .again = action {} else { kept.remove(id) }
            switch action {
            case .tell(let token, let followers): tell(id, .idle(token, followers: followers))
            case .again(after: let span): armKeepTimer(id, span)
            case .none: break
            }
        }
    }

    func answered(_ environment: SimulatedEnvironment) {
        if !machine.hasChain(environment.id) { tell(environment.id, .answered) }
    }

    func failedToInitialise(_ environment: SimulatedEnvironment) { tell(environment.id, .hostFailed) }

    func ended(_ environment: SimulatedEnvironment) {
        machine.ended(environment.id)
        followers.removeValue(forKey: environment.id)?.answer(.notRun)
        tell(environment.id, .ended)
    }

    func removed(_ environment: SimulatedEnvironment) {
        tell(environment.id, .removed)
        machine.removed(environment.id)
        environments[environment.id] = nil
    }
}

/// One manager's connection to a worker.
private final class WorkersManagerSession: SimulatedLinkUser {
    let number: Int
    private unowned let worker: SimulatedWorker
    private var link: SimulatedLink?
    private var heartbeats: [Int: Int] = [:]
    private var heartbeatNumber = 0

    private static let heartbeatsMax = 64

    init(_ worker: SimulatedWorker) {
        self.worker = worker
        number = worker.fleet.makeID()
    }

    func tell(_ id: Int, _ event: FleetMessage.Event) { link?.send(.event(environment: id, event)) }

    func linkOpened(_ link: SimulatedLink) {
        self.link = link
        worker.opened(self)
        link.send(.registered)
        sendHeartbeat(over: link)
        armTimer(over: link)
    }

    private func armTimer(over link: SimulatedLink) {
        worker.later(SimulatedWorker.heartbeatInterval) { [weak self] in
            guard let self, self.link === link else { return }
            sendHeartbeat(over: link)
            armTimer(over: link)
        }
    }

    private func sendHeartbeat(over link: SimulatedLink) {
        heartbeatNumber += 1
        heartbeats[heartbeatNumber] = worker.clock()
        if heartbeats.count > Self.heartbeatsMax, let oldest = heartbeats.keys.min() { heartbeats[oldest] = nil }
        link.send(.heartbeat(heartbeatNumber, memoryFree: worker.machine.memoryFree))
    }

    func linkEnded(_ link: SimulatedLink) {
        self.link = nil
        worker.ended(self)
    }

    func received(_ message: FleetMessage, over link: SimulatedLink) {
        switch message {
        case .own(let partitions):
            sendHeartbeat(over: link)
            for partition in partitions { worker.own(partition, for: self, over: link) }
        case .disown(let partitions):
            for partition in partitions { worker.disowned(partition, by: self) }
        case .start(let id, let function, let ownership): worker.start(id, function, ownership, for: self)
        case .retire(let id): worker.retire(id, for: self, atOnce: false)
        case .abort(let id): worker.retire(id, for: self, atOnce: true)
        case .voidToken(let id): worker.void(id, for: self)
        case .heartbeatAnswer(let number):
            guard let sentAt = heartbeats.removeValue(forKey: number) else { return }
            worker.heartbeatAnswered(by: self, sentAt: sentAt)
        default: break
        }
    }
}

/// A frontend's connection to a worker.
private final class WorkersFrontendSession: SimulatedLinkUser {
    private unowned let worker: SimulatedWorker

    init(_ worker: SimulatedWorker) {
        self.worker = worker
    }

    func linkOpened(_ link: SimulatedLink) {}
    func linkEnded(_ link: SimulatedLink) {}

    func received(_ message: FleetMessage, over link: SimulatedLink) {
        guard case .run(let call, let invoke, let function, let reservation) = message else { return }
        worker.run(invoke, of: function, by: reservation) { answer, next in
            switch answer {
            case .result: link.send(.result(call: call, next: next))
            case .notRun: link.send(.notRun(call: call))
            }
        }
    }
}
