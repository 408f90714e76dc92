import LambdaAPI
import LogStore
import LogsAPI
import LogsService
import Synchronization
import TestSupport
import Testing

@Suite struct LogsServiceTests {
    /// A clock that tests set.
    private final class Clock: Sendable {
        let milliseconds = Atomic<Int>(1_780_000_000_000)

        func advance(by more: Int) { milliseconds.wrappingAdd(more, ordering: .relaxed) }
        var now: Int { milliseconds.load(ordering: .relaxed) }
    }

    private let directory: TemporaryDirectory
    private let clock = Clock()
    private let service: LogsService
    private let day = 86_400_000

    init() throws {
        directory = try TemporaryDirectory()
        let store = try LogStore(
            directory: "\(directory.path)/logs",
            settings: LogStoreSettings(sizeMax: .mebibytes(64))
        )
        service = LogsService(store: store, locality: Locality(accountID: "000000000000", region: "us-east-1")) {
            [clock] in Timestamp(milliseconds: clock.now)
        }
    }

    private func makeStream(_ name: String = "s", group: String = "g") async throws {
        do {
            try await service.createLogGroup(CreateLogGroupRequest(logGroupName: group))
        } catch  where error == .groupExists {}
        try await service.createLogStream(CreateLogStreamRequest(logGroupName: group, logStreamName: name))
    }

    @discardableResult
    private func put(_ events: [(Int, String)], stream: String = "s") async throws -> PutLogEventsResponse {
        let events = events.map { InputLogEvent(timestamp: clock.now + $0.0, message: $0.1) }
        return try await service.putLogEvents(
            PutLogEventsRequest(logGroupName: "g", logStreamName: stream, logEvents: events)
        )
    }

    private func get(
        token: String? = nil,
        limit: Int? = nil,
        fromHead: Bool? = nil
    ) async throws -> (texts: [String], forward: String, backward: String) {
        let response = try await service.getLogEvents(
            GetLogEventsRequest(
                logGroupName: "g",
                logStreamName: "s",
                nextToken: token,
                limit: limit,
                startFromHead: fromHead
            )
        )
        return (
            try #require(response.events).compactMap(\.message), try #require(response.nextForwardToken),
            try #require(response.nextBackwardToken)
        )
    }

    // MARK: GetLogEvents

    @Test func pagesGoForwardFromTheHeadAndStandStillAtTheEnd() async throws {
        try await makeStream()
        try await put((0..<5).map { ($0, "\($0)") })
        let first = try await get(limit: 2, fromHead: true)
        #expect(first.texts == ["0", "1"])
        let second = try await get(token: first.forward, limit: 2, fromHead: true)
        #expect(second.texts == ["2", "3"])
        let third = try await get(token: second.forward, limit: 2, fromHead: true)
        #expect(third.texts == ["4"])
        let end = try await get(token: third.forward, limit: 2, fromHead: true)
        #expect(end.texts.isEmpty)
        #expect(end.forward == third.forward)
        // What comes later is found with the same token.
        try await put([(9, "9")])
        #expect(try await get(token: end.forward, limit: 2, fromHead: true).texts == ["9"])
        #expect(try await get(token: second.backward, limit: 5).texts == ["0", "1"])
    }

    @Test func pagesGoBackwardFromTheTailAndStandStillAtTheBeginning() async throws {
        try await makeStream()
        try await put((0..<5).map { ($0, "\($0)") })
        let last = try await get(limit: 2)
        #expect(last.texts == ["3", "4"])
        let middle = try await get(token: last.backward, limit: 2)
        #expect(middle.texts == ["1", "2"])
        let first = try await get(token: middle.backward, limit: 2)
        #expect(first.texts == ["0"])
        let end = try await get(token: first.backward, limit: 2)
        #expect(end.texts.isEmpty)
        #expect(end.backward == first.backward)
        #expect(try await get(token: middle.forward, limit: 9).texts == ["3", "4"])
    }

    @Test(arguments: [true, false])
    func tokenOfAnEmptyStreamFindsWhatComes(fromHead: Bool) async throws {
        try await makeStream()
        let empty = try await get(fromHead: fromHead)
        #expect(empty.texts.isEmpty)
        #expect(try await get(token: empty.forward).forward == empty.forward)
        try await put([(0, "first")])
        #expect(try await get(token: empty.forward).texts == ["first"])
    }

    @Test(arguments: [
        "", "nonsense", "f/1/s", "x/" + String(repeating: "0", count: 56) + "/s", "f/",
        "f/" + String(repeating: "9", count: 56) + "/s",
    ])
    func invalidTokenIsRefused(token: String) async throws {
        try await makeStream()
        let error = await #expect(throws: LogsError.self) { _ = try await get(token: token) }
        #expect(error == .invalidToken)
    }

