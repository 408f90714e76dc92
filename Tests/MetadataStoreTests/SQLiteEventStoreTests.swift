import GRDB
import LambdaAPI
import MetadataStore
import MetadataStoreSQLite
import TestSupport
import Testing

/// What is SQLite's own: a database that fails. A trigger of another connection has it fail, since that is how a disk
/// without room shows as well: within a statement, and with or without the end of the transaction.
struct SQLiteEventStoreTests {
    private static let path = "queue.sqlite"
    private let lane = EventLane.function(FunctionName("f"))

    private func execute(_ sql: String, in directory: TemporaryDirectory) async throws {
        let database = try DatabaseQueue(path: "\(directory.path)/queue.sqlite")
        try await database.write { try $0.execute(sql: sql) }
        try database.close()
    }

    @Test(arguments: ["ABORT", "FAIL", "ROLLBACK"])
    func databaseThatFailsTakesNothingAndThenAllAgain(manner: String) async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteEventStore(path: "\(directory.path)/queue.sqlite")
        let lease = try await store.lease(of: 0)
        let event = try await store.append(.test(lane))
        var postponed = event
        postponed.due = .test(1000)
        for operation in ["INSERT", "DELETE", "UPDATE"] {
            try await execute(
                """
                CREATE TRIGGER failure AFTER \(operation) ON event
                BEGIN SELECT RAISE(\(manner), 'no room'); END
                """,
                in: directory
            )
            let change =
                operation == "UPDATE"
                ? EventChange(postponing: postponed, under: lease)
                : EventChange(
                    removing: event.id,
                    appending: operation == "INSERT" ? [.test(lane), .test(lane)] : [],
                    under: lease
                )
            for result in await store.writeAtOnce([change, change, change]) {
                guard case .failure(let error) = result, error.code == .unavailable else {
                    Issue.record("\(operation) came to \(result)")
                    continue
                }
            }
            #expect(try await store.events(of: lane, at: 2000).events == [event])
            try await execute("DROP TRIGGER failure", in: directory)
        }
        let next = try await store.append(.test(lane))
        #expect(try await store.events(of: lane, at: 2000).events == [event, next])
    }

    @Test func purgeThatFailsRemovesNothing() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteEventStore(path: "\(directory.path)/queue.sqlite")
        let ids = try await store.write(EventChange(appending: (0..<5).map { _ in NewEvent.test(lane) }))
        try await execute(
            """
            CREATE TRIGGER failure AFTER DELETE ON event WHEN OLD.id = \(ids[3].rawValue)
            BEGIN SELECT RAISE(ABORT, 'no room'); END
            """,
            in: directory
        )
        let error = await #expect(throws: MetadataStoreError.self) {
            try await store.purge(lane, of: 0, except: [], limit: 5)
        }
        #expect(error?.code == .unavailable)
        #expect(try await store.ids(of: lane) == ids)
    }

    /// What nobody has written there is told as such, and neither read as something else nor a reason to stop.
    @Test func laneThatCannotBeReadIsCorrupt() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteEventStore(path: "\(directory.path)/queue.sqlite")
        _ = try await store.append(.test(lane))
        try await execute("UPDATE event SET lane = 'nonsense'", in: directory)
        let error = await #expect(throws: MetadataStoreError.self) { try await store.lanes(of: 0) }
        #expect(error?.code == .corrupt)
    }

    @Test func fileThatIsNoneOfSQLiteIsUnavailable() throws {
        let directory = try TemporaryDirectory()
        let error = #expect(throws: MetadataStoreError.self) {
            try SQLiteEventStore(path: "\(directory.path)/missing/queue.sqlite")
        }
        #expect(error?.code == .unavailable)
    }
}
