import LambdaAPI
import MetadataStore
import MetadataStoreSQL
import Synchronization
import TestSupport
import Testing

@testable import MetadataStorePostgres

/// What is PostgreSQL's own: several processes on one schema, and connections that are lost.
@Suite(.enabled(if: TestPostgres.server != nil, "run by scripts/with-postgres"), .timeLimit(.minutes(10)))
struct PostgresTests {
    private let directory: TemporaryDirectory
    private let settings: PostgresSettings

    init() throws {
        directory = try TemporaryDirectory()
        settings = .test(directory)
    }

    private func openStore() async throws -> SQLMetadataStore {
        SQLMetadataStore(try await PostgresDatabase(settings))
    }

    private func record(_ name: String, claiming reserved: Int? = nil) -> FunctionRecord {
        var record = MetadataStoreContract.record(name)
        record.concurrency.reserved = reserved
        return record
    }

    /// Ends all connections that use the schema, as a server does that restarts.
    private func cutConnections() throws {
        let connection = try PostgresConnection(TestPostgres.server ?? "")
        let count = try connection.run(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = ?1",
            [settings.schema]
        )
        #expect(try count.rows[0].value(0) as Int > 0)
    }

    // MARK: Several processes

    @Test func changesOfOneProcessAreToldInAnotherAsWell() async throws {
        let (one, other) = (try await openStore(), try await openStore())
        let (changes, told) = AsyncStream.makeStream(of: FunctionChange.self)
        other.observe { told.yield($0) }
        try await one.insert(record("f"))
        _ = try await one.delete(FunctionName("g"))
        _ = try await one.delete(FunctionName("f"))
        var last: FunctionChange?
        for await change in changes {
            last = change
            if change == .deleted(FunctionName("f")) { break }
        }
        #expect(last == .deleted(FunctionName("f")))
    }

    @Test func processesThatStartTogetherMakeOneSchema() async throws {
        let stores = try await withThrowingTaskGroup(of: SQLMetadataStore.self) { group in
            for _ in 0..<6 { group.addTask { try await openStore() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for (index, store) in stores.enumerated() { try await store.insert(record("f\(index)")) }
        #expect(try await stores[0].usage().functionCount == stores.count)
    }

    @Test func schemaOfALaterReleaseIsLeftAlone() async throws {
        _ = try await openStore()
        let connection = try PostgresConnection(settings.address)
        try connection.runScript("INSERT INTO \(settings.schema).migration (number) VALUES (999)")
        let error = await #expect(throws: MetadataStoreError.self) { try await openStore() }
        #expect(error?.message.contains("later release (999)") == true)
    }

    /// The way back from an upgrade, and the host that starts again while it is under way.
    @Test func schemaOfALaterReleaseThatSaysSoIsUsed() async throws {
        try await openStore().insert(record("f"))
        let connection = try PostgresConnection(settings.address)
        let table = "\(settings.schema).migration"
        let known = try #require(try connection.run("SELECT max(number) FROM \(table)").rows.first?.value(0) as Int?)
        try connection.runScript("INSERT INTO \(table) (number, worksSince) VALUES (\(known + 1), \(known))")
        try await openStore().insert(record("g"))

        // Of what came later still, only those of the release before can use it.
        try connection.runScript("INSERT INTO \(table) (number, worksSince) VALUES (\(known + 2), \(known + 1))")
        let error = await #expect(throws: MetadataStoreError.self) { try await openStore() }
        #expect(error?.message.contains("later release (\(known + 2))") == true)
    }

    /// What the first releases have made says nothing of who can use it.
    @Test func schemaOfAnEarlierReleaseIsBroughtUpToDate() async throws {
        try await openStore().insert(record("f"))
        let connection = try PostgresConnection(settings.address)
        try connection.runScript("ALTER TABLE \(settings.schema).migration DROP COLUMN worksSince")
        #expect(try await openStore().usage().functionCount == 1)
    }

    /// Each alone would leave room for another; together they must not take more than there is.
    @Test func claimsOfManyProcessesStayWithinTheLimit() async throws {
        let stores = [try await openStore(), try await openStore(), try await openStore()]
        for index in 0..<12 { try await stores[0].insert(record("f\(index)")) }
        let outcomes = await withTaskGroup(of: MetadataStoreError.Code?.self) { group in
            for index in 0..<12 {
                group.addTask {
                    do throws(MetadataStoreError) {
                        try await stores[index % 3].replace(
                            record("f\(index)", claiming: 10),
                            expecting: 0,
                            versions: [],
                            claimedMax: 55
                        )
                        return nil
                    } catch {
                        return error.code
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == nil } == 5)
        #expect(outcomes.allSatisfy { $0 == nil || $0 == .limitExceeded })
        #expect(try await stores[1].usage().claimedConcurrency == 50)
    }

    // MARK: Connections that are lost

    @Test func connectionsThatAreLostAreOpenedAnew() async throws {
        let store = try await openStore()
        try await store.insert(record("f"))
        try cutConnections()
        // Nobody hears of connections that were lost while nobody used them, whichever are used.
        for _ in 0..<settings.connectionsMax {
            #expect(try await store.function(named: FunctionName("f")) == record("f"))
        }
    }

    @Test func observersAreToldWhenTheyHaveMissedSomething() async throws {
        let store = try await openStore()
        let (changes, told) = AsyncStream.makeStream(of: FunctionChange.self)
        store.observe { told.yield($0) }
        try await store.insert(record("f"))
        try cutConnections()
        for await change in changes where change == .missed { break }
        _ = try await store.usage()
        try await store.insert(record("g"))
        for await change in changes where change == .written(record("g")) { break }
    }

    /// Once: what was begun over a connection that is found lost had not been done.
    @Test func eventsAreWrittenOnceAfterALoss() async throws {
        let store = try await PostgresEventStore(settings)
        let lane = EventLane.function(FunctionName("f"))
        let event = try await store.append(.test(lane))
        try cutConnections()
        let next = try await store.append(.test(lane))
        #expect(try await store.ids(of: lane) == [event.id, next.id])
    }

    /// Cut off without a word, it would be another text.
    @Test func textWithAZeroIsRefused() async throws {
        let connection = try PostgresConnection(settings.address)
        #expect(throws: PostgresError.self) { try connection.run("SELECT CAST(?1 AS TEXT)", ["a\0b"]) }
        #expect(try connection.run("SELECT CAST(?1 AS TEXT)", ["a?1b$1"]).rows[0].value(0) == "a?1b$1")
    }

    @Test func serverThatIsNotThereIsUnavailable() async throws {
        var settings = settings
        settings.address = "host=\(directory.path)"
        let error = await #expect(throws: MetadataStoreError.self) { try await PostgresDatabase(settings) }
        #expect(error?.code == .unavailable)
        #expect(error?.description.contains(directory.path) == true)
    }
}
