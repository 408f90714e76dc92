package import MetadataStore
import MetadataStoreSQL

/// The bookkeeping of a fleet in a schema on a PostgreSQL server.
package final class PostgresFleetStore: FleetStore {
    private let pool: PostgresPool
    private let notices: FleetNotices
    private let listener: NotificationListener

    /// Connects, and brings the schema up to date.
    ///
    /// - Parameter isListening: Whether it tells its observers what has changed, which takes a connection of its own.
    ///   Without, they are told nothing; workers, of which there are many, have no use for it.
    /// - Throws: `.unavailable` if the server cannot be reached or refuses.
    package init(_ settings: PostgresSettings, isListening: Bool = true) async throws(MetadataStoreError) {
        pool = PostgresPool(settings)
        notices = FleetNotices(settings)
        listener = NotificationListener(settings, channel: settings.fleetChannel, notices.handler)
        do {
            try await pool.withSession { session in
                try await session.run { try PostgresSchema.migrate($0, settings) }
            }
            if isListening { try await listener.start() }
        } catch {
            throw .failed(to: "open the fleet's bookkeeping", error)
        }
    }

    /// Ends the connection that hears of changes, for good.
    package func close() async {
        await listener.close()
    }

    package func observe(_ observer: @escaping @Sendable (FleetNotice) -> Void) {
        notices.observe(observer)
    }

    private func transaction<Value: Sendable>(
        _ operation: String,
        _ manner: TransactionManner = .locking,
        _ body: @escaping @Sendable (FleetTransaction) throws -> Value
    ) async throws(MetadataStoreError) -> Value {
        try await pool.transaction(operation, manner) { [notices] database in
            try body(FleetTransaction(database: database, notices: notices))
        }
    }

    // MARK: Members

    package func join(_ member: FleetMember) async throws(MetadataStoreError) {
        try await transaction("join the fleet") { try $0.join(member) }
    }

    package func leave(
        _ member: FleetMemberID,
        releasing releases: [PartitionRelease]
    ) async throws(MetadataStoreError) {
        try await transaction("leave the fleet") { try $0.leave(member, releasing: releases) }
    }

    package func renew(
        _ member: FleetMemberID,
        details: [UInt8]?,
        since known: FleetVersions
    ) async throws(MetadataStoreError) -> FleetUpdate? {
        try await transaction("renew the lease of \(member)") { transaction in
            if let details { try transaction.describe(member, details) }
            guard let renewed = try transaction.renew(member) else { return nil }
            var update = try transaction.update(since: known, versions: renewed.versions)
            update.orders = renewed.orders
            return update
        }
    }

    package func changes(since known: FleetVersions) async throws(MetadataStoreError) -> FleetUpdate {
        try await transaction("read the fleet", .snapshot) { transaction in
            try transaction.update(since: known, versions: transaction.versions())
        }
    }

    package func renewals() async throws(MetadataStoreError) -> [Incarnation: Int] {
        try await transaction("read renewals", .snapshot) { try $0.renewals() }
    }

    package func evict(_ member: FleetMemberID, at renewals: Int) async throws(MetadataStoreError) -> Bool {
        try await transaction("evict \(member)") { try $0.evict(member, at: renewals) }
    }

    package func forget(_ worker: FleetMemberID) async throws(MetadataStoreError) -> Bool {
        try await transaction("forget \(worker)") { try $0.forget(worker) }
    }

    // MARK: Partitions

    package func claim(
        _ partitions: [Int],
        for manager: FleetMemberID
    ) async throws(MetadataStoreError) -> PartitionClaim {
        try await transaction("claim partitions") { try $0.claim(partitions, for: manager) }
    }

    package func release(
        _ releases: [PartitionRelease],
        of manager: FleetMemberID
    ) async throws(MetadataStoreError) -> Int {
        try await transaction("release partitions") { try $0.release(releases, of: manager) }
    }

    package func recovered(
        _ lease: PartitionLease,
        of manager: FleetMemberID,
        running: Int
    ) async throws(MetadataStoreError) -> Int {
        try await transaction("recover partition \(lease.number)") {
            try $0.recovered(lease, of: manager, running: running)
        }
    }

    // MARK: Shares

    package func askShare(
        of manager: FleetMemberID,
        more: Int,
        account: Int
    ) async throws(MetadataStoreError) -> ShareGrant {
        try await transaction("ask for concurrency") { try $0.askShare(of: manager, more: more, account: account) }
    }

    package func giveBackShare(of manager: FleetMemberID, keeping kept: Int) async throws(MetadataStoreError) -> Int {
        try await transaction("give concurrency back") { try $0.giveBackShare(of: manager, keeping: kept) }
    }

    // MARK: Operators

    package func setCordon(_ worker: String, _ isCordoned: Bool) async throws(MetadataStoreError) {
        try await transaction("cordon \(worker)") { try $0.order("isCordoned", worker, isCordoned) }
    }

    package func setDrain(_ worker: String, _ isDraining: Bool) async throws(MetadataStoreError) {
        try await transaction("drain \(worker)") { try $0.order("isDraining", worker, isDraining) }
    }

    package func workerOrders() async throws(MetadataStoreError) -> [String: WorkerOrders] {
        try await transaction("read the orders of workers", .snapshot) { try $0.workerOrders() }
    }
}
