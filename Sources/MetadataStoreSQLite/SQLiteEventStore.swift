import FoundationEssentials
import GRDB
package import LambdaAPI
package import MetadataStore
import MetadataStoreSQL

/// Events in one SQLite file, for a service that runs as one process.
///
/// Changes that arrive while others are being written wait, and are then written together; ``EventWriter`` has them.
package final class SQLiteEventStore: EventStore {
    /// How large the log of changes grows before it is copied into the file, in pages of 4 KiB.
    private static let logPages = 4000

    private let file: StoreFile
    private let writer: EventWriter

    /// Opens the file, which is created if it is not there, and brings its schema up to date.
    package init(path: String) throws(MetadataStoreError) {
        let file = try StoreFile(path: path, migrating: EventSchema.migrator)
        self.file = file
        writer = EventWriter { turn in
            file.pool.asyncWriteWithoutTransaction { database in
                turn { changes in
                    var results: EventWriter.Results = []
                    try database.inTransaction(.immediate) {
                        results = try Self.apply(changes, in: database)
                        return .commit
                    }
                    return results
                }
            }
        }
        do {
            try file.pool.writeWithoutTransaction {
                try $0.execute(sql: "PRAGMA wal_autocheckpoint = \(Self.logPages)")
            }
        } catch {
            throw MetadataStoreError(.unavailable, "failed to open the database \(path)", cause: error)
        }
    }

    package var isShared: Bool { false }

    // MARK: Changes

    package func write(
        _ change: EventChange,
        completion: @escaping @Sendable (Result<[EventID], MetadataStoreError>) -> Void
    ) {
        writer.write(change, completion: completion)
    }

    /// A change whose lease is over is left out and told so; an error undoes all.
    private static func apply(
        _ changes: [EventChange],
        in database: Database
    ) throws -> [Result<[EventID], MetadataStoreError>] {
        var epochs: [Int: Int] = [:]
        return try changes.map { change in
            if let lease = change.lease {
                let epoch = try epochs[lease.shard] ?? ShardRow.epoch(of: lease.shard, in: database)
                epochs[lease.shard] = epoch
                guard epoch == lease.epoch else {
                    return .failure(.leaseOver(of: lease.shard))
                }
            }
            for id in change.removed { try EventRow.delete(id, in: database) }
            for postponement in change.postponed { try EventRow.postpone(postponement, in: database) }
            return .success(try change.appended.map { try EventRow.insert($0, in: database) })
        }
    }

    package func purge(
        _ lane: EventLane,
        of shard: Int,
        except kept: Set<EventID>,
        limit: Int
    ) async throws(MetadataStoreError) -> Int {
        try await file.write("purge \(lane)") { database in
            let ids = try Int.fetchAll(
                database,
                sql: "SELECT id FROM event WHERE shard = ? AND lane = ? LIMIT ?",
                arguments: [shard, lane.text, limit + kept.count]
            )
            let purged = ids.lazy.map { EventID($0) }.filter { !kept.contains($0) }.prefix(limit)
            for id in purged { try EventRow.delete(id, in: database) }
            return purged.count
        }
    }

    // MARK: Reading

    package func read(
        _ request: EventRead,
        completion: @escaping @Sendable (Result<EventPage, MetadataStoreError>) -> Void
    ) {
        file.pool.asyncRead { database in
            do {
                completion(.success(try Self.page(request, in: database.get())))
            } catch {
                completion(.failure(.failed(to: "read events of \(request.lane)", error)))
            }
        }
    }

    /// What is in the index is looked at first, so that events which the caller has already cost next to nothing.
    private static func page(_ request: EventRead, in database: Database) throws -> EventPage {
        let due = try database.cachedStatement(
            sql: "SELECT id FROM event WHERE shard = ? AND lane = ? AND due <= ? ORDER BY due, id LIMIT ?"
        )
        let wanted = request.limit + request.except.count + 1
        let ids = try Int.fetchAll(
            due,
            arguments: [request.shard, request.lane.text, request.now.milliseconds, wanted]
        )
        .map { EventID($0) }.filter { !request.except.contains($0) }
        var events: [QueuedEvent] = []
        var size = 0
        for id in ids.prefix(request.limit) where size < request.sizeMax {
            guard let event = try EventRow.fetch(id, in: database) else { continue }
            size += event.content.payload.count
            events.append(event)
        }
        let later = try database.cachedStatement(
            sql: "SELECT min(due) FROM event WHERE shard = ? AND lane = ? AND due > ?"
        )
        let next = try Int.fetchOne(
            later,
            arguments: [request.shard, request.lane.text, request.now.milliseconds]
        )
        return EventPage(
            events: events,
            hasMore: ids.count > events.count,
            nextDue: next.map { Timestamp(milliseconds: $0) }
        )
    }

    package func lanes(of shard: Int) async throws(MetadataStoreError) -> [LaneSummary] {
        try await file.read("read the lanes of shard \(shard)") { database in
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT lane, count(*) FROM event WHERE shard = ? GROUP BY lane",
                arguments: [shard]
            )
            return try rows.map { row in
                LaneSummary(lane: try EventLane(stored: row[0]), count: row[1])
            }
        }
    }

    package func oldest(
        of lanes: [EventLane],
        in shard: Int
    ) async throws(MetadataStoreError) -> [EventLane: Timestamp] {
        try await file.read("read the ages of shard \(shard)") { database in
            // Events that were never postponed are due when they were accepted: none of them is older than the first.
            let statement = try database.cachedStatement(
                sql: """
                    SELECT min(accepted) FROM (
                        SELECT accepted FROM (
                            SELECT accepted FROM event WHERE shard = :shard AND lane = :lane ORDER BY due, id LIMIT 1
                        ) UNION ALL
                        SELECT min(accepted) FROM event WHERE shard = :shard AND lane = :lane AND due > accepted
                    )
                    """
            )
            var oldest: [EventLane: Timestamp] = [:]
            for lane in lanes {
                let accepted = try Int.fetchOne(statement, arguments: ["shard": shard, "lane": lane.text])
                oldest[lane] = accepted.map { Timestamp(milliseconds: $0) }
            }
            return oldest
        }
    }

    // MARK: Leases

    package func claimShards(
        for owner: String,
        of shards: Int,
        limit: Int,
        at now: Timestamp,
        until end: Timestamp
    ) async throws(MetadataStoreError) -> [ShardLease] {
        try await file.write("claim shards") { database in
            try ShardRow.insertMissing(upTo: shards, in: database)
            return try ShardRow.claim(for: owner, of: shards, limit: limit, at: now, until: end, in: database)
        }
    }

    package func now() async throws(MetadataStoreError) -> Timestamp {
        Timestamp(milliseconds: Int(Date.now.timeIntervalSince1970 * 1000))
    }

    package func join(
        _ owner: String,
        at now: Timestamp,
        until end: Timestamp
    ) async throws(MetadataStoreError) -> Int {
        try await file.write("join the queue") { try ShardRow.join(owner, at: now, until: end, in: $0) }
    }

    package func leave(_ owner: String) async throws(MetadataStoreError) {
        try await file.write("leave the queue") { try ShardRow.leave(owner, in: $0) }
    }

    package func renew(
        _ leases: [ShardLease],
        until end: Timestamp
    ) async throws(MetadataStoreError) -> [ShardLease] {
        try await file.write("renew leases") { database in
            try leases.filter { try ShardRow.setEnd(of: $0, to: end, in: database) }
        }
    }

    package func release(_ leases: [ShardLease]) async throws(MetadataStoreError) {
        try await file.write("release leases") { database in
            for lease in leases { _ = try ShardRow.release(lease, in: database) }
        }
    }

    /// One process uses the file, so there is nothing to tell.
    package func observeAppends(_ observer: @escaping @Sendable (AppendNotice) -> Void) {}
}
