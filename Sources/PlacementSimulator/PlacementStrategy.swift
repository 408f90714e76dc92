package import Placement

/// Chooses workers. All strategies obey the hard rules, which are the fleet's.
package protocol PlacementStrategy {
    var name: String { get }
    /// The worker for a new environment; nil if none can have it.
    mutating func choose(_ request: PlacementRequest, in fleet: Fleet) -> WorkerID?
}

/// What Swiftlet does.
package struct BoundedSearch: PlacementStrategy {
    package let name = "swiftlet"
    private var random: SimulatedRandomness

    /// The same for a seed.
    package init(seed: UInt64) { random = SimulatedRandomness(seed: seed) }

    package mutating func choose(_ request: PlacementRequest, in fleet: Fleet) -> WorkerID? {
        fleet.decide(request, seed: random.next()).worker
    }
}

/// What Swiftlet would do if it looked at all workers.
package struct FullSearch: PlacementStrategy {
    package let name = "full search"

    /// There is nothing to set.
    package init() {}

    package mutating func choose(_ request: PlacementRequest, in fleet: Fleet) -> WorkerID? {
        fleet.bestOfAll(request)?.worker
    }
}

/// The worker with the least room that is enough.
package struct BestFit: PlacementStrategy {
    package let name = "best fit"

    /// There is nothing to set.
    package init() {}

    package mutating func choose(_ request: PlacementRequest, in fleet: Fleet) -> WorkerID? {
        var best: (worker: WorkerID, room: Int)?
        fleet.forEachEligible(request) { worker, room in
            if room < best?.room ?? .max { best = (worker, room) }
            return true
        }
        return best?.worker
    }
}

/// The worker that joined first and has room.
package struct FirstFit: PlacementStrategy {
    package let name = "first fit"

    /// There is nothing to set.
    package init() {}

    package mutating func choose(_ request: PlacementRequest, in fleet: Fleet) -> WorkerID? {
        var first: WorkerID?
        fleet.forEachEligible(request) { worker, _ in
            first = worker
            return false
        }
        return first
    }
}

/// Any worker that has room, each as likely.
package struct RandomFit: PlacementStrategy {
    package let name = "random"
    private var random: SimulatedRandomness

    /// The same for a seed.
    package init(seed: UInt64) { random = SimulatedRandomness(seed: seed) }

    package mutating func choose(_ request: PlacementRequest, in fleet: Fleet) -> WorkerID? {
        var (chosen, seen) = (WorkerID?.none, UInt64(0))
        fleet.forEachEligible(request) { worker, _ in
            seen += 1
            if random.next() % seen == 0 { chosen = worker }
            return true
        }
        return chosen
    }
}
