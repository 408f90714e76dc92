import Fleet
import MetadataStore

/// What a process's membership comes to, as `FleetObserver` tells it.
protocol SimulatedObserver: AnyObject {
    func joined(as member: FleetMemberID)
    func leaseEnded()
    func leaseResumed()
    func evicted()
    func fleetChanged(_ view: FleetView)
}

/// A manager, as its membership sees it; see `PartitionHolder`.
protocol SimulatedHolder: SimulatedObserver {
    func partitionsGained(_ leases: [PartitionLease])
    func partitionsReleased(_ leases: [PartitionLease]) -> [Int: Int]
    func partitionsLost(_ numbers: [Int])
    func shareUse() -> ShareUse
    func shareChanged(_ share: Int)
    func shareShrinks(to share: Int) -> Int
}

/// The glue of `FleetMembership` around the same machines, without tasks: what awaits there is a callback here.
final class SimulatedMembership {
    static let lease = 10 * Span.second
    private static let readPause = 50 * Span.millisecond

    /// What a manager keeps of its partitions and its share, under one incarnation.
    struct ManagerState {
        var holdings: PartitionHoldings
        var keeper = ShareKeeper()
        var releases: [PartitionRelease] = []
        var recoveries: [(lease: PartitionLease, running: Int)] = []
        var kept: Int?

        init(own: FleetMemberID) {
            holdings = PartitionHoldings(own: own)
        }
    }

    let process: SimulatedProcess
    let store: SimulatedStore
    private unowned let observer: any SimulatedObserver
    weak var holder: (any SimulatedHolder)?
    private let life: Int
    private var ownMember: FleetMember
    private var lease: MemberLease
    private(set) var view: FleetView
    var manager: ManagerState
    private var leaseTimer = 0
    private var isAsking = false
    private var isLeaving = false
    var watch = MemberWatch()
    var evictedWatch = EvictedWatch()
    var nextLook = Int.min
    private var roundTimer = 0
    private var isWaiting = false
    private var isSignalled = false

    init(
        _ process: SimulatedProcess,
        _ role: FleetRole,
        store: SimulatedStore,
        observer: any SimulatedObserver,
        holder: (any SimulatedHolder)? = nil
    ) {
        self.process = process
        self.store = store
        self.observer = observer
        self.holder = holder
        life = process.life
        ownMember = Self.member(of: process, role)
        lease = MemberLease(duration: Self.lease, at: process.clock())
        manager = ManagerState(own: ownMember.id)
        switch role {
        case .manager: view = FleetView(of: FleetTable.allCases)
        case .frontend: view = FleetView(of: [.managers, .partitions])
        case .worker: view = FleetView(of: [])
        }
    }

    /// Every incarnation has a name of its own that follows from the seed.
    private static func member(of process: SimulatedProcess, _ role: FleetRole) -> FleetMember {
        let incarnation = Incarnation("\(process.name)-\(process.world.random.next() % 1_000_000)")
        return FleetMember(
            id: FleetMemberID(role, process.name, incarnation),
            address: process.name,
            leaseMilliseconds: lease / Span.millisecond
        )
    }

    func run() {
        if ownMember.id.role != .worker { store.observe(process) { [weak self] in self?.heard($0) } }
        tendLease()
        watchLease()
        if holder != nil { round() }
    }

    var member: FleetMemberID? { lease.isInForce(at: process.clock()) ? ownMember.id : nil }
    var isInForce: Bool { member != nil }

    /// Ends the membership, and gives back what went with it.
    func leave(_ completed: @escaping () -> Void) {
        isLeaving = true
        let (id, leases) = (ownMember.id, manager.holdings.leases)
        manager.holdings.released(leases)
        let running = holder?.partitionsReleased(leases) ?? [:]
        let releases = manager.releases + leases.map { PartitionRelease($0, running: running[$0.number] ?? 0) }
        lease = MemberLease(duration: Self.lease, at: process.clock())
        store.call(process) { fleet throws(StoredFleet.Conflict) in
            fleet.leave(id, releasing: releases)
        } _: { _ in
            completed()
        }
    }

    // MARK: The lease

    private func tendLease() {
        // One request at a time; what has become of it is told first.
        guard !isAsking, !isLeaving else { return }
        switch lease.requestDuePassed(at: process.clock()) {
        case .join: join()
        case .renew: renew()
        default: armLease()
        }
    }

    private func armLease() {
        leaseTimer += 1
        let timer = leaseTimer
        process.later(lease.requestDue - process.clock()) { [weak self] in
            guard let self, timer == leaseTimer else { return }
            tendLease()
        }
    }

