package import MetadataStore

/// Who is told what a process's membership comes to. Calls come one after the other, in the order of the events, and
/// must not block.
package protocol FleetObserver: Sendable {
    /// The process is a member from now on. Called again with another incarnation after ``evicted()``.
    func joined(as member: FleetMemberID)

    /// The lease could not be renewed in time. What it allows must stop; it may still be renewed.
    func leaseEnded()

    /// The lease is in force again, after ``leaseEnded()``, as if it had never been over.
    func leaseResumed()

    /// Others have ended the membership, and act in its place. All that went with it is gone.
    func evicted()

    /// The members, partitions or shares have changed.
    func fleetChanged(_ view: FleetView)

    /// What operators want of this worker has changed.
    func ordersChanged(_ orders: WorkerOrders)
}

extension FleetObserver {
    package func joined(as member: FleetMemberID) {}
    package func leaseEnded() {}
    package func leaseResumed() {}
    package func evicted() {}
    package func fleetChanged(_ view: FleetView) {}
    package func ordersChanged(_ orders: WorkerOrders) {}
}

/// A manager, as its membership sees it: it decides for partitions, and has invokes run within a share of the
/// concurrency.
package protocol PartitionHolder: FleetObserver {
    /// Partitions are this manager's. Those that are inherited are to be reported by
    /// ``FleetMembership/recovered(_:running:)`` when what runs of them is counted.
    ///
    /// After ``FleetObserver/leaseResumed()`` those are told again that it had before, under the same epochs and with
    /// nothing handed over: what ran before is known.
    func partitionsGained(_ leases: [PartitionLease])

    /// Partitions are to go to others. No invoke of them may be begun from now on; it returns at once, and need not
    /// wait for those that run. They go over to the next manager, and the share shrinks by as many from the moment of
    /// the return.
    ///
    /// - Returns: How many invokes of functions without reserved concurrency run, by the partition's number.
    func partitionsReleased(_ leases: [PartitionLease]) async -> [Int: Int]

    /// The lease is over, and partitions with it: no invoke of them may be begun from now on. What runs still counts,
    /// until ``FleetObserver/evicted()``.
    func partitionsLost(_ numbers: [Int])

    /// How much of the share is needed. Asked for often.
    func shareUse() -> ShareUse

    /// So many invokes of functions without reserved concurrency may run from now on; never fewer than do.
    func shareChanged(_ share: Int)

    /// Fewer invokes are to run from now on, since others need it.
    ///
    /// - Returns: What the manager keeps: `share`, or as many as run. It must not use more from the moment it has
    ///   returned.
    func shareShrinks(to share: Int) -> Int
}

/// How much of its share a manager needs.
package struct ShareUse: Sendable, Equatable {
    /// Invokes that run of functions without reserved concurrency.
    package var running: Int
    /// Those that wait for some of the share.
    package var waiting: Int

    package init(running: Int, waiting: Int = 0) {
        self.running = running
        self.waiting = waiting
    }
}
