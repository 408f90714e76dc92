import Fleet
import ManagerRole
import MetadataStore
import WorkerManager

/// A manager: the glue of `ManagerDesk` and `ReserveSession`.
final class SimulatedManager: SimulatedProcess, SimulatedHolder {
    static let fence = 11 * Span.second
    static let reservationPatience = 5 * Span.second
    private static let interval = 500 * Span.millisecond
    private static let idleTimeout = 600 * Span.second

    enum StartOutcome {
        case started, noRoom, moved
    }

    let fleet: SimulatedFleet
    private(set) var membership: SimulatedMembership?
    private var takeover = PartitionTakeover<String>()
    private var leases: [Int: PartitionLease] = [:]
    private var expected: [Int: Int] = [:]
    private(set) var peers: [String: SimulatedPeer] = [:]
    /// Workers that are members of the fleet.
    private var members: Set<String> = []
    /// The partitions whose environments this manager counts.
    private var held: Set<Int> = []
    private var waiting: [Int: [() -> Void]] = [:]
    /// Environments that may be free at any time, by their function.
    private var lent: [Int: [Int: RemoteSimulatedEnvironment]] = [:]
    private var isDeskMember = false
    private var rooms: (limiter: SimulatedLimiter, assignment: SimulatedAssignment)?

    init(_ name: String, in fleet: SimulatedFleet) {
        self.fleet = fleet
        super.init(name, in: fleet.world)
        fleet.network.listen(self) { [unowned self] _ in ManagersFrontendSession(self) }
    }

    override func started() {
        takeover = PartitionTakeover()
        (leases, expected, peers, members, held, waiting, lent) = ([:], [:], [:], [], [], [:], [:])
        isDeskMember = false
        let assignment = SimulatedAssignment(of: self)
        let limiter = SimulatedLimiter(self, account: fleet.account) { [weak self] in
            self?.membership?.shareUseChanged()
        } run: {
            assignment.submit($0)
        }
        rooms = (limiter, assignment)
        let membership = SimulatedMembership(self, .manager, store: fleet.store, observer: self, holder: self)
        self.membership = membership
        membership.run()
        watch()
    }

    override func died() {
        membership = nil
        rooms = nil
        peers = [:]
        (waiting, lent) = ([:], [:])
        fleet.network.processDied(self)
    }

    var limiter: SimulatedLimiter {
        guard let rooms else { preconditionFailure("\(name) is not there") }
        return rooms.limiter
    }

    var assignment: SimulatedAssignment {
        guard let rooms else { preconditionFailure("\(name) is not there") }
        return rooms.assignment
    }

    private var sortedPeers: [SimulatedPeer] { peers.values.sorted { $0.name < $1.name } }

    private func watch() {
        later(Self.interval) { [self] in
            let now = clock()
            for peer in sortedPeers { peer.lane.execute { peer.timePassed(to: now) } }
            assignment.expireIdle(since: now - Self.idleTimeout)
            watch()
        }
    }

    // MARK: Partitions

    var ownedPartitions: [FleetMessage.Ownership] {
        takeover.epochs.sorted { $0.key < $1.key }.map { .init(partition: $0.key, epoch: $0.value) }
    }

    private var isInForce: Bool { membership?.isInForce ?? false }
    func mayAnswerHeartbeats(of worker: String) -> Bool {
        isInForce && isDeskMember && members.contains(worker)
    }

    func isReady(_ partition: Int) -> Bool { isDeskMember && takeover.isReady(partition) && isInForce }

    /// Gives an environment of a function away. Returns under which epoch.
    func gives(_ function: Int) -> Int? {
        let partition = fleet.partition(of: function)
        let epoch = takeover.epoch(of: partition)
        fleet.oracle.decided(partition, since: epoch, by: membership?.member)
        return epoch
    }

    /// Whether invokes of a partition may be begun now; nil if they wait, and `again` is called.
    func readiness(of partition: Int, again: @escaping () -> Void) -> Bool? {
        guard isDeskMember, takeover.epoch(of: partition) != nil else { return false }
        if takeover.isReady(partition) { return true }
        waiting[partition, default: []].append(again)
        return nil
    }

    func reported(_ ownership: FleetMessage.Ownership, by peer: SimulatedPeer) {
        if takeover.reported(ownership.partition, since: ownership.epoch, by: peer.name) {
            becameReady([ownership.partition])
        }
    }

    private func becameReady(_ partitions: [Int]) {
        fleet.oracle.becameReady()
        for partition in partitions {
            if let expected = expected.removeValue(forKey: partition) { limiter.found(expected) }
            if let lease = leases[partition], !lease.inheritedFrom.isEmpty {
                let running = limiter.commonRunning { fleet.partition(of: $0) == partition }
                membership?.recovered(lease, running: running)
            }
        }
        askAgain(partitions)
    }

