import WorkerManager

/// Admission where several managers admit invokes of one account, each those of its functions.
extension Admission {
    /// The common pool has so many places from now on. Returns the invokes that waited and must arrive again.
    package mutating func shareChanged(to places: Int) -> [Waiter] {
        guard limits.isShared, shared.places.limit != places else { return [] }
        shared.places.limit = places
        shared.rate = Self.rate(places, limits) ?? shared.rate
        return removeFromSharedLine { _ in true }
    }

    /// An invoke that another manager has admitted goes on under this one. It counts even if that is more than the limits
    /// allow, and is to be reported to ``invokeFinished(_:_:)``.
    package mutating func invokeAdopted(_ function: Function, _ version: Version) {
        let index = index(of: function)
        total += 1
        if entries.values[index].takeAllotted(version) { return }
        entries.values[index].inUse += 1
        entries.values[index].census[version] += 1
        if entries.values[index].own != nil {
            entries.values[index].own?.places.inUse += 1
        } else {
            shared.places.inUse += 1
        }
    }

    /// So many invokes run that another manager has admitted, though it is not known yet which. They have places in the
    /// common pool until they are adopted, each of them or none, and ``found(_:)`` is called.
    package mutating func expect(_ count: Int) {
        shared.places.inUse += count
    }

    /// Invokes that were expected are known. Returns those that waited and must arrive again.
    package mutating func found(_ count: Int) -> [Waiter] {
        shared.places.inUse -= count
        return removeFromSharedLine { _ in true }
    }

    /// The manager is no member any more, and has no part of the account's concurrency: nothing is known of what runs.
    ///
    /// - Returns: The invokes that waited in line for some functions, and those that must arrive again.
    package mutating func memberEvicted(_ isForgotten: (Function) -> Bool) -> (forgotten: [Waiter], again: [Waiter]) {
        let (waiters, _) = forget(isForgotten)
        shared.places = Places(limit: 0, inUse: commonRunning { _ in true })
        return (waiters, removeFromSharedLine { _ in true })
    }

    /// Some functions are another manager's from now on. Their invokes count here no longer, and the places that they
    /// have in the common pool go along.
    ///
    /// - Parameter expected: How many were expected of them, and have not been found. They go along.
    /// - Returns: The invokes that waited in line, and how many had a place in the common pool.
    package mutating func forget(
        expecting expected: Int = 0,
        _ isForgotten: (Function) -> Bool
    ) -> (waiters: [Waiter], running: Int) {
        var waiters = removeFromSharedLine { isForgotten($0.function) }
        let known = commonRunning(isForgotten)
        let running = max(known, expected)
        for function in entries.keys.filter(isForgotten) {
            guard let entry = entries.removeValue(forKey: function) else { continue }
            total -= entry.total
            waiters += entry.own?.line.map(\.waiter) ?? []
        }
        shared.places.inUse -= known + expected
        if limits.isShared { shared.places.limit = max(0, shared.places.limit - running) }
        return (waiters, running)
    }

    /// How many invokes of some functions have a place in the common pool.
    package func commonRunning(_ isIncluded: (Function) -> Bool) -> Int {
        entries.reduce(0) { $0 + ($1.value.own == nil && isIncluded($1.key) ? $1.value.inUse : 0) }
    }

    /// The common pool is to have no more places than these, but as many as are used.
    ///
    /// - Returns: How many it has.
    package mutating func shareShrinks(to places: Int) -> Int {
        shared.places.limit = min(shared.places.limit, max(places, shared.places.inUse))
        return shared.places.limit
    }

    /// Counts invokes of a version by its rate that may follow one that runs, as many as the rate allows.
    package mutating func takeRate(_ function: Function, _ version: Version, upTo count: Int, at now: Int) -> Int {
        guard limits.requestsPerSecond != nil else { return count }
        // What is set apart for a version has a rate of its own, which decides where an invoke counts.
        guard let entry = entries[function], entry.allotments[version] == nil else { return 0 }
        let allowed = entry.own == nil ? shared.rate : entry.own?.rate
        // Half of what there is, so that others find something, too.
        let taken = (allowed?.allowance(at: now, upTo: 2 * count) ?? 2 * count) / 2
        for _ in 0..<taken {
            if entry.own == nil {
                _ = shared.rate?.take(at: now)
            } else {
                _ = entries[function]?.own?.rate?.take(at: now)
            }
        }
        return taken
    }

    /// So many invokes that were counted have not come.
    package mutating func giveBackRate(_ count: Int, of function: Function) {
        if entries[function]?.own == nil {
            shared.rate?.giveBack(count)
        } else {
            entries[function]?.own?.rate?.giveBack(count)
        }
    }

    /// What the common pool is used for.
    package var commonUse: CommonUse {
        CommonUse(share: shared.places.limit, inUse: shared.places.inUse, waiting: shared.line.count)
    }

    /// What the common pool is used for, as numbers of invokes.
    package struct CommonUse: Equatable {
        /// How many places there are.
        package var share: Int
        /// How many are taken.
        package var inUse: Int
        /// How many invokes wait for one.
        package var waiting: Int
    }
}
