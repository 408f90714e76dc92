import Fleet
import MetadataStore
import Synchronization

/// A manager without invokes of its own: it counts those that a test has run.
final class TestHolder: PartitionHolder {
    private struct State {
        var incarnations: [Incarnation] = []
        var running: [Int: Int] = [:]
        var waiting = 0
        var share = 0
        var events: [String] = []
        var inherited: [PartitionLease] = []
        var isDead = false
        var tellings = 0
        var view: FleetView?
    }

    let name: String
    let membership = Mutex<FleetMembership?>(nil)
    private let ledger: FleetLedger
    private let state = Mutex(State())

    init(_ name: String, _ ledger: FleetLedger) {
        self.name = name
        self.ledger = ledger
    }

    /// What a dead process says is not heard.
    func die() {
        state.withLock { $0.isDead = true }
        ledger.died(name)
    }

    private func living(_ body: (inout sending State) -> Void) {
        let isAlive = state.withLock { state in
            if !state.isDead { body(&state) }
            return !state.isDead
        }
        if isAlive { ledger.changed() }
    }

    // MARK: What a test asks

    var incarnations: [Incarnation] { state.withLock { $0.incarnations } }
    var events: [String] { state.withLock { $0.events } }
    var share: Int { state.withLock { $0.share } }
    var running: Int { state.withLock { $0.running.values.reduce(0, +) } }
    var inherited: [PartitionLease] { state.withLock { $0.inherited } }
    var view: FleetView? { state.withLock { $0.view } }

    /// Has invokes of a partition begin or end.
    func run(_ count: Int, of partition: Int) {
        living { $0.running[partition, default: 0] += count }
        membership.withLock { $0 }?.shareUseChanged()
    }

    /// Has invokes of a partition begin or end until so many run, as far as the manager has the partition and a share.
    func run(upTo count: Int, of partition: Int) {
        let isHeld = membership.withLock { $0 }?.lease(of: partition) != nil
        living { state in
            let before = state.running[partition] ?? 0
            let free = max(0, state.share - state.running.values.reduce(0, +))
            state.running[partition] = min(count, isHeld ? before + free : before)
        }
        membership.withLock { $0 }?.shareUseChanged()
    }

    /// How often it was told anything, or asked.
    var tellings: Int { state.withLock { $0.tellings } }

    func wait(_ count: Int) {
        living { $0.waiting = count }
        membership.withLock { $0 }?.shareUseChanged()
    }

    /// Counts what runs of the inherited partitions.
    func recover(_ running: (PartitionLease) -> Int) {
        let inherited = state.withLock { state in
            defer { state.inherited = [] }
            return state.inherited
        }
        for lease in inherited {
            let count = running(lease)
            living { $0.running[lease.number, default: 0] += count }
            membership.withLock { $0 }?.recovered(lease, running: count)
        }
    }

    // MARK: What the membership tells

    func joined(as member: FleetMemberID) {
        living { state in
            state.incarnations.append(member.incarnation)
            state.events.append("joined")
        }
    }

    func leaseEnded() {
        living { $0.events.append("ended") }
    }

    func leaseResumed() {
        living { $0.events.append("resumed") }
    }

    func evicted() {
        living { state in
            state.events.append("evicted")
            state.running = [:]
            state.share = 0
            state.inherited = []
        }
    }

    func fleetChanged(_ view: FleetView) {
        living { $0.view = view }
    }

    func partitionsGained(_ leases: [PartitionLease]) {
        living { state in
            for lease in leases {
                state.running[lease.number, default: 0] += lease.handedOver
                if !lease.inheritedFrom.isEmpty { state.inherited.append(lease) }
            }
        }
        guard !state.withLock({ $0.isDead }) else { return }
        for lease in leases { ledger.gained(lease, by: name) }
    }

    func partitionsReleased(_ leases: [PartitionLease]) async -> [Int: Int] {
        var running: [Int: Int] = [:]
        for lease in leases {
            running[lease.number] = state.withLock { $0.running.removeValue(forKey: lease.number) } ?? 0
            ledger.lost(lease.number, by: name)
        }
        let count = running.values.reduce(0, +)
        living { $0.share -= count }
        return running
    }

    func partitionsLost(_ numbers: [Int]) {
        for number in numbers { ledger.lost(number, by: name) }
    }

    func shareUse() -> ShareUse {
        let use = state.withLock { state in
            state.tellings += 1
            return ShareUse(running: state.running.values.reduce(0, +), waiting: state.waiting)
        }
        ledger.changed()
        return use
    }

    func shareChanged(_ share: Int) {
        living { $0.share = share }
    }

    func shareShrinks(to share: Int) -> Int {
        var kept = share
        living { state in
            kept = max(share, state.running.values.reduce(0, +))
            state.share = kept
        }
        return kept
    }
}