    private func askAgain(_ partitions: [Int]) {
        for again in partitions.flatMap({ waiting.removeValue(forKey: $0) ?? [] }) { again() }
    }

    // MARK: Membership

    func joined(as member: FleetMemberID) {
        world.note("\(name) is a member")
        isDeskMember = true
    }

    func leaseEnded() {
        world.note("the lease of \(name) ends")
        isDeskMember = false
    }

    func leaseResumed() {
        world.note("the lease of \(name) is in force again")
        isDeskMember = true
    }

    func evicted() {
        world.note("\(name) finds itself evicted")
        isDeskMember = false
        let (held, leases) = (held, leases.values.sorted { $0.number < $1.number })
        expected = [:]
        forget(held)
        limiter.memberEvicted { held.contains(fleet.partition(of: $0)) }
        disown(leases)
    }

    private func disown(_ leases: [PartitionLease]) {
        let epochs = leases.map { FleetMessage.Ownership(partition: $0.number, epoch: $0.epoch) }
        for peer in sortedPeers { peer.lane.execute { peer.send(.disown(epochs)) } }
    }

    func partitionsGained(_ leases: [PartitionLease]) {
        world.note("\(name) gains \(leases.map { "\($0.number)@\($0.epoch)" }.joined(separator: " "))")
        let now = clock()
        let numbers = Set(leases.map(\.number))
        for (function, reserved) in fleet.reserved.sorted(by: { $0.key < $1.key })
        where numbers.contains(fleet.partition(of: function)) {
            limiter.settingsChanged(of: function, reserved: reserved)
        }
        let awaited = Set(peers.keys)
        var ready: [Int] = []
        for lease in leases {
            self.leases[lease.number] = lease
            held.insert(lease.number)
            if lease.handedOver > 0 { expected[lease.number] = lease.handedOver }
            if takeover.gained(lease.number, since: lease.epoch, awaiting: awaited) { ready.append(lease.number) }
        }
        limiter.expect(leases.reduce(0) { $0 + $1.handedOver })
        let epochs = leases.map { FleetMessage.Ownership(partition: $0.number, epoch: $0.epoch) }
        for peer in sortedPeers {
            peer.lane.execute {
                peer.inherited(at: now)
                peer.own(epochs)
            }
        }
        becameReady(ready)
    }

    func partitionsReleased(_ leases: [PartitionLease]) -> [Int: Int] {
        world.note("\(name) gives \(leases.map { "\($0.number)@\($0.epoch)" }.joined(separator: " ")) up")
        let numbers = leases.map(\.number)
        for number in numbers { takeover.lost(number) }
        var running: [Int: Int] = [:]
        for number in numbers {
            let expected = expected.removeValue(forKey: number) ?? 0
            running[number] = limiter.forget(expecting: expected) { fleet.partition(of: $0) == number }
        }
        forget(Set(numbers))
        disown(leases)
        return running
    }

    func partitionsLost(_ numbers: [Int]) {
        for number in numbers { takeover.lost(number) }
        askAgain(numbers)
    }

    private func forget(_ partitions: Set<Int>) {
        for environment in assignment.forget({ partitions.contains(fleet.partition(of: $0)) }) {
            environment.lane.execute { environment.forgotten() }
        }
        for partition in partitions {
            leases[partition] = nil
            takeover.lost(partition)
            held.remove(partition)
        }
        askAgain(partitions.sorted())
    }

    func shareUse() -> ShareUse {
        let use = limiter.commonUse
        return ShareUse(running: use.running, waiting: use.waiting)
    }

    func shareChanged(_ share: Int) { limiter.shareChanged(to: share) }
    func shareShrinks(to share: Int) -> Int { limiter.shareShrinks(to: share) }

    func fleetChanged(_ view: FleetView) {
        members = Set(view.members(.worker).map(\.id.name))
        let listed = view.members(.worker) + view.evictedWorkers
        for member in listed {
            let name = member.id.name
            let listing: WorkerLife.Listing = member.isEvicted ? .evicted : .member
            if let known = peers[name] {
                known.lane.execute { [self] in
                    if peers[name] == nil { peers[name] = known }
                    guard peers[name] === known else { return }
                    known.listed(as: listing)
                }
            } else {
                let peer = SimulatedPeer(name, listed: listing, of: self)
                peers[name] = peer
                peer.lane.execute { peer.connect() }
            }
        }
        let names = Set(listed.map(\.id.name))
        for peer in sortedPeers where !names.contains(peer.name) { peer.lane.execute { peer.listed(as: .none) } }
    }