    @Test func forgedTokenReadsNothingItShouldNot() async throws {
        try await makeStream()
        try await put([(0, "one"), (1, "two")])
        for digit in ["9", "0", "5"] {
            for direction in ["f", "b"] {
                // The host's number stays one that there can be.
                let digits =
                    String(repeating: digit, count: 13) + String(repeating: "0", count: 19)
                    + String(repeating: digit, count: 24)
                let token = "\(direction)/\(digits)/s"
                #expect(try await get(token: token).texts.allSatisfy { ["one", "two"].contains($0) })
            }
        }
        let forward = try await get(limit: 1, fromHead: true).forward
        let beside = forward.dropLast(3) + "1/s"
        #expect(try await get(token: String(beside)).texts == ["two"])
    }

    // MARK: FilterLogEvents

    private func filter(_ request: FilterLogEventsRequest) async throws -> (events: [FilteredLogEvent], pages: Int) {
        var request = request
        request.logGroupName = "g"
        var events: [FilteredLogEvent] = []
        var pages = 0
        repeat {
            let response = try await service.filterLogEvents(request)
            events += try #require(response.events)
            request.nextToken = response.nextToken
            pages += 1
        } while request.nextToken != nil
        return (events, pages)
    }

    @Test func filterMergesStreamsInPagesWithIdentifiersThatDiffer() async throws {
        for stream in ["a", "b", "other"] { try await makeStream(stream) }
        for number in 0..<10 { try await put([(number, "n\(number)")], stream: number % 2 == 0 ? "a" : "b") }
        try await put([(3, "other")], stream: "other")
        let all = try await filter(FilterLogEventsRequest(limit: 3))
        #expect(all.events.compactMap(\.message).count == 11)
        #expect(all.pages >= 4)
        #expect(Set(all.events.compactMap(\.eventId)).count == 11)
        #expect(all.events.compactMap(\.eventId).allSatisfy { $0.count == 56 })
        #expect(all.events.compactMap(\.timestamp) == all.events.compactMap(\.timestamp).sorted())

        let some = try await filter(FilterLogEventsRequest(logStreamNames: ["a", "b"], filterPattern: "?n3 ?n4"))
        #expect(some.events.compactMap(\.message) == ["n3", "n4"])
        let prefixed = try await filter(FilterLogEventsRequest(logStreamNamePrefix: "oth"))
        #expect(prefixed.events.compactMap(\.message) == ["other"])
        // The end belongs to the range.
        let timed = try await filter(FilterLogEventsRequest(startTime: clock.now + 8, endTime: clock.now + 9))
        #expect(timed.events.compactMap(\.message) == ["n8", "n9"])
        let latest = try await filter(FilterLogEventsRequest(limit: 4, startFromHead: false))
        #expect(latest.events.compactMap(\.message).first == "n9")
        #expect(latest.events.count == 11)
    }

