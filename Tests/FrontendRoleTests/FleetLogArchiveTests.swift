import FleetProtocol
import LambdaAPI
import LogStore
import Logging
import LogsAPI
import LogsService
import MetadataStore
import MetadataStoreSQL
import MetadataStoreSQLite
import NIOCore
import Synchronization
import TestSupport
import Testing
import WorkerRole

@testable import FrontendRole

/// The API of logs over several workers, which answer as they do over the network, but without one.
struct FleetLogArchiveTests {
    private static let now = Timestamp(milliseconds: 1_780_000_000_000)

    private final class Workers: LogHosts {
        private let desks: [String: LogDesk]
        private let broken = Mutex<[String: LogHostError.Kind]>([:])

        init(_ desks: [String: LogDesk]) {
            self.desks = desks
        }

        func fail(_ name: String, _ kind: LogHostError.Kind?) {
            broken.withLock { $0[name] = kind }
        }

        func names() async throws(LogsError) -> [String] { desks.keys.sorted() }

        func ask(_ host: String, _ question: LogQuestion) async throws(LogHostError) -> ByteBuffer {
            if let kind = broken.withLock({ $0[host] }) { throw LogHostError(kind, host: host) }
            guard let desk = desks[host], let question = try? LogQuestion(body: question.body) else {
                throw LogHostError(.gone, host: host)
            }
            switch await desk.answer(question) {
            case .success(let content): return content
            case .failure(let error): throw LogHostError(.refused(error.refusal), host: host)
            }
        }
    }

    private let directory: TemporaryDirectory
    private let logs: [String: LogStore]
    private let registries: [LogGroupRegistry]
    private let workers: Workers
    private let service: LogsService

    init() throws {
        directory = try TemporaryDirectory()
        let records = try SQLMetadataStore(sqliteFile: "\(directory.path)/metadata.sqlite")
        var logs: [String: LogStore] = [:]
        var desks: [String: LogDesk] = [:]
        var registries: [LogGroupRegistry] = []
        for name in ["w1", "w2", "w3"] {
            let store = try LogStore(
                directory: "\(directory.path)/\(name)",
                settings: LogStoreSettings(sizeMax: .mebibytes(16))
            )
            let registry = LogGroupRegistry(logs: store, records: records, logger: Logger(label: name))
            logs[name] = store
            desks[name] = LogDesk(archive: HostLogArchive(store: store)) { try await registry.settle() }
            registries.append(registry)
        }
        self.logs = logs
        self.registries = registries
        workers = Workers(desks)
        service = LogsService(
            archive: FleetLogArchive(records: records, hosts: workers, logger: Logger(label: "test")),
            locality: Locality(accountID: "000000000000", region: "us-east-1")
        ) { Self.now }
    }

    /// A function prints on a worker.
    private func print(_ texts: [(Int, String)], on worker: String, stream: String, group: String = "g") throws {
        let events = texts.map { offset, text in
            NewLogEvent(timestamp: Timestamp(milliseconds: Self.now.milliseconds + offset), message: text)
        }
        let store = try #require(logs[worker])
        try store.append(RecordBatch(events, ingestedAt: Self.now), stream: stream, group: group, now: Self.now)
    }

    private func settle() async throws {
        for registry in registries { try await registry.settle() }
    }

    private func filter(limit: Int = 10_000, pattern: String? = nil) async throws -> [String] {
        var request = FilterLogEventsRequest(logGroupName: "g", filterPattern: pattern)
        request.limit = limit
        var texts: [String] = []
        repeat {
            let response = try await service.filterLogEvents(request)
            texts += (response.events ?? []).compactMap(\.message)
            request.nextToken = response.nextToken
        } while request.nextToken != nil
        return texts
    }

    private func get(_ stream: String, token: String? = nil) async throws -> GetLogEventsResponse {
        var request = GetLogEventsRequest(logGroupName: "g", logStreamName: stream, nextToken: token)
        request.startFromHead = true
        return try await service.getLogEvents(request)
    }

    private func code(_ body: () async throws -> Void) async -> LogsError.Code? {
        await #expect(throws: LogsError.self) { try await body() }?.code
    }

    private func printOnAll() async throws {
        for (index, worker) in ["w1", "w2", "w3"].enumerated() {
            try print((0..<10).map { ($0 * 3 + index, "\($0 * 3 + index)") }, on: worker, stream: "of \(worker)")
        }
        try await settle()
    }

    // MARK: Reading

    @Test(arguments: [1, 4, 10_000])
    func eventsOfAllWorkersAreInOneOrder(limit: Int) async throws {
        try await printOnAll()
        #expect(try await filter(limit: limit) == (0..<30).map(String.init))
        #expect(try await filter(limit: limit, pattern: "29") == ["29"])
    }

    @Test func streamIsReadWhereverItIs() async throws {
        try await printOnAll()
        let page = try await get("of w2")
        #expect(page.events?.compactMap(\.message) == (0..<10).map { "\($0 * 3 + 1)" })
        let token = try #require(page.nextForwardToken)
        #expect(try await get("of w2", token: token).events?.isEmpty == true)
        try print([(100, "later")], on: "w2", stream: "of w2")
        #expect(try await get("of w2", token: token).events?.compactMap(\.message) == ["later"])
        #expect(await code { _ = try await get("of nobody") } == .resourceNotFoundException)
        #expect(await code { _ = try await get("of w2", token: "f/1/s") } == .invalidParameterException)
        #expect(await code { _ = try await get("of w2", token: "nonsense") } == .invalidParameterException)
    }

