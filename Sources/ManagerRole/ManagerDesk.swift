package import Fleet
import FleetProtocol
package import HostLink
package import Invocation
package import LambdaAPI
package import Logging
package import MetadataStore
package import NIOCore
package import Placement
import Synchronization
import Telemetry
import Worker
package import WorkerManager

/// A manager of a fleet: assigns the invokes of its partitions to environments on workers, and has workers make environments.
///
/// A shell around pure machines: ``PartitionTakeover`` knows which partitions may be served, ``WorkerLife`` which workers can be
/// counted on, `Placement` where environments go; the worker manager assigns and the limiter admits as they do in one process.
package final class ManagerDesk: Sendable {
    /// What is configured of a manager.
    package struct Settings: Sendable {
        /// How long after its last heartbeat that was answered what a worker runs is taken for over. Longer than workers go on by
        /// themselves, by as much as clocks may differ in speed.
        package var fence: TimeAmount = .seconds(11)
        /// How long nothing is heard of a reservation until its worker is asked about it.
        package var reservationPatience: TimeAmount = .seconds(5)
        /// How long invokes wait for the share of the account's concurrency of a manager that has just come.
        package var sharePatience: TimeAmount = .seconds(2)
        /// How often workers are looked after.
        package var interval: Duration = .milliseconds(500)
        /// How placement decides.
        package var placement = PlacementPolicy()
        /// The most invokes that wait for a partition to become ready; more are refused.
        package var waitingMax = 10_000

        package init() {}
    }

    struct State {
        var takeover = PartitionTakeover<String>()
        var leases: [Int: PartitionLease] = [:]
        /// How many invokes run of partitions that were handed over, and not all workers have told of.
        var expected: [Int: Int] = [:]
        var workers: WorkerRoster
        /// Invokes that wait for their partition, by partition.
        var waiting: [Int: [@Sendable () -> Void]] = [:]
        var waitingCount = 0
        /// Environments that may be free at any time, by what they run.
        var lent: [InvocableFunction.ConfigurationID: [EnvironmentID: RemoteEnvironment]] = [:]
        /// Whether it is known what the manager has of the account's concurrency: until then nobody is told that it is too little.
        var knowsShare = false
        /// Whether the manager's own lease is in force.
        var isMember = false
        var incarnation: Incarnation?
        var seed: UInt64 = 0
        /// How many environments no worker had room for, since the start: of this manager, and of others as they have told.
        var refusedStarts = 0
        var refusedStartsOfOthers: [Incarnation: Int] = [:]
        /// What the fleet's size should be; see ``FleetCapacity``.
        var capacityPlan: CapacityPlan?
    }

    let settings: Settings
    let dialler: LinkDialler
    let logger: Logger
    let state: Mutex<State>
    let eventLoops: any EventLoopGroup
    let membership: any ManagerMembership
    /// Set once, before anything else happens.
    private let rooms = Mutex<Rooms?>(nil)

    /// The rooms that decide as they do in one process.
    package struct Rooms: Sendable {
        package let workerManager: WorkerManager
        package let invoker: Invoker
        /// What functions have reserved and provisioned.
        package let concurrency: FunctionConcurrency
        /// The function versions that there are environments of.
        package let functions: KnownFunctions

        package init(
            workerManager: WorkerManager,
            invoker: Invoker,
            concurrency: FunctionConcurrency,
            functions: KnownFunctions
        ) {
            self.workerManager = workerManager
            self.invoker = invoker
            self.concurrency = concurrency
            self.functions = functions
        }
    }

    package init(
        settings: Settings,
        dialler: LinkDialler,
        eventLoops: any EventLoopGroup,
        logger: Logger,
        membership: any ManagerMembership
    ) {
        self.settings = settings
        self.dialler = dialler
        self.eventLoops = eventLoops
        self.logger = logger
        self.membership = membership
        state = Mutex(State(workers: WorkerRoster(policy: settings.placement)))
    }

    /// Names the rooms. To be called once, before the desk is used.
    package func use(_ rooms: Rooms) {
        self.rooms.withLock { $0 = rooms }
    }

    var workerManager: WorkerManager { inUse.workerManager }
    var invoker: Invoker { inUse.invoker }
    var concurrency: FunctionConcurrency { inUse.concurrency }
    var functions: KnownFunctions { inUse.functions }

    private var inUse: Rooms {
        guard let rooms = rooms.withLock({ $0 }) else {
            preconditionFailure("the desk is used before it has its rooms")
        }
        return rooms
    }

    static func now() -> Int { Int(clamping: NIODeadline.now().uptimeNanoseconds) }

    /// Looks after workers until the task is cancelled.
    package func run() async {
        while (try? await Task.sleep(for: settings.interval)) != nil {
            let now = Self.now()
            for peer in state.withLock({ $0.workers.peers }) {
                peer.eventLoop.execute { peer.timePassed(to: now) }
            }
        }
    }

    // MARK: Partitions

    func partition(of function: InvocableFunction) -> Int { Partition.of(function.name) }

    /// All partitions that are this manager's.
    var ownedPartitions: [PartitionEpoch] {
        state.withLock { $0.takeover.epochs.map { PartitionEpoch(partition: $0.key, epoch: $0.value) } }
    }

    /// Whether the manager counts what a worker runs of its partitions, and the worker is a member, as far as the manager must know to
    /// have its own lease.
    func mayAnswerHeartbeats(of worker: String) -> Bool {
        // First whether the lease is in force, then what was learnt when it was renewed.
        membership.isInForce && state.withLock { $0.isMember && $0.workers.isMember(worker) }
    }

    /// Whether invokes of a partition may be begun now.
    func isReady(_ partition: Int) -> Bool {
        // By the clock, too: the process may have stood still, and nobody have told it that its lease is over.
        state.withLock { $0.isMember && $0.takeover.isReady(partition) } && membership.isInForce
    }

    /// What a partition's invokes are to do.
    enum Readiness {
        case ready
        /// They are called back when it is, or is not this manager's any more.
        case waiting
        case notOwner
        case tooMany
    }

    /// Whether invokes of a partition may be begun now.
    ///
    /// - Parameter again: Called when it is worth asking again.
    func readiness(of partition: Int, again: @escaping @Sendable () -> Void) -> Readiness {
        state.withLock { state in
            guard state.isMember, state.takeover.epoch(of: partition) != nil else { return .notOwner }
            if state.takeover.isReady(partition), state.knowsShare { return .ready }
            guard state.waitingCount < settings.waitingMax else { return .tooMany }
            state.waiting[partition, default: []].append(again)
            state.waitingCount += 1
            return .waiting
        }
    }

    /// A worker has told of all that it has of a partition.
    func reported(_ ownership: PartitionEpoch, by peer: WorkerPeer) {
        let isReady = state.withLock {
            $0.takeover.reported(ownership.partition, since: ownership.epoch, by: peer.name)
        }
        if isReady { becameReady([ownership.partition]) }
    }

    /// A worker knows of a later owner of a partition, which its members' list will tell soon.
    func outdated(_ ownership: PartitionEpoch, by peer: WorkerPeer) {
        logger.notice(
            "a worker knows a later owner of a partition",
            metadata: [LogKey.hostIdentity: "\(peer.name)", LogKey.item: "partition \(ownership.partition)"]
        )
    }

    func becameReady(_ partitions: [Int]) {
        for partition in partitions {
            let (lease, expected) = state.withLock {
                ($0.leases[partition], $0.expected.removeValue(forKey: partition))
            }
            if let expected { invoker.limiter.found(expected) }
            if let lease, !lease.inheritedFrom.isEmpty {
                let running = invoker.limiter.commonRunning { Partition.of($0) == partition }
                membership.recovered(lease, running: running)
            }
        }
        askAgain(partitions)
        // Only now is it known what there is already.
        let numbers = Set(partitions)
        concurrency.provision(in: workerManager) { numbers.contains(Partition.of($0)) }
    }

    /// Has those ask again who wait for partitions.
    func askAgain(_ partitions: [Int]) {
        let waiting = state.withLock { state in
            partitions.flatMap { partition -> [@Sendable () -> Void] in
                let callers = state.waiting.removeValue(forKey: partition) ?? []
                state.waitingCount -= callers.count
                return callers
            }
        }
        for again in waiting { again() }
    }
}

