import MetadataStore
import WorkerRole

/// A worker: the glue of `WorkerServer`, `ManagerSession` and `FrontendSession` around ``HostedEnvironments``.
final class SimulatedWorker: SimulatedProcess, SimulatedObserver {
    typealias Machine = HostedEnvironments<ObjectIdentifier, Int, Int, Int>

    static let heartbeatInterval = 1 * Span.second
    static let leash = 10 * Span.second

    let fleet: SimulatedFleet
    let memoryBudget: Int
    private(set) var machine = Machine(memoryBudget: 0, leash: 0)
    private(set) var environments: [Int: SimulatedEnvironment] = [:]
    fileprivate var managers: [ObjectIdentifier: WorkersManagerSession] = [:]
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
        environments = [:]
        managers = [:]
        membership = nil
        fleet.network.processDied(self)
    }

    private func watch() {
        later(Self.heartbeatInterval) { [self] in
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

    fileprivate func opened(_ session: WorkersManagerSession) { managers[ObjectIdentifier(session)] = session }

    fileprivate func ended(_ session: WorkersManagerSession) {
        managers[ObjectIdentifier(session)] = nil
        machine.managerLost(ObjectIdentifier(session))
    }

    fileprivate func own(
        _ ownership: FleetMessage.Ownership,
        for session: WorkersManagerSession,
        over link: SimulatedLink
    ) {
        let action = machine.owned(
            ownership.partition,
            since: ownership.epoch,
            by: ObjectIdentifier(session),
            at: clock(),
            makeToken: { fleet.makeToken() }
        )
        switch action {
        case .outdated(let epoch):
            link.send(.outdated(.init(partition: ownership.partition, epoch: epoch)))
        case .report(let ids):
            for id in ids.sorted() {
                guard let entry = machine.entries[id], let environment = environments[id] else { continue }
                let phase: FleetMessage.Phase =
                    switch entry.phase {
                    case .starting: .starting
                    case .idle(let token, _): .idle(token)
                    case .busy(let invoke, _): .busy(invoke)
                    case .kept: preconditionFailure("no invoke follows another here")
                    case .leaving: .leaving
                    }
                link.send(.report(environment: id, function: environment.function, phase))
            }
            link.send(.reported(ownership))
        }
    }

    fileprivate func disowned(_ ownership: FleetMessage.Ownership, by session: WorkersManagerSession) {
        machine.disowned(ownership.partition, since: ownership.epoch, by: ObjectIdentifier(session))
    }

    fileprivate func heartbeatAnswered(by session: WorkersManagerSession, sentAt: Int) {
        machine.heartbeatAnswered(by: ObjectIdentifier(session), sentAt: sentAt)
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
            by: ObjectIdentifier(session)
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
        guard machine.mayDecide(ObjectIdentifier(session), for: id) else { return }
        if atOnce { environment.abort() } else { environment.retire() }
    }

    fileprivate func void(_ id: Int, for session: WorkersManagerSession) {
        switch machine.voidRequested(id, by: ObjectIdentifier(session), makeToken: { fleet.makeToken() }) {
        case .idle(let token, followers: _): session.tell(id, .idle(token))
        case .running: session.tell(id, .running)
        case .gone: session.tell(id, .removed)
        case .none: break
        }
    }

    // MARK: For frontends

    fileprivate func run(
        _ invoke: Int,
        of function: Int,
        in id: Int,
        showing token: Int,
        _ answer: @escaping (Bool) -> Void
    ) {
        let action = machine.runRequested(invoke, in: id, showing: token, followers: 0, at: clock()) {
            fleet.makeToken()
        }
        guard action == .run(next: nil), let environment = environments[id]
        else { return answer(false) }
        if !environment.run(invoke, of: function, answer) { answer(false) }
    }

    // MARK: What becomes of environments

    private func tell(_ id: Int, _ event: FleetMessage.Event) {
        machine.manager(of: id).flatMap { managers[$0] }?.tell(id, event)
    }

    func initialised(_ environment: SimulatedEnvironment) {
        becameIdle(environment) { .initialised($0) }
    }

    func becameIdle(_ environment: SimulatedEnvironment) {
        becameIdle(environment) { .idle($0) }
    }

    private func becameIdle(_ environment: SimulatedEnvironment, _ event: (Int) -> FleetMessage.Event) {
        let token = fleet.makeToken()
        guard case .tell = machine.becameIdle(environment.id, with: token, at: clock()) else {
            return environment.retire()
        }
        tell(environment.id, event(token))
    }

    func answered(_ environment: SimulatedEnvironment) { tell(environment.id, .answered) }

    func failedToInitialise(_ environment: SimulatedEnvironment) { tell(environment.id, .hostFailed) }

    func ended(_ environment: SimulatedEnvironment) {
        machine.ended(environment.id)
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
    private unowned let worker: SimulatedWorker
    private var link: SimulatedLink?
    private var heartbeats: [Int: Int] = [:]
    private var heartbeatNumber = 0

    private static let heartbeatsMax = 64

    init(_ worker: SimulatedWorker) {
        self.worker = worker
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
        guard case .run(let call, let invoke, let function, let id, let token) = message else { return }
        worker.run(invoke, of: function, in: id, showing: token) { hasRun in
            link.send(hasRun ? .result(call: call) : .notRun(call: call))
        }
    }
}
