package import Placement

/// A fleet that is filled with environments of drawn functions, and then asked for more: what decisions cost at a size.
package struct FleetFilling {
    package private(set) var fleet: Fleet
    private let shape: WorkloadShape
    private var random: SimulatedRandomness
    private var nextFunction = 0
    /// Functions to take environments of: the latest, at most so many.
    private var recent: [SimulatedFunction] = []
    private static let recentMax = 4096
    /// Where environments are, to remove some; the latest, at most so many.
    private var places: [(function: FunctionVersion, worker: WorkerID)] = []
    private static let placesMax = 65_536

    /// A fleet of so many workers, without environments.
    package init(
        seed: UInt64,
        workers: Int,
        zones: Int,
        hostScale: Double,
        ownLabels: Bool = false,
        policy: PlacementPolicy
    ) {
        random = SimulatedRandomness(seed: seed)
        shape = WorkloadShape()
        fleet = Fleet(policy: policy)
        let drawn = SimulatedFleet.workers(
            workers,
            zones: zones,
            scale: hostScale,
            ownLabels: ownLabels,
            using: &random
        )
        for worker in drawn { fleet.joined(worker) }
    }

    /// Adds environments, functions one after the other with as many as each has on average but not more than the
    /// bound, until there are so many or one is refused. Returns how many were added.
    package mutating func fill(_ count: Int, perFunctionMax: Int = 1000) -> Int {
        var added = 0
        while added < count {
            let function = SimulatedFunction(number: nextFunction, shape, using: &random)
            nextFunction += 1
            remember(function)
            let wanted = min(Int(function.concurrency(shape).rounded(.up)), perFunctionMax)
            for _ in 0..<min(wanted, count - added) {
                guard let worker = fleet.decide(function.request, seed: random.next()).worker else { return added }
                place(function, on: worker)
                added += 1
            }
        }
        return added
    }

    /// A request as it may come next: in half of cases of a function that has environments already.
    package mutating func nextRequest() -> SimulatedFunction {
        if !recent.isEmpty, random.chance(0.5) { return recent[Int(random.next() % UInt64(recent.count))] }
        nextFunction += 1
        return SimulatedFunction(number: nextFunction, shape, using: &random)
    }

    /// A seed for the next decision.
    package mutating func nextSeed() -> UInt64 { random.next() }

    /// Puts an environment on a worker, and ends another one, so that the fleet stays as full as it is.
    package mutating func exchange(_ function: SimulatedFunction, on worker: WorkerID) {
        if !places.isEmpty {
            let index = Int(random.next() % UInt64(places.count))
            places.swapAt(index, places.count - 1)
            let old = places.removeLast()
            fleet.removed(old.function, from: old.worker)
        }
        remember(function)
        place(function, on: worker)
    }

    private mutating func place(_ function: SimulatedFunction, on worker: WorkerID) {
        let request = function.request
        fleet.placed(request.function, on: worker)
        fleet.cached(request.code, on: worker)
        if function.isNoisy {
            fleet.measured(request.function, cpuMilli: Int(Double(request.function.cpuMilli) * shape.noisyLoad))
        }
        let entry = (request.function, worker)
        if places.count < Self.placesMax {
            places.append(entry)
        } else {
            places[Int(random.next() % UInt64(places.count))] = entry
        }
    }

    private mutating func remember(_ function: SimulatedFunction) {
        if recent.count < Self.recentMax {
            recent.append(function)
        } else {
            recent[Int(random.next() % UInt64(recent.count))] = function
        }
    }
}