// MARK: - Membership

extension ManagerDesk: PartitionHolder {
    package func joined(as member: FleetMemberID) {
        // Others may have it all. Then invokes are throttled, but not before they may have given some back.
        eventLoops.next().scheduleTask(in: settings.sharePatience) { self.shareIsKnown() }
        state.withLock { state in
            state.isMember = true
            state.incarnation = member.incarnation
        }
    }

    package func leaseEnded() {
        state.withLock { $0.isMember = false }
    }

    package func leaseResumed() {
        state.withLock { $0.isMember = true }
    }

    package func evicted() {
        let (held, leases) = state.withLock { state in
            state.isMember = false
            state.knowsShare = false
            state.expected = [:]
            return (state.workers.held, Array(state.leases.values))
        }
        forget(held)
        invoker.limiter.memberEvicted { held.contains(Partition.of($0)) }
        // A member again, this manager answers heartbeats again, which must not prove what others decide for.
        disown(leases)
    }

    private func disown(_ leases: [PartitionLease]) {
        let epochs = leases.map { PartitionEpoch(partition: $0.number, epoch: $0.epoch) }
        for peer in state.withLock({ $0.workers.peers }) {
            peer.eventLoop.execute { peer.send(.disown, OwnMessage(partitions: epochs).body) }
        }
    }

