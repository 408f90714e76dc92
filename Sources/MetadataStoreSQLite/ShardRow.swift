import GRDB
import LambdaAPI
import MetadataStore

/// The statements on the leases of shards. An epoch that is over is one that the row has no more.
enum ShardRow {
    /// The epoch of the lease in force; nil for a shard that nobody has ever leased.
    static func epoch(of shard: Int, in database: Database) throws -> Int? {
        let statement = try database.cachedStatement(sql: "SELECT epoch FROM eventShard WHERE shard = ?")
        return try Int.fetchOne(statement, arguments: [shard])
    }

    static func insertMissing(upTo shards: Int, in database: Database) throws {
        for shard in 0..<shards {
            try database.execute(
                sql: """
                    INSERT INTO eventShard (shard, owner, epoch, leasedUntil) VALUES (?, '', 0, 0)
                    ON CONFLICT (shard) DO NOTHING
                    """,
                arguments: [shard]
            )
        }
    }

    static func claim(
        for owner: String,
        of shards: Int,
        limit: Int,
        at now: Timestamp,
        until end: Timestamp,
        in database: Database
    ) throws -> [ShardLease] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                UPDATE eventShard SET owner = ?1, epoch = epoch + 1, leasedUntil = ?2
                WHERE shard IN (
                    SELECT shard FROM eventShard
                    WHERE shard < ?3 AND leasedUntil <= ?4
                    ORDER BY shard LIMIT ?5
                )
                RETURNING shard, epoch
                """,
            arguments: [owner, end.milliseconds, shards, now.milliseconds, limit]
        )
        return rows.map { ShardLease(shard: $0[0], epoch: $0[1]) }.sorted { $0.shard < $1.shard }
    }

    /// Returns how many have joined.
    static func join(_ owner: String, at now: Timestamp, until end: Timestamp, in database: Database) throws -> Int {
        try database.execute(
            sql: """
                INSERT INTO eventConsumer (owner, joinedUntil) VALUES (?1, ?2)
                ON CONFLICT (owner) DO UPDATE SET joinedUntil = excluded.joinedUntil
                """,
            arguments: [owner, end.milliseconds]
        )
        try database.execute(
            sql: "DELETE FROM eventConsumer WHERE joinedUntil <= ?",
            arguments: [now.milliseconds]
        )
        return try Int.fetchOne(database, sql: "SELECT count(*) FROM eventConsumer") ?? 0
    }

    static func leave(_ owner: String, in database: Database) throws {
        try database.execute(sql: "DELETE FROM eventConsumer WHERE owner = ?", arguments: [owner])
    }

    /// Returns whether the lease is still in force.
    static func setEnd(of lease: ShardLease, to end: Timestamp, in database: Database) throws -> Bool {
        try database.execute(
            sql: "UPDATE eventShard SET leasedUntil = ? WHERE shard = ? AND epoch = ?",
            arguments: [end.milliseconds, lease.shard, lease.epoch]
        )
        return database.changesCount > 0
    }

    /// Ends a lease, so that what its holder still asks for is refused.
    static func release(_ lease: ShardLease, in database: Database) throws -> Bool {
        try database.execute(
            sql: """
                UPDATE eventShard SET owner = '', epoch = epoch + 1, leasedUntil = 0 WHERE shard = ? AND epoch = ?
                """,
            arguments: [lease.shard, lease.epoch]
        )
        return database.changesCount > 0
    }
}
