import MetadataStore

/// The shards that a process has leased among others, and how many it should have, as a state machine.
///
/// Ends of leases are kept on this process's own clock, which nobody can set, and counted from before the store was asked:
/// a process stops using a shard before another can be given it.
struct ShardHoldings {
    private struct Holding {
        var lease: ShardLease
        var end: ContinuousClock.Instant
        var isLeaving = false
    }

    private var holdings: [Int: Holding] = [:]

    /// The leases that are to be renewed: all that there are, since a shard that is given back still finishes.
    var leases: [ShardLease] { holdings.values.map(\.lease).sorted { $0.shard < $1.shard } }

    /// Shards were leased until a moment.
    mutating func leased(_ leases: [ShardLease], until end: ContinuousClock.Instant) {
        for lease in leases { holdings[lease.shard] = Holding(lease: lease, end: end) }
    }

    /// These of the leases were renewed until a moment. Returns the shards whose leases are over.
    mutating func renewed(
        _ renewed: [ShardLease],
        of asked: [ShardLease],
        until end: ContinuousClock.Instant
    ) -> [Int] {
        for lease in renewed where holdings[lease.shard]?.lease == lease { holdings[lease.shard]?.end = end }
        let over = Set(asked).subtracting(renewed).filter { holdings[$0.shard]?.lease == $0 }.map(\.shard)
        for shard in over { holdings[shard] = nil }
        return over
    }

    /// Time has passed. Returns the shards whose leases have ended since they could not be renewed.
    mutating func timePassed(at now: ContinuousClock.Instant) -> [Int] {
        let over = holdings.filter { $0.value.end <= now }.keys
        for shard in over { holdings[shard] = nil }
        return Array(over)
    }

    /// The lease of a shard is over for another reason.
    mutating func lost(_ shard: Int) {
        holdings[shard] = nil
    }

    /// What is to be done for everybody to have the same share.
    enum Balance: Equatable {
        /// Lease so many more, as far as there are any that nobody has.
        case lease(Int)
        /// Give these back as soon as nothing of them is underway.
        case leave([Int])
    }

    /// Compares what is held with a fair share.
    ///
    /// - Parameters:
    ///   - shardCount: How many shards there are.
    ///   - ownerCount: How many processes work off events, this one with them.
    mutating func balance(shardCount: Int, ownerCount: Int) -> Balance {
        let share = (shardCount + ownerCount - 1) / max(1, ownerCount)
        let kept = holdings.filter { !$0.value.isLeaving }
        guard kept.count > share else { return .lease(share - kept.count) }
        let leaving = kept.keys.sorted().suffix(kept.count - share)
        for shard in leaving { holdings[shard]?.isLeaving = true }
        return .leave(Array(leaving))
    }

    /// The leases that are to be given back.
    var leaving: [ShardLease] { holdings.values.filter(\.isLeaving).map(\.lease) }
}
