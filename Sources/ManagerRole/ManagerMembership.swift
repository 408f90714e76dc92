package import MetadataStore

/// What a manager's desk wants of its membership in the fleet.
package protocol ManagerMembership: Sendable {
    /// Whether the manager's lease is in force at this very moment.
    var isInForce: Bool { get }

    /// What runs of an inherited partition is counted. Must not block.
    func recovered(_ lease: PartitionLease, running: Int)

    /// Invokes have begun to wait for more of the account's concurrency. Must not block.
    func shareUseChanged()
}
