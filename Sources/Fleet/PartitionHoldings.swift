package import MetadataStore

/// The partitions that a manager has, and which it should have, as a state machine.
///
/// Each manager claims what belongs to it by ``Rendezvous`` and nobody has. What belongs to another that is not there
/// yet, or is dying, is left to it: it comes, or it is evicted and belongs to a third.
package struct PartitionHoldings: Sendable {
    /// What is to be done.
    package struct Decision: Sendable, Equatable {
        /// To be claimed, by their numbers.
        package var claimed: [Int] = []
        /// To be given to others.
        package var released: [PartitionLease] = []
        /// What is not this manager's any more, though it did not know.
        package var lost: [Int] = []
    }

    private let own: FleetMemberID
    private var held: [Int: PartitionLease] = [:]
    /// The epochs under which this manager has had partitions, so that a view from before a claim or a release is known
    /// as such.
    private var epochs: [Int: Int] = [:]
    /// What was given up under its last epoch, whether or not the store knows already.
    private var givenUp: Set<Int> = []

    package init(own: FleetMemberID) {
        self.own = own
    }

    /// The leases that are held, by their partitions.
    package var leases: [PartitionLease] { held.values.sorted { $0.number < $1.number } }

    /// The lease of a partition; nil if it is not held.
    package subscript(partition: Int) -> PartitionLease? { held[partition] }

    /// Compares what is held with what should be.
    ///
    /// - Parameters:
    ///   - managers: The members, this one with them.
    ///   - partitions: What the store says. It may be from before the last claims and releases.
    ///   - isSettled: Whether a manager has been there for long enough to be given partitions that another has.
    package mutating func decide(
        _ managers: [FleetMember],
        _ partitions: [Partition],
        isSettled: (FleetMemberID) -> Bool
    ) -> Decision {
        var decision = Decision()
        let names = Set(managers.map(\.id.name))
        let settled = Set(managers.map(\.id).filter(isSettled).map(\.name))
        for partition in partitions {
            let number = partition.number
            let heir = Rendezvous.owner(of: number, among: names)
            if let lease = held[number] {
                if partition.epoch > lease.epoch || partition.epoch == lease.epoch && partition.owner != own {
                    held[number] = nil
                    decision.lost.append(number)
                } else if let heir, heir != own.name, settled.contains(heir) {
                    decision.released.append(lease)
                }
            } else if partition.owner == own {
                let isPast = givenUp.contains(number) && partition.epoch <= epochs[number] ?? 0
                if !isPast { decision.claimed.append(number) }
            } else if partition.owner == nil, heir == own.name {
                decision.claimed.append(number)
            }
        }
        return decision
    }

    /// Partitions were claimed.
    ///
    /// - Returns: The leases that are new, or held again; of the latter what was handed over is known.
    package mutating func claimed(_ leases: [PartitionLease]) -> [PartitionLease] {
        var gained: [PartitionLease] = []
        for lease in leases where held[lease.number] == nil {
            let isKnown = epochs[lease.number] == lease.epoch
            let lease = PartitionLease(
                number: lease.number,
                epoch: lease.epoch,
                inheritedFrom: lease.inheritedFrom,
                handedOver: isKnown ? 0 : lease.handedOver
            )
            held[lease.number] = lease
            epochs[lease.number] = lease.epoch
            givenUp.remove(lease.number)
            gained.append(lease)
        }
        return gained
    }

    /// Partitions are given up.
    package mutating func released(_ leases: [PartitionLease]) {
        for lease in leases {
            held[lease.number] = nil
            givenUp.insert(lease.number)
        }
    }

    /// The lease of the member is over. Returns what was held.
    package mutating func leaseEnded() -> [Int] {
        defer { held = [:] }
        return held.keys.sorted()
    }
}
