/// What a manager has of the account's unreserved concurrency: as many invokes it may have running.
package struct FleetShare: Sendable, Equatable {
    package let manager: FleetMemberID
    package var share: Int
    /// How much more it wants than there was.
    package var wanted: Int
    /// Whether the manager was evicted. The share then covers what it has left running, until that is counted.
    package var isOrphan: Bool

    package init(manager: FleetMemberID, share: Int, wanted: Int = 0, isOrphan: Bool = false) {
        self.manager = manager
        self.share = share
        self.wanted = wanted
        self.isOrphan = isOrphan
    }
}

/// What has come of a wish for more.
package struct ShareGrant: Sendable, Equatable {
    /// All that the manager has now.
    package let share: Int
    /// How much of it is new.
    package let granted: Int

    package init(share: Int, granted: Int) {
        self.share = share
        self.granted = granted
    }
}

/// Partitions that were claimed.
package struct PartitionClaim: Sendable, Equatable {
    package let leases: [PartitionLease]
    /// All that the manager has of the concurrency now, with what was handed over.
    package let share: Int

    package init(leases: [PartitionLease], share: Int) {
        self.leases = leases
        self.share = share
    }
}
