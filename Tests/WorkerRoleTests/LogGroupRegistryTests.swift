import LambdaAPI
import LogStore
import Logging
import MetadataStore
import MetadataStoreSQL
import MetadataStoreSQLite
import TestSupport
import Testing
import WorkerRole

struct LogGroupRegistryTests {
    private static let now = Timestamp(milliseconds: 1_780_000_000_000)

    private let directory: TemporaryDirectory
    private let records: SQLMetadataStore

    init() throws {
        directory = try TemporaryDirectory()
        records = try SQLMetadataStore(sqliteFile: "\(directory.path)/metadata.sqlite")
    }

    /// The logs of a worker, and who keeps its groups.
    private func worker(_ name: String) throws -> (logs: LogStore, registry: LogGroupRegistry) {
        let logs = try LogStore(
            directory: "\(directory.path)/\(name)",
            settings: LogStoreSettings(sizeMax: .mebibytes(16))
        )
        return (logs, LogGroupRegistry(logs: logs, records: records, logger: Logger(label: "test")))
    }

    private func print(_ text: String, to logs: LogStore, group: String = "g", stream: String = "s") throws {
        let event = NewLogEvent(timestamp: Self.now, message: text)
        try logs.append(RecordBatch([event], ingestedAt: Self.now), stream: stream, group: group, now: Self.now)
    }

    private func groups(of logs: LogStore) -> [String] { logs.groupList().map(\.name) }

    @Test func groupThatAFunctionMakesIsKnownToAll() async throws {
        let (first, second) = (try worker("1"), try worker("2"))
        try print("a", to: first.logs)
        try print("b", to: second.logs)
        try await first.registry.settle()
        try await second.registry.settle()
        let record = try #require(try await records.resource(LogGroupRecord.self, "g"))
        #expect(try first.logs.metadata(ofGroup: "g").registration == record.registration)
        #expect(try second.logs.metadata(ofGroup: "g").registration == record.registration)
    }

    @Test func retentionReachesTheDisk() async throws {
        let worker = try worker("1")
        try print("a", to: worker.logs)
        try await worker.registry.settle()
        var record = try #require(try await records.resource(LogGroupRecord.self, "g"))
        record.retentionDays = 7
        _ = try await records.replace(record)
        try await worker.registry.settle()
        #expect(try worker.logs.metadata(ofGroup: "g").retentionDays == 7)
    }

    @Test func workerThatWasAwayDeletesWhatWasDeletedMeanwhile() async throws {
        let (present, absent) = (try worker("1"), try worker("2"))
        for logs in [present.logs, absent.logs] { try print("old", to: logs) }
        try await present.registry.settle()
        try await absent.registry.settle()
        #expect(try await records.deleteResource(LogGroupRecord.self, "g"))
        try await present.registry.settle()
        #expect(groups(of: present.logs).isEmpty)
        // The name is used again before the other comes back.
        try print("new", to: present.logs)
        try await present.registry.settle()
        try await absent.registry.settle()
        #expect(groups(of: absent.logs).isEmpty)
        #expect(groups(of: present.logs) == ["g"])
        // And after a restart, which reads what is on the disk.
        let again = try worker("1")
        try await again.registry.settle()
        #expect(groups(of: again.logs) == ["g"])
    }

    @Test func looksAtTheSameTimeLoseNothing() async throws {
        let workers = try (1...3).map { try worker("\($0)") }
        for round in 0..<20 {
            for worker in workers { try print("a", to: worker.logs, group: "g\(round)") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in workers + workers { group.addTask { try await worker.registry.settle() } }
                try await group.waitForAll()
            }
        }
        for worker in workers {
            try await worker.registry.settle()
            #expect(groups(of: worker.logs).count == 20)
        }
    }

    @Test func stepsFollowFromWhatIsKnown() {
        let record = LogGroupRecord(name: "g", created: 0, retentionDays: 3)
        func group(_ registration: String?, days: Int? = nil) -> GroupMetadata {
            GroupMetadata(name: "g", creationTime: Self.now, retentionDays: days, registration: registration)
        }
        #expect(LogGroupStep(of: group(nil), known: nil) == .register)
        #expect(LogGroupStep(of: group(nil), known: record) == .adopt(record))
        #expect(LogGroupStep(of: group("other"), known: nil) == .delete)
        #expect(LogGroupStep(of: group("other"), known: record) == .delete)
        #expect(LogGroupStep(of: group(record.registration), known: record) == .adopt(record))
        #expect(LogGroupStep(of: group(record.registration, days: 3), known: record) == .none)
    }
}
