/// The shared bookkeeping of a fleet: who belongs to it, which manager decides for which functions, and how much of the
/// account's concurrency each manager may use.
///
/// A member is one as long as it renews its lease. Nothing here knows the time: whoever wants to evict a member must
/// have seen the same count of its renewals for all of its lease by a clock of its own that nobody can set, and the
/// member itself stops what the lease allows somewhat before. What is written under a lease that is over is refused.
///
/// All operations are one transaction each. If one fails with `.unavailable` it may have been made or not; each can be
/// asked for again, and has the same effect as if it had been asked for once, but for ``askShare(of:more:account:)``,
/// which answers with what there is now.
package protocol FleetStore: Sendable {
    // MARK: Members

    /// Has a process counted among the members. A frontend or worker takes the place of those with its name; of a
    /// manager, earlier incarnations are members until they are evicted, since they may still decide. An incarnation
    /// that was evicted must not join again.
    func join(_ member: FleetMember) async throws(MetadataStoreError)

    /// Has a process counted no more. Of a manager, all partitions and the share are given back.
    ///
    /// - Parameter releases: What still runs of a manager's partitions; those that are not named have nothing running.
    func leave(_ member: FleetMemberID, releasing releases: [PartitionRelease]) async throws(MetadataStoreError)

    /// Renews a lease, and reads what has changed.
    ///
    /// - Parameters:
    ///   - details: A new document in place of the last one; nil if it is the same.
    ///   - known: What the caller has.
    /// - Returns: What is new; nil if the member was evicted.
    func renew(
        _ member: FleetMemberID,
        details: [UInt8]?,
        since known: FleetVersions
    ) async throws(MetadataStoreError) -> FleetUpdate?

    /// Reads what has changed, without being a member.
    func changes(since known: FleetVersions) async throws(MetadataStoreError) -> FleetUpdate

    /// How often each member has renewed its lease; nothing of those that were evicted. All that is read of a member is its incarnation and a number.
    func renewals() async throws(MetadataStoreError) -> [Incarnation: Int]

    /// Ends a membership, unless the lease was renewed since. The partitions of an evicted manager can then be claimed,
    /// and its share is kept for what it has left running. A worker stays listed as evicted, since it may still run
    /// what managers have given it, until it joins again, leaves or is forgotten.
    ///
    /// - Parameter renewals: What the caller has seen for all of the lease.
    /// - Returns: Whether the membership has ended by this.
    func evict(_ member: FleetMemberID, at renewals: Int) async throws(MetadataStoreError) -> Bool

    /// Has an evicted worker listed no more. To be called when nothing can run on it that any manager has given it.
    ///
    /// - Returns: Whether this has ended it.
    func forget(_ worker: FleetMemberID) async throws(MetadataStoreError) -> Bool

    // MARK: Partitions

    /// Takes partitions that no member has. Of several who ask at the same time, each partition goes to one. Those that
    /// the claimer has already are among what is returned, as they were when it claimed them.
    ///
    /// - Throws: `.conflict` if the claimer was evicted.
    func claim(
        _ partitions: [Int],
        for manager: FleetMemberID
    ) async throws(MetadataStoreError) -> PartitionClaim

    /// Gives partitions up, as far as the manager still has them under these epochs. What runs of them is taken from
    /// its share, and given to whoever claims the partition next.
    ///
    /// - Returns: The manager's share afterwards.
    func release(
        _ releases: [PartitionRelease],
        of manager: FleetMemberID
    ) async throws(MetadataStoreError) -> Int

    /// The invokes are counted that evicted owners of a partition have left running. As much of their shares goes to
    /// the manager; what is left of them when all is counted is free.
    ///
    /// - Parameter running: Those of functions without reserved concurrency.
    /// - Returns: The manager's share afterwards.
    /// - Throws: `.conflict` if the lease is over.
    func recovered(
        _ lease: PartitionLease,
        of manager: FleetMemberID,
        running: Int
    ) async throws(MetadataStoreError) -> Int

    // MARK: Shares

    /// Asks for more of the unreserved concurrency, of which there is what no function has claimed.
    ///
    /// - Parameters:
    ///   - more: How much more is wanted. What is not granted is kept in mind, and others are told; with 0, nothing is
    ///     wanted any more.
    ///   - account: The concurrency of the account.
    /// - Throws: `.conflict` if the manager was evicted.
    func askShare(
        of manager: FleetMemberID,
        more: Int,
        account: Int
    ) async throws(MetadataStoreError) -> ShareGrant

    /// Gives back what is more than the manager keeps. Nothing if it has less.
    ///
    /// - Parameter kept: What it goes on using; it uses no more already.
    /// - Returns: The manager's share afterwards.
    func giveBackShare(of manager: FleetMemberID, keeping kept: Int) async throws(MetadataStoreError) -> Int

    // MARK: Operators

    /// Has a worker get no new environments, or get them again. It need not be a member.
    func setCordon(_ worker: String, _ isCordoned: Bool) async throws(MetadataStoreError)

    /// Has a worker finish what it has and end its environments, or no longer. It need not be a member.
    func setDrain(_ worker: String, _ isDraining: Bool) async throws(MetadataStoreError)

    /// What operators want of which workers, members or not. Those of whom nothing is wanted are left out.
    func workerOrders() async throws(MetadataStoreError) -> [String: WorkerOrders]

    /// Has it told from now on what has changed, by whomever. It must not block.
    func observe(_ observer: @escaping @Sendable (FleetNotice) -> Void)
}
