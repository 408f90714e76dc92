import FoundationEssentials
import GRDB
import LambdaAPI
import MetadataStore

/// The statements on single events, prepared once for each connection.
enum EventRow {
    static func insert(_ event: NewEvent, in database: Database) throws -> EventID {
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO event (shard, lane, accepted, due, attempts, deferrals, requestID, qualifier, clientContext,
                    traceHeader, details, payload)
                VALUES (?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?)
                """
        )
        let content = event.content
        try statement.execute(arguments: [
            event.shard, event.lane.text, event.accepted.milliseconds, event.accepted.milliseconds,
            content.requestID.rawValue, content.qualifier?.rawValue, content.clientContext, content.traceHeader,
            Data(content.details), Data(content.payload),
        ])
        return EventID(Int(database.lastInsertedRowID))
    }

    static func delete(_ id: EventID, in database: Database) throws {
        try database.cachedStatement(sql: "DELETE FROM event WHERE id = ?").execute(arguments: [id.rawValue])
    }

    static func postpone(_ postponement: EventChange.Postponement, in database: Database) throws {
        try database.cachedStatement(sql: "UPDATE event SET due = ?, attempts = ?, deferrals = ? WHERE id = ?")
            .execute(arguments: [
                postponement.due.milliseconds, postponement.attempts, postponement.deferrals, postponement.id.rawValue,
            ])
    }

    /// Nil if it is gone.
    static func fetch(_ id: EventID, in database: Database) throws -> QueuedEvent? {
        let statement = try database.cachedStatement(
            sql: """
                SELECT shard, lane, accepted, due, attempts, deferrals, requestID, qualifier, clientContext, traceHeader,
                    details, payload
                FROM event WHERE id = ?
                """
        )
        guard let row = try Row.fetchOne(statement, arguments: [id.rawValue]) else { return nil }
        guard let lane = EventLane(text: row[1]) else {
            throw MetadataStoreError(.corrupt, "failed to read event \(id.rawValue): its lane is '\(row[1] as String)'")
        }
        let content = QueuedEvent.Content(
            requestID: RequestID(row[6]),
            qualifier: (row[7] as String?).map { Qualifier($0) },
            clientContext: row[8],
            traceHeader: row[9],
            details: Array(row[10] as Data),
            payload: Array(row[11] as Data)
        )
        let accepted = Timestamp(milliseconds: row[2])
        var event = QueuedEvent(id: id, NewEvent(shard: row[0], lane: lane, accepted: accepted, content: content))
        event.due = Timestamp(milliseconds: row[3])
        event.attempts = row[4]
        event.deferrals = row[5]
        return event
    }
}
