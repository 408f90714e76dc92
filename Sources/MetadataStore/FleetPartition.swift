/// A part of all functions, which one manager at a time decides for.
package struct Partition: Sendable, Equatable {
    /// How many there are, numbered from 0 on. All of a fleet must have the same.
    package static let count = 256

    package let number: Int
    /// The manager that has it, a member; nil if it was given up, or the manager was evicted.
    package var owner: FleetMemberID?
    /// Counts its claims.
    package var epoch: Int
    /// Managers that were evicted while they had it, and whose invokes nobody has counted yet. One may stand for several.
    package var inheritedFrom: [FleetMemberID]
    /// How many invokes of functions without reserved concurrency the last owner has left running; their concurrency
    /// belongs to the partition until it is claimed.
    package var handedOver: Int

    package init(
        number: Int,
        owner: FleetMemberID? = nil,
        epoch: Int = 0,
        inheritedFrom: [FleetMemberID] = [],
        handedOver: Int = 0
    ) {
        self.number = number
        self.owner = owner
        self.epoch = epoch
        self.inheritedFrom = inheritedFrom
        self.handedOver = handedOver
    }
}

/// The right to decide for a partition, as long as its holder's lease is in force.
package struct PartitionLease: Hashable, Sendable {
    package let number: Int
    /// Counts the claims of the partition: of two leases the one with the greater epoch is in force.
    package let epoch: Int
    /// Managers that were evicted while they had it: what still runs must be counted and reported by
    /// ``FleetStore/recovered(_:of:running:)``. Empty if there is nothing of the kind.
    package let inheritedFrom: [FleetMemberID]
    /// How many invokes the last owner has left running. Their concurrency is part of the claimer's share from now on.
    package let handedOver: Int

    package init(number: Int, epoch: Int, inheritedFrom: [FleetMemberID] = [], handedOver: Int = 0) {
        self.number = number
        self.epoch = epoch
        self.inheritedFrom = inheritedFrom
        self.handedOver = handedOver
    }
}

/// A partition that is given up.
package struct PartitionRelease: Sendable, Equatable {
    package let lease: PartitionLease
    /// How many invokes of its functions without reserved concurrency still run.
    package let running: Int

    package init(_ lease: PartitionLease, running: Int) {
        self.lease = lease
        self.running = running
    }
}