    package func partitionsGained(_ leases: [PartitionLease]) {
        let now = Self.now()
        let numbers = Set(leases.map(\.number))
        concurrency.apply(to: invoker.limiter) { numbers.contains(Partition.of($0)) }
        // Their part of the share comes with them, and is used by what workers have yet to tell of.
        invoker.limiter.expect(leases.reduce(0) { $0 + $1.handedOver })
        let (ready, peers) = state.withLock { state -> ([Int], [WorkerPeer]) in
            let awaited = state.workers.awaitedNames
            var ready: [Int] = []
            for lease in leases {
                state.leases[lease.number] = lease
                state.workers.hold(lease.number)
                if lease.handedOver > 0 { state.expected[lease.number] = lease.handedOver }
                if state.takeover.gained(lease.number, since: lease.epoch, awaiting: awaited) {
                    ready.append(lease.number)
                }
            }
            return (ready, state.workers.peers)
        }
        logger.info("partitions are this manager's now", metadata: [LogKey.count: "\(leases.count)"])
        let epochs = leases.map { PartitionEpoch(partition: $0.number, epoch: $0.epoch) }
        for peer in peers {
            peer.eventLoop.execute {
                peer.inherited(at: now)
                peer.own(epochs)
            }
        }
        // Not within this call: what is told of the partitions comes back to the membership.
        if !ready.isEmpty { eventLoops.next().execute { self.becameReady(ready) } }
    }

    package func partitionsReleased(_ leases: [PartitionLease]) async -> [Int: Int] {
        let numbers = leases.map(\.number)
        let expected = state.withLock { state -> [Int: Int] in
            for number in numbers { state.takeover.lost(number) }
            return numbers.reduce(into: [:]) { $0[$1] = state.expected.removeValue(forKey: $1) }
        }
        var running: [Int: Int] = [:]
        for number in numbers {
            running[number] = invoker.limiter.forget(expecting: expected[number] ?? 0) { Partition.of($0) == number }
        }
        forget(Set(numbers))
        disown(leases)
        logger.info("partitions are given to other managers", metadata: [LogKey.count: "\(leases.count)"])
        return running
    }

    package func partitionsLost(_ numbers: [Int]) {
        state.withLock { state in
            for number in numbers { state.takeover.lost(number) }
        }
        askAgain(numbers)
    }

    /// Has nothing to do any more with the environments of some partitions.
    private func forget(_ partitions: Set<Int>) {
        let forgotten = workerManager.forget { partitions.contains(Partition.of($0)) }
        for case let environment as RemoteEnvironment in forgotten {
            environment.eventLoop.execute { environment.forgotten() }
        }
        state.withLock { state in
            for partition in partitions {
                state.leases[partition] = nil
                state.takeover.lost(partition)
                state.workers.letGo(partition)
            }
        }
        askAgain(Array(partitions))
    }

    package func shareUse() -> ShareUse {
        let use = invoker.limiter.commonUse
        // Those who wait for a partition want places as soon as it is ready.
        return ShareUse(running: use.inUse, waiting: use.waiting + state.withLock { $0.waitingCount })
    }

    package func shareChanged(_ share: Int) {
        invoker.limiter.shareChanged(to: share)
        if share > 0 { shareIsKnown() }
    }

    /// Whoever waited for the share is let in.
    private func shareIsKnown() {
        let partitions = state.withLock { state -> [Int] in
            guard !state.knowsShare else { return [] }
            state.knowsShare = true
            return Array(state.waiting.keys)
        }
        guard !partitions.isEmpty else { return }
        // Not within what the membership tells.
        eventLoops.next().execute { self.askAgain(partitions) }
    }

    package func shareShrinks(to share: Int) -> Int {
        invoker.limiter.shareShrinks(to: share)
    }

    package func fleetChanged(_ view: FleetView) {
        state.withLock { $0.refusedStartsOfOthers = Self.refusedStarts(in: view) }
        membersChanged(view)
    }
}

// MARK: - Concurrency

extension ManagerDesk {
    private func isHeld(_ function: FunctionName) -> Bool {
        state.withLock { $0.takeover.epoch(of: Partition.of(function)) } != nil
    }

    /// What is reserved and provisioned for a function is this from now on.
    package func settingsChanged(
        of function: FunctionName,
        reserved: Int?,
        provisioned: [LambdaAPI.FunctionVersion: Int]
    ) {
        guard isHeld(function) else { return }
        invoker.limiter.settingsChanged(of: function, reserved: reserved, provisioned: provisioned)
    }

    /// A function is gone.
    package func functionDeleted(_ function: FunctionName) {
        guard isHeld(function) else { return }
        invoker.limiter.functionDeleted(function)
    }

    /// So many environments of a version are to be kept initialised.
    package func provisionChanged(_ function: InvocableFunction, to count: Int) {
        // Otherwise it is seen to when what there is already is known.
        guard isReady(Partition.of(function.name)) else { return }
        workerManager.provision(function, count: count)
    }
}
