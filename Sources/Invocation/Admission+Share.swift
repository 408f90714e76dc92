/// Admission where several managers admit invokes of one account, each those of its functions.
extension Admission {
    /// The common pool has so many places from now on. Returns the invokes that waited and must arrive again.
    mutating func shareChanged(to places: Int) -> [Waiter] {
        guard limits.isShared, shared.places.limit != places else { return [] }
        shared.places.limit = places
        shared.rate = Self.rate(places, limits) ?? shared.rate
        return removeFromSharedLine { _ in true }
    }

    /// An invoke that another manager has admitted goes on under this one. It counts even if that is more than the limits
    /// allow, and is to be reported to ``invokeFinished(_:_:)``.
    mutating func invokeAdopted(_ function: Function, _ version: Version) {
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

    /// A function is another manager's from now on. Its invokes count here no longer.
    ///
    /// - Returns: The invokes that waited in line, and how many had a place in the common pool.
    mutating func forget(_ function: Function) -> (waiters: [Waiter], running: Int) {
        guard let entry = entries.removeValue(forKey: function) else { return ([], 0) }
        total -= entry.total
        if let own = entry.own { return (own.line.map(\.waiter), 0) }
        shared.places.inUse -= entry.inUse
        return (removeFromSharedLine { $0.function == function }, entry.inUse)
    }

    /// What the common pool is used for.
    var commonUse: CommonUse {
        CommonUse(share: shared.places.limit, inUse: shared.places.inUse, waiting: shared.line.count)
    }

    /// What the common pool is used for, as numbers of invokes.
    struct CommonUse: Equatable {
        var share: Int
        var inUse: Int
        var waiting: Int
    }
}