    @Test func filterOfTwoKindsOrOfUnknownStreamsIsRefused() async throws {
        try await makeStream()
        await #expect(throws: LogsError.self) {
            try await filter(FilterLogEventsRequest(logStreamNames: ["s"], logStreamNamePrefix: "s"))
        }
        let error = await #expect(throws: LogsError.self) {
            try await filter(FilterLogEventsRequest(logStreamNames: ["nope"]))
        }
        #expect(error == .streamNotFound)
    }

    // MARK: PutLogEvents

    @Test func batchOutOfOrderOrTooLongIsRefusedWhole() async throws {
        try await makeStream()
        for events in [[(1, "b"), (0, "a")], [(-day - 1, "a"), (0, "b")]] {
            let error = await #expect(throws: LogsError.self) { try await put(events) }
            #expect(error?.code == .invalidParameterException)
        }
        let large = String(repeating: "x", count: (1 << 20) - 25)
        let error = await #expect(throws: LogsError.self) { try await put([(0, large)]) }
        #expect(error == .invalidParameter("Upload too large: 1048577 bytes exceeds limit of 1048576"))
        #expect(try await get().texts.isEmpty)
        try await put([(0, String(large.dropLast()))])
        #expect(try await get().texts.count == 1)
    }

    @Test func eventsOfOtherTimesAreLeftOutAndTold() async throws {
        try await makeStream()
        let old = try await put([(-15 * day, "too old"), (-14 * day - 1, "too old"), (-14 * day, "old")])
        #expect(old.rejectedLogEventsInfo == RejectedLogEventsInfo(tooOldLogEventEndIndex: 2))
        let new = try await put([(0, "now"), (7_200_000, "soon"), (7_200_001, "too new")])
        #expect(new.rejectedLogEventsInfo == RejectedLogEventsInfo(tooNewLogEventStartIndex: 2))
        try await service.putRetentionPolicy(PutRetentionPolicyRequest(logGroupName: "g", retentionInDays: 1))
        let expired = try await put([(-day - 1, "expired"), (-day + 1, "kept")])
        #expect(expired.rejectedLogEventsInfo == RejectedLogEventsInfo(expiredLogEventEndIndex: 1))
        try await service.deleteRetentionPolicy(DeleteRetentionPolicyRequest(logGroupName: "g"))
        #expect(try await get(fromHead: true).texts == ["old", "kept", "now", "soon"])
    }

    @Test func expiredEventsAreNotShownEvenIfTheyAreStillThere() async throws {
        try await makeStream()
        try await put([(0, "old")])
        try await service.putRetentionPolicy(PutRetentionPolicyRequest(logGroupName: "g", retentionInDays: 1))
        clock.advance(by: day + 1)
        try await put([(0, "new")])
        #expect(try await get(fromHead: true).texts == ["new"])
        #expect(try await filter(FilterLogEventsRequest()).events.compactMap(\.message) == ["new"])
    }

    // MARK: Lists

    @Test func groupsAreListedInPagesByNamePrefixAndPattern() async throws {
        for name in ["b/two", "a/one", "b/one", "c"] {
            try await service.createLogGroup(CreateLogGroupRequest(logGroupName: name))
        }
        var names: [String] = []
        var token: String?
        repeat {
            let page = try await service.describeLogGroups(DescribeLogGroupsRequest(nextToken: token, limit: 3))
            names += (page.logGroups ?? []).compactMap(\.logGroupName)
            token = page.nextToken
        } while token != nil
        #expect(names == ["a/one", "b/one", "b/two", "c"])
        let prefixed = try await service.describeLogGroups(DescribeLogGroupsRequest(logGroupNamePrefix: "b/"))
        #expect(prefixed.logGroups?.compactMap(\.logGroupName) == ["b/one", "b/two"])
        let matching = try await service.describeLogGroups(DescribeLogGroupsRequest(logGroupNamePattern: "one"))
        #expect(matching.logGroups?.compactMap(\.logGroupName) == ["a/one", "b/one"])
        #expect(matching.logGroups?.first?.arn == "arn:aws:logs:us-east-1:000000000000:log-group:a/one:*")
        await #expect(throws: LogsError.self) {
            try await service.describeLogGroups(
                DescribeLogGroupsRequest(logGroupNamePrefix: "b", logGroupNamePattern: "b")
            )
        }
    }

    @Test(arguments: [OrderBy.logStreamName, .lastEventTime], [false, true])
    func streamsAreListedInPagesInEitherOrder(order: OrderBy, isDescending: Bool) async throws {
        for (index, name) in ["d", "a", "c", "b"].enumerated() {
            try await makeStream(name)
            try await put([(index, "x")], stream: name)
        }
        var names: [String] = []
        var token: String?
        repeat {
            let page = try await service.describeLogStreams(
                DescribeLogStreamsRequest(
                    logGroupIdentifier: "arn:aws:logs:us-east-1:000000000000:log-group:g:*",
                    orderBy: order,
                    descending: isDescending,
                    nextToken: token,
                    limit: 3
                )
            )
            names += (page.logStreams ?? []).compactMap(\.logStreamName)
            token = page.nextToken
        } while token != nil
        let ascending = order == .logStreamName ? ["a", "b", "c", "d"] : ["d", "a", "c", "b"]
        #expect(names == (isDescending ? ascending.reversed() : ascending))
    }

    @Test func tagsAreKeptCountedAndTakenAway() async throws {
        try await service.createLogGroup(CreateLogGroupRequest(logGroupName: "g", tags: ["a": "1"]))
        let arn = "arn:aws:logs:us-east-1:000000000000:log-group:g"
        try await service.tagResource(LogsAPI.TagResourceRequest(resourceArn: arn, tags: ["b": "2"]))
        try await service.untagResource(LogsAPI.UntagResourceRequest(resourceArn: arn, tagKeys: ["a"]))
        let tags = try await service.listTagsForResource(ListTagsForResourceRequest(resourceArn: arn)).tags
        #expect(tags == ["b": "2"])
        let many = Dictionary(uniqueKeysWithValues: (0..<50).map { ("t\($0)", "") })
        let error = await #expect(throws: LogsError.self) {
            try await service.tagResource(LogsAPI.TagResourceRequest(resourceArn: arn, tags: many))
        }
        #expect(error?.code == .tooManyTagsException)
        #expect(try await service.listTagsForResource(ListTagsForResourceRequest(resourceArn: arn)).tags == tags)
    }
}
