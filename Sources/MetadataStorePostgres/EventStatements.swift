import LambdaAPI
import MetadataStore
import MetadataStoreSQL

/// The statements on events, each for many of them at once: every one is a way to the server and back.
struct EventStatements {
    let database: any SQLTransaction

    private static let columns = [
        "id", "shard", "lane", "accepted", "due", "attempts", "deferrals", "requestID", "qualifier", "clientContext",
        "traceHeader", "details", "payload",
    ]

    /// The most rows of one statement. Statements are prepared for 1, 2, 4 and so on up to this.
    private static let insertMax = 64

    /// Makes changes. One whose lease is over is left out and told so.
    func apply(_ changes: [EventChange]) throws -> [Result<[EventID], MetadataStoreError>] {
        let epochs = try epochs(of: Set(changes.compactMap { $0.lease?.shard }))
        let isRefused = changes.map { change in
            change.lease.map { epochs[$0.shard] != $0.epoch } ?? false
        }
        let made = zip(changes, isRefused).filter { !$1 }.map(\.0)
        try delete(made.flatMap(\.removed))
        try postpone(made.flatMap(\.postponed))
        var ids = try insert(made.flatMap(\.appended))[...]
        return zip(changes, isRefused).map { change, isRefused in
            guard !isRefused else {
                return .failure(.leaseOver(of: change.lease?.shard ?? 0))
            }
            defer { ids = ids.dropFirst(change.appended.count) }
            return .success(Array(ids.prefix(change.appended.count)))
        }
    }

    /// The epochs that are in force until the transaction ends.
    private func epochs(of shards: Set<Int>) throws -> [Int: Int] {
        guard !shards.isEmpty else { return [:] }
        let rows = try database.rows(
            "SELECT shard, epoch FROM eventShard WHERE shard = ANY (CAST(?1 AS BIGINT[])) ORDER BY shard FOR SHARE",
            [Self.list(shards)]
        )
        return try rows.reduce(into: [:]) { $0[try $1.value(0)] = try $1.value(1) as Int }
    }

    private func delete(_ ids: [EventID]) throws {
        guard !ids.isEmpty else { return }
        try database.execute(
            "DELETE FROM event WHERE id = ANY (CAST(?1 AS BIGINT[]))",
            [Self.list(ids.map(\.rawValue))]
        )
    }

    private func postpone(_ postponements: [EventChange.Postponement]) throws {
        guard !postponements.isEmpty else { return }
        try database.execute(
            """
            UPDATE event SET due = new.due, attempts = new.attempts, deferrals = new.deferrals
            FROM unnest(
                CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[])
            ) AS new (id, due, attempts, deferrals)
            WHERE event.id = new.id
            """,
            [
                Self.list(postponements.map(\.id.rawValue)), Self.list(postponements.map(\.due.milliseconds)),
                Self.list(postponements.map(\.attempts)), Self.list(postponements.map(\.deferrals)),
            ]
        )
    }

    private func insert(_ events: [NewEvent]) throws -> [EventID] {
        guard !events.isEmpty else { return [] }
        let numbers = try database.rows(
            """
            SELECT nextval(pg_get_serial_sequence('event', 'id'))
            FROM generate_series(1, CAST(?1 AS BIGINT))
            """,
            [events.count]
        )
        let ids = try numbers.map { try $0.value(0) as Int }.sorted()
        var rest = zip(ids, events).map { id, event in Self.values(id, event) }[...]
        while !rest.isEmpty {
            var count = Self.insertMax
            while count > rest.count { count /= 2 }
            let places = (0..<count).map { row in
                let row = (1...Self.columns.count).map { "?\(row * Self.columns.count + $0)" }
                return "(\(row.joined(separator: ", ")))"
            }
            try database.execute(
                """
                INSERT INTO event (\(Self.columns.joined(separator: ", ")))
                VALUES \(places.joined(separator: ", "))
                """,
                rest.prefix(count).flatMap { $0 }
            )
            rest = rest.dropFirst(count)
        }
        return ids.map { EventID($0) }
    }

    private static func values(_ id: Int, _ event: NewEvent) -> [any SQLConvertible] {
        let content = event.content
        return [
            id, event.shard, event.lane.text, event.accepted.milliseconds, event.accepted.milliseconds, 0, 0,
            content.requestID.rawValue, content.qualifier?.rawValue, content.clientContext, content.traceHeader,
            content.details, content.payload,
        ]
    }

    // MARK: Reading

    /// What is in the index and the payloads' sizes are looked at first.
    func page(_ request: EventRead) throws -> EventPage {
        let due = try database.rows(
            """
            SELECT id, octet_length(payload) FROM event
            WHERE shard = ?1 AND lane = ?2 AND due <= ?3 AND id <> ALL (CAST(?4 AS BIGINT[]))
            ORDER BY due, id LIMIT ?5
            """,
            [
                request.shard, request.lane.text, request.now.milliseconds,
                Self.list(request.except.map(\.rawValue)), request.limit + 1,
            ]
        )
        var ids: [Int] = []
        var size = 0
        for row in due.prefix(request.limit) where size < request.sizeMax {
            ids.append(try row.value(0))
            size += try row.value(1) as Int
        }
        let later = try database.rows(
            "SELECT min(due) FROM event WHERE shard = ?1 AND lane = ?2 AND due > ?3",
            [request.shard, request.lane.text, request.now.milliseconds]
        )
        let next: Int? = try later.first?.value(0)
        return EventPage(
            events: try events(ids),
            hasMore: due.count > ids.count,
            nextDue: next.map { Timestamp(milliseconds: $0) }
        )
    }

    private func events(_ ids: [Int]) throws -> [QueuedEvent] {
        guard !ids.isEmpty else { return [] }
        let rows = try database.rows(
            """
            SELECT \(Self.columns.joined(separator: ", ")) FROM event
            WHERE id = ANY (CAST(?1 AS BIGINT[])) ORDER BY due, id
            """,
            [Self.list(ids)]
        )
        return try rows.map { row in
            let qualifier: String? = try row.value(8)
            let content = QueuedEvent.Content(
                requestID: RequestID(try row.value(7)),
                qualifier: qualifier.map { Qualifier($0) },
                clientContext: try row.value(9),
                traceHeader: try row.value(10),
                details: try row.value(11),
                payload: try row.value(12)
            )
            let event = NewEvent(
                shard: try row.value(1),
                lane: try EventLane(stored: row.value(2)),
                accepted: Timestamp(milliseconds: try row.value(3)),
                content: content
            )
            var queued = QueuedEvent(id: EventID(try row.value(0)), event)
            queued.due = Timestamp(milliseconds: try row.value(4))
            queued.attempts = try row.value(5)
            queued.deferrals = try row.value(6)
            return queued
        }
    }

    /// Numbers as PostgreSQL writes an array.
    static func list(_ numbers: some Sequence<Int>) -> String {
        "{\(numbers.map { String($0) }.joined(separator: ","))}"
    }
}
