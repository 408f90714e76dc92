import MetadataStore
import WorkerRole

/// What a fleet must come to when nothing goes wrong any more and nobody asks for anything.
struct EndState {
    private let fleet: SimulatedFleet
    /// What is not as it must be.
    private(set) var violations: [String] = []

    init(of fleet: SimulatedFleet) {
        self.fleet = fleet
        checkStore()
        for manager in fleet.managers { check(manager) }
        for worker in fleet.workers { check(worker) }
        if fleet.oracle.runningCount > 0 { violated("\(fleet.oracle.runningCount) invokes run for ever") }
    }

    private mutating func violated(_ text: String) { violations.append("in the end, \(text)") }

    private func owner(of partition: Int) -> SimulatedManager? {
        guard let owner = fleet.store.fleet.partitions[partition].owner else { return nil }
        return fleet.managers.first { $0.membership?.member == owner }
    }

    private mutating func checkStore() {
        let stored = fleet.store.fleet
        for partition in stored.partitions {
            let number = partition.number
            guard let owner = owner(of: number) else {
                violated("partition \(number) is \(partition.owner?.name ?? "nobody")'s, who does not act")
                continue
            }
            if !owner.isReady(number) { violated("partition \(number) is not ready with \(owner.name)") }
            if partition.handedOver != 0 { violated("\(partition.handedOver) are handed over with \(number)") }
            if !partition.inheritedFrom.isEmpty { violated("partition \(number) is inherited, and nobody counted it") }
        }
        for share in stored.shares.values {
            if share.isOrphan { violated("\(share.share) of the concurrency belong to nobody") }
        }
        if stored.taken > fleet.commonLimit { violated("\(stored.taken) of \(fleet.commonLimit) are divided") }
    }

    private mutating func check(_ manager: SimulatedManager) {
        // One that leaves when the troubles end comes back a moment later.
        guard manager.isUp else { return violated("\(manager.name) is down") }
        if !manager.limiter.isIdle { violated("\(manager.name) counts \(manager.limiter.inUse) invokes") }
        if manager.assignment.hasWaiters { violated("invokes wait at \(manager.name)") }
        for environment in manager.assignment.environments.values.sorted(by: { $0.id < $1.id }) {
            let isThere = fleet.workers.contains { $0.environments[environment.id] != nil }
            if !isThere { violated("\(manager.name) knows environment \(environment.id), which is not there") }
        }
    }

    /// What is idle is known to its manager, and can be used.
    private mutating func check(_ worker: SimulatedWorker) {
        for (id, environment) in worker.environments.sorted(by: { $0.key < $1.key }) {
            guard let phase = worker.machine.entries[id]?.phase, case .idle(let token, _) = phase else {
                violated("environment \(id) is not idle on \(worker.name)")
                continue
            }
            guard let owner = owner(of: fleet.partition(of: environment.function)) else { continue }
            guard let known = owner.assignment.environments[id] else {
                violated("\(owner.name) does not know environment \(id) on \(worker.name)")
                continue
            }
            if known.idleToken != token { violated("\(owner.name) cannot use environment \(id) on \(worker.name)") }
        }
    }
}
