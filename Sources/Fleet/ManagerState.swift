import MetadataStore

/// What a manager's membership keeps of its partitions and its share, under one incarnation.
struct ManagerState {
    /// An inherited partition of which all is counted.
    struct Recovery {
        let lease: PartitionLease
        let running: Int
    }

    var holdings: PartitionHoldings
    var keeper = ShareKeeper()
    /// Partitions that are stopped, and that the store has still to be told of.
    var releases: [PartitionRelease] = []
    var recoveries: [Recovery] = []
    /// What the share was shrunk to, and the store has still to be told of.
    var kept: Int?

    init(own: FleetMemberID) {
        holdings = PartitionHoldings(own: own)
    }

    /// The store has said what the share is. Returns what has to be told of it.
    mutating func shareIs(_ share: Int) -> [FleetMembership.Telling] {
        let isNew = share != keeper.share
        keeper.shareIs(share)
        return isNew ? [.share(share)] : []
    }
}
