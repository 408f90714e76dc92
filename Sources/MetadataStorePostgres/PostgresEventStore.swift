import Dispatch
package import LambdaAPI
package import MetadataStore
import MetadataStoreSQL
import Synchronization

/// Events in a schema on a PostgreSQL server, for services that run as many processes.
///
/// Each process writes its changes over one connection, in groups as ``EventWriter`` has them. Whoever settles events locks the
/// rows of their leases meanwhile, so that no lease ends between the look at it and the commit.
package final class PostgresEventStore: EventStore {
    private static let readerCount = 2

    private let writer: EventWriter
    private let readers: [PostgresSession]
    private let nextReader = Atomic(0)
    private let pool: PostgresPool
    private let appends: EventAppends
    private let listener: NotificationListener

    /// Connects, and brings the schema up to date.
    ///
    /// - Throws: `.unavailable` if the server cannot be reached or refuses.
    package init(_ settings: PostgresSettings) async throws(MetadataStoreError) {
        readers = (0..<Self.readerCount).map { _ in PostgresSession(settings) }
        pool = PostgresPool(settings)
        let (session, appends) = (PostgresSession(settings), EventAppends(settings))
        self.appends = appends
        writer = EventWriter { turn in
            session.perform { session in
                turn { changes in
                    try session.transaction(.locking) { database in
                        let results = try EventStatements(database: database).apply(changes)
                        let made = zip(changes, results).filter { (try? $1.get()) != nil }
                        try appends.notify(of: made.flatMap(\.0.appended), in: database)
                        return results
                    }
                }
            }
        }
        listener = NotificationListener(settings, channel: settings.eventChannel, appends.handler)
        do {
            try await session.run { try PostgresSchema.migrate($0, settings) }
            try await listener.start()
        } catch {
            throw .failed(to: "open the queue", error)
        }
    }

    package var isShared: Bool { true }

    // MARK: Changes

    package func write(
        _ change: EventChange,
        completion: @escaping @Sendable (Result<[EventID], MetadataStoreError>) -> Void
    ) {
        writer.write(change, completion: completion)
    }

    package func purge(
        _ lane: EventLane,
        of shard: Int,
        except kept: Set<EventID>,
        limit: Int
    ) async throws(MetadataStoreError) -> Int {
        try await pool.transaction("purge \(lane)", .locking) { database in
            try database.execute(
                """
                DELETE FROM event WHERE id IN (
                    SELECT id FROM event
                    WHERE shard = ?1 AND lane = ?2 AND id <> ALL (CAST(?3 AS BIGINT[]))
                    LIMIT ?4
                )
                """,
                [shard, lane.text, EventStatements.list(kept.map(\.rawValue)), limit]
            )
        }
    }

    // MARK: Reading

    package func read(
        _ request: EventRead,
        completion: @escaping @Sendable (Result<EventPage, MetadataStoreError>) -> Void
    ) {
        let index = nextReader.wrappingAdd(1, ordering: .relaxed).oldValue
        readers[index % readers.count].perform { session in
            do {
                let page = try session.transaction(.snapshot) { database in
                    try EventStatements(database: database).page(request)
                }
                completion(.success(page))
            } catch {
                completion(.failure(.failed(to: "read events of \(request.lane)", error)))
            }
        }
    }

    package func lanes(of shard: Int) async throws(MetadataStoreError) -> [LaneSummary] {
        try await pool.transaction("read the lanes of shard \(shard)", .snapshot) { database in
            let rows = try database.rows("SELECT lane, count(*) FROM event WHERE shard = ?1 GROUP BY lane", [shard])
            return try rows.map { LaneSummary(lane: try EventLane(stored: $0.value(0)), count: try $0.value(1)) }
        }
    }

    package func oldest(
        of lanes: [EventLane],
        in shard: Int
    ) async throws(MetadataStoreError) -> [EventLane: Timestamp] {
        try await pool.transaction("read the ages of shard \(shard)", .snapshot) { database in
            var oldest: [EventLane: Timestamp] = [:]
            for lane in lanes {
                // Events that were never postponed are due when they were accepted: none of them is older than the first.
                let rows = try database.rows(
                    """
                    SELECT least(
                        (SELECT accepted FROM event WHERE shard = ?1 AND lane = ?2 ORDER BY due, id LIMIT 1),
                        (SELECT min(accepted) FROM event WHERE shard = ?1 AND lane = ?2 AND due > accepted)
                    )
                    """,
                    [shard, lane.text]
                )
                let accepted: Int? = try rows.first?.value(0)
                oldest[lane] = accepted.map { Timestamp(milliseconds: $0) }
            }
            return oldest
        }
    }

    package func observeAppends(_ observer: @escaping @Sendable (AppendNotice) -> Void) {
        appends.observe(observer)
    }

    /// Ends the connection that hears of others' events, for good.
    package func close() async {
        await listener.close()
    }

    // MARK: Leases

    package func claimShards(
        for owner: String,
        of shards: Int,
        limit: Int,
        at now: Timestamp,
        until end: Timestamp
    ) async throws(MetadataStoreError) -> [ShardLease] {
        try await pool.transaction("claim shards", .locking) { database in
            try database.execute(
                """
                INSERT INTO eventShard (shard, owner, epoch, leasedUntil)
                SELECT number, '', 0, 0 FROM generate_series(0, CAST(?1 AS BIGINT) - 1) AS number
                ON CONFLICT (shard) DO NOTHING
                """,
                [shards]
            )
            // One that another is about to lease is passed over.
            let rows = try database.rows(
                """
                UPDATE eventShard SET owner = ?1, epoch = epoch + 1, leasedUntil = ?2
                WHERE shard IN (
                    SELECT shard FROM eventShard
                    WHERE shard < ?3 AND leasedUntil <= ?4
                    ORDER BY shard LIMIT ?5 FOR UPDATE SKIP LOCKED
                )
                RETURNING shard, epoch
                """,
                [owner, end.milliseconds, shards, now.milliseconds, limit]
            )
            return try rows.map { ShardLease(shard: try $0.value(0), epoch: try $0.value(1)) }
                .sorted { $0.shard < $1.shard }
        }
    }

    package func now() async throws(MetadataStoreError) -> Timestamp {
        try await pool.transaction("read the server's clock", .snapshot) { database in
            let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
            return Timestamp(milliseconds: try database.rows(sql).first?.value(0) ?? 0)
        }
    }

    package func join(
        _ owner: String,
        at now: Timestamp,
        until end: Timestamp
    ) async throws(MetadataStoreError) -> Int {
        try await pool.transaction("join the queue", .locking) { database in
            try database.execute(
                """
                INSERT INTO eventConsumer (owner, joinedUntil) VALUES (?1, ?2)
                ON CONFLICT (owner) DO UPDATE SET joinedUntil = excluded.joinedUntil
                """,
                [owner, end.milliseconds]
            )
            // One that somebody else is about to write is alive.
            try database.execute(
                """
                DELETE FROM eventConsumer WHERE owner IN (
                    SELECT owner FROM eventConsumer WHERE joinedUntil <= ?1 FOR UPDATE SKIP LOCKED
                )
                """,
                [now.milliseconds]
            )
            return try database.rows("SELECT count(*) FROM eventConsumer").first?.value(0) ?? 0
        }
    }

    package func leave(_ owner: String) async throws(MetadataStoreError) {
        try await pool.transaction("leave the queue", .locking) { database in
            _ = try database.execute("DELETE FROM eventConsumer WHERE owner = ?1", [owner])
        }
    }

    package func renew(
        _ leases: [ShardLease],
        until end: Timestamp
    ) async throws(MetadataStoreError) -> [ShardLease] {
        try await pool.transaction("renew leases", .locking) { database in
            try leases.filter { lease in
                try database.execute(
                    "UPDATE eventShard SET leasedUntil = ?3 WHERE shard = ?1 AND epoch = ?2",
                    [lease.shard, lease.epoch, end.milliseconds]
                ) > 0
            }
        }
    }

    package func release(_ leases: [ShardLease]) async throws(MetadataStoreError) {
        try await pool.transaction("release leases", .locking) { database in
            for lease in leases {
                try database.execute(
                    """
                    UPDATE eventShard SET owner = '', epoch = epoch + 1, leasedUntil = 0
                    WHERE shard = ?1 AND epoch = ?2
                    """,
                    [lease.shard, lease.epoch]
                )
            }
        }
    }
}