    private func join() {
        let member = ownMember
        isAsking = true
        store.call(process) { fleet throws(StoredFleet.Conflict) in
            fleet.join(member)
        } _: { [self] result in
            isAsking = false
            switch result {
            case .success: follow { $0.joined(at: $1) }
            case .failure:
                forget()
                lease.requestFailed(at: process.clock())
            }
            tendLease()
        }
    }

    private func renew() {
        let (id, known) = (ownMember.id, view.versions)
        isAsking = true
        store.call(process) { fleet throws(StoredFleet.Conflict) in
            fleet.renew(id, since: known)
        } _: { [self] result in
            isAsking = false
            switch result {
            case .success(nil): follow { $0.evicted(at: $1) }
            case .success(let answer?):
                learn(answer)
                follow { $0.renewed(at: $1) }
            case .failure: lease.requestFailed(at: process.clock())
            }
            wakeManager()
            tendLease()
        }
    }

    private func learn(_ answer: FleetUpdate) {
        let before = view.claimedConcurrency
        view.apply(answer)
        guard !answer.isEmpty || view.claimedConcurrency != before else { return }
        let surroundings = ShareKeeper.Surroundings(of: ownMember.id, in: view, account: store.fleet.account)
        manager.keeper.sharesChanged(surroundings, at: process.clock())
        observer.fleetChanged(view)
    }

    private func watchLease() {
        let now = process.clock()
        process.later((lease.end ?? now + lease.interval) - now) { [weak self] in
            guard let self else { return }
            follow { $0.endPassed(at: $1) }
            watchLease()
        }
    }

    private func heard(_ notice: FleetNotice) {
        let isOfInterest =
            switch notice {
            case .changed(let table): view.versions[table] != nil
            case .wanted: holder != nil
            case .missed: true
            }
        guard isOfInterest else { return }
        lease.hasten(to: process.clock() + Self.readPause)
        tendLease()
    }

    func renewSoon() {
        lease.hasten(to: process.clock())
        tendLease()
    }

    private func forget() {
        ownMember = Self.member(of: process, ownMember.id.role)
        manager = ManagerState(own: ownMember.id)
    }

    private func follow(_ body: (inout MemberLease, Int) -> [MemberLease.Action]) {
        for action in body(&lease, process.clock()) {
            switch action {
            case .join, .renew: break
            case .beginActing: observer.joined(as: ownMember.id)
            case .stopActing:
                let lost = manager.holdings.leaseEnded()
                if !lost.isEmpty { holder?.partitionsLost(lost) }
                observer.leaseEnded()
            case .resumeActing: observer.leaseResumed()
            case .forget:
                forget()
                observer.evicted()
            }
        }
    }

    // MARK: A manager's rounds

    /// One thing after the other, as in `FleetMembership.keepPartitions`.
    private func round() {
        isWaiting = false
        isSignalled = false
        guard let id = member else { return roundEnded() }
        run([writeWhatIsLeft, look, divide, tendShare][...], id)
    }

    private func run(_ steps: ArraySlice<(FleetMemberID, @escaping (RoundEnd?) -> Void) -> Void>, _ id: FleetMemberID) {
        guard let step = steps.first else { return roundEnded() }
        step(id) { [self] end in
            switch end {
            case nil: run(steps.dropFirst(), id)
            case .conflict:
                renewSoon()
                roundEnded()
            case .over, .unavailable: roundEnded()
            }
        }
    }

    private func roundEnded() {
        isWaiting = true
        roundTimer += 1
        let timer = roundTimer
        let now = process.clock()
        let decision = manager.keeper.nextDecision
        let interval = Self.lease / 5
        let next = isSignalled ? now : decision > now ? min(decision, now + interval) : now + interval
        process.later(next - now) { [weak self] in
            guard let self, timer == roundTimer, isWaiting else { return }
            round()
        }
    }

    func wakeManager() {
        guard holder != nil else { return }
        guard isWaiting else {
            isSignalled = true
            return
        }
        isSignalled = true
        roundEnded()
    }

    func shareUseChanged() { wakeManager() }

    func recovered(_ lease: PartitionLease, running: Int) {
        manager.recoveries.append((lease, running))
        wakeManager()
    }

    /// Changes the state if the membership is still the same.
    func isSame(_ id: FleetMemberID) -> Bool { ownMember.id == id }
    func isActing() -> Bool { lease.isInForce(at: process.clock()) }

    /// The store has said what the share is.
    func shareIs(_ share: Int) {
        let isNew = share != manager.keeper.share
        manager.keeper.shareIs(share)
        if isNew { holder?.shareChanged(share) }
    }
}

/// Why a round has ended early.
enum RoundEnd {
    case over, unavailable, conflict

    init(_ failure: SimulatedStore.Failure) {
        switch failure {
        case .unavailable: self = .unavailable
        case .conflict: self = .conflict
        }
    }
}