    @Test func streamsOfAllWorkersAreListed() async throws {
        try await printOnAll()
        var request = DescribeLogStreamsRequest(logGroupName: "g")
        request.limit = 2
        let first = try await service.describeLogStreams(request)
        #expect(first.logStreams?.map(\.logStreamName) == ["of w1", "of w2"])
        request.nextToken = first.nextToken
        let second = try await service.describeLogStreams(request)
        #expect(second.logStreams?.map(\.logStreamName) == ["of w3"])
        #expect(second.nextToken == nil)
    }

    // MARK: Workers that do not answer

    @Test func workerThatIsGoneIsLeftOut() async throws {
        try await printOnAll()
        workers.fail("w2", .gone)
        #expect(try await filter(limit: 7) == (0..<30).filter { $0 % 3 != 1 }.map(String.init))
        #expect(
            try await service.describeLogStreams(DescribeLogStreamsRequest(logGroupName: "g")).logStreams?.count == 2
        )
        // What another has is there; what it may have itself is not said to be nowhere.
        #expect(try await get("of w1").events?.count == 10)
        #expect(await code { _ = try await get("of w2") } == .serviceUnavailableException)
        workers.fail("w2", nil)
        #expect(try await filter().count == 30)
    }

    @Test(arguments: [LogHostError.Kind.silent, .refused(.failed("the disk is gone"))])
    func workerThatMayAnswerLaterIsWaitedFor(kind: LogHostError.Kind) async throws {
        try await printOnAll()
        workers.fail("w2", kind)
        #expect(await code { _ = try await filter() } == .serviceUnavailableException)
        #expect(await code { _ = try await get("of w2") } == .serviceUnavailableException)
        #expect(try await get("of w3").events?.count == 10)
    }

    @Test func nobodyToAskIsNoEmptyLog() async throws {
        try await printOnAll()
        for name in ["w1", "w2", "w3"] { workers.fail(name, .gone) }
        #expect(await code { _ = try await filter() } == .serviceUnavailableException)
        // The groups are in the store.
        #expect(try await service.describeLogGroups(DescribeLogGroupsRequest()).logGroups?.count == 1)
    }

    // MARK: Groups

    @Test func groupsAreTheFleets() async throws {
        try await service.createLogGroup(CreateLogGroupRequest(logGroupName: "made", tags: ["a": "b"]))
        #expect(
            await code { try await service.createLogGroup(CreateLogGroupRequest(logGroupName: "made")) }
                == .resourceAlreadyExistsException
        )
        try await printOnAll()
        try await service.putRetentionPolicy(PutRetentionPolicyRequest(logGroupName: "g", retentionInDays: 7))
        let groups = try #require(try await service.describeLogGroups(DescribeLogGroupsRequest()).logGroups)
        #expect(groups.map(\.logGroupName) == ["g", "made"])
        #expect(groups.map(\.retentionInDays) == [7, nil])
        #expect(try #require(groups.first?.storedBytes) > 0)
        try await settle()
        for store in logs.values { #expect(try store.metadata(ofGroup: "g").retentionDays == 7) }
    }

    @Test func deletedGroupIsGoneEverywhereAndDoesNotComeBack() async throws {
        try await printOnAll()
        workers.fail("w3", .silent)
        try await service.deleteLogGroup(DeleteLogGroupRequest(logGroupName: "g"))
        #expect(await code { _ = try await filter() } == .resourceNotFoundException)
        #expect(logs["w1"]?.groupList().isEmpty == true)
        #expect(logs["w3"]?.groupList().count == 1)
        // A function prints again, and the worker that has heard of nothing shows nothing of the old group.
        try print([(50, "new")], on: "w1", stream: "of w1")
        try await registries[0].settle()
        workers.fail("w3", nil)
        #expect(try await filter() == ["new"])
        #expect(
            await code { try await service.deleteLogGroup(DeleteLogGroupRequest(logGroupName: "other")) }
                == .resourceNotFoundException
        )
    }

    // MARK: Streams of clients

    @Test func streamThatAClientMakesHasOneWorker() async throws {
        try await service.createLogGroup(CreateLogGroupRequest(logGroupName: "g"))
        for name in (0..<20).map({ "s\($0)" }) {
            let request = CreateLogStreamRequest(logGroupName: "g", logStreamName: name)
            try await service.createLogStream(request)
            #expect(await code { try await service.createLogStream(request) } == .resourceAlreadyExistsException)
            let event = InputLogEvent(timestamp: Self.now.milliseconds, message: name)
            _ = try await service.putLogEvents(
                PutLogEventsRequest(logGroupName: "g", logStreamName: name, logEvents: [event])
            )
            #expect(try await get(name).events?.map(\.message) == [name])
        }
        #expect(try await filter().count == 20)
        // They are spread, and their group is the fleet's on each of the workers.
        for store in logs.values { #expect(try store.streamList(ofGroup: "g").isEmpty == false) }
        try await settle()
        for store in logs.values { #expect(try store.streamList(ofGroup: "g").isEmpty == false) }
        let delete = DeleteLogStreamRequest(logGroupName: "g", logStreamName: "s7")
        try await service.deleteLogStream(delete)
        #expect(await code { try await service.deleteLogStream(delete) } == .resourceNotFoundException)
        workers.fail("w1", .gone)
        #expect(await code { try await service.deleteLogStream(delete) } == .serviceUnavailableException)
    }
}