    /// Gives all up, and tells when the store has been told or could not be.
    func leave(_ completed: @escaping () -> Void) {
        guard let membership else { return completed() }
        membership.leave(completed)
    }

    // MARK: Chains

    private static let followersMax = 63

    /// As many as the rate allows, which is different each time.
    func takeFollowers(of function: Int) -> Int {
        world.random.happens(oneIn: 4) ? world.random.pick(0...3) : Self.followersMax
    }

    func lent(_ environment: RemoteSimulatedEnvironment) {
        lent[environment.function, default: [:]][environment.id] = environment
    }

    func notLent(_ environment: RemoteSimulatedEnvironment) { lent[environment.function]?[environment.id] = nil }

    func environmentsWanted(for function: Int) {
        for (_, environment) in (lent[function] ?? [:]).sorted(by: { $0.key < $1.key }) {
            environment.lane.execute { environment.recall() }
        }
    }

    // MARK: Workers

    func workerLost(_ peer: SimulatedPeer) { becameReady(takeover.workerLost(peer.name).sorted()) }

    func workerGone(_ peer: SimulatedPeer) { peers[peer.name] = nil }

    func adopt(
        _ id: Int,
        of function: Int,
        _ phase: FleetMessage.Phase,
        on peer: SimulatedPeer
    ) -> RemoteSimulatedEnvironment? {
        guard takeover.epoch(of: fleet.partition(of: function)) != nil else { return nil }
        let adopted: SimulatedAssignment.Ledger.AdoptedPhase
        let state: RemoteEnvironmentState<SimulatedInvoke, Int>
        switch phase {
        case .starting: (adopted, state) = (.starting, .init())
        case .idle(let token): (adopted, state) = (.idle, .init(idle: token))
        case .busy(let number):
            (adopted, state) = (.busy, .init(running: limiter.adopt(number, of: function, on: peer.lane)))
        case .leaving: return nil
        }
        let environment = RemoteSimulatedEnvironment(id, of: function, on: peer, assignment, state: state)
        assignment.adopt(environment, adopted)
        return environment
    }

    func startEnvironment(
        for function: Int,
        willStart: (RemoteSimulatedEnvironment) -> Void
    ) -> StartOutcome {
        let partition = fleet.partition(of: function)
        guard let epoch = takeover.epoch(of: partition) else { return .moved }
        // The most free first; when all are full, whoever may end something idle for it.
        let candidates = sortedPeers.filter { $0.isPresent && !$0.isFull }
        let most = max(0, candidates.map(\.memoryFree).max() ?? 0)
        guard let peer = candidates.filter({ max(0, $0.memoryFree) == most }).randomElement(using: &world.random)
        else { return .noRoom }
        let environment = RemoteSimulatedEnvironment(fleet.makeID(), of: function, on: peer, assignment)
        willStart(environment)
        peer.lane.execute { peer.start(environment, .init(partition: partition, epoch: epoch)) }
        return .started
    }
}

/// A connection of a frontend that reserves environments.
private final class ManagersFrontendSession: SimulatedLinkUser {
    private unowned let manager: SimulatedManager
    private let lane: Lane

    init(_ manager: SimulatedManager) {
        self.manager = manager
        lane = Lane(of: manager)
    }

    func linkOpened(_ link: SimulatedLink) {}
    func linkEnded(_ link: SimulatedLink) {}

    func received(_ message: FleetMessage, over link: SimulatedLink) {
        guard case .reserve(let call, let number, let function) = message else { return }
        reserve(number, function, call, over: link)
    }

    private func reserve(_ number: Int, _ function: Int, _ call: Int, over link: SimulatedLink) {
        let readiness = manager.readiness(of: manager.fleet.partition(of: function)) { [self] in
            lane.execute { [self] in reserve(number, function, call, over: link) }
        }
        switch readiness {
        case nil: return
        case false?: return link.send(.refused(call: call, .notOwner))
        case true?: break
        }
        let limiter = manager.limiter
        let invoke = SimulatedInvoke(number, of: function, on: lane) {
            limiter.invokeFinished(function)
        } answer: { [lane] outcome in
            lane.execute {
                switch outcome {
                case .reserved(let reservation): link.send(.reserved(call: call, reservation))
                case .throttled: link.send(.refused(call: call, .throttled))
                case .failed: link.send(.refused(call: call, .failed))
                case .moved: link.send(.refused(call: call, .notOwner))
                }
            }
        }
        limiter.submit(invoke)
    }
}
