import Foundation
import LambdaAPI
import LogStore
import TestSupport
import Testing

@Suite struct LogStoreTests {
    private var fixture: StoreFixture

    init() throws {
        fixture = try StoreFixture()
    }

    @Test func eventsComeBackAsTheyWerePut() throws {
        try fixture.createStream()
        let messages = [
            "plain", "two\nlines\n", "\n", "\tindented\n\tagain", "ünïcode 🦅", "\u{0}\u{1}", "ends in tab\t",
        ]
        try fixture.put(messages.enumerated().map { ($0.offset, $0.element) })
        #expect(try fixture.texts() == messages)
    }

    @Test func printedLineHasItsNewline() throws {
        try fixture.appendLines(["hello", "", "\tindented"])
        #expect(try fixture.texts() == ["hello\n", "\n", "\tindented\n"])
    }

    @Test func bytesThatAreNoTextAreKept() throws {
        var bytes: [UInt8] = []
        LogRecord.beginLine(at: fixture.time(0), in: &bytes)
        bytes += [0xFF, 0x00, 0x80, 0x0A]
        let batch = RecordBatch(
            bytes: bytes,
            times: fixture.time(0)...fixture.time(0),
            ingestionTime: fixture.time(0)
        )
        try fixture.store.append(batch, stream: "s", group: "g", now: StoreFixture.now)
        let query = EventQuery(.forward(after: nil), times: fixture.time(0)..<fixture.time(1), countMax: 10)
        let page = try fixture.store.events(of: fixture.store.streamList(ofGroup: "g"), query)
        #expect(page.events.map(\.message) == [[0xFF, 0x00, 0x80, 0x0A]])
    }

    @Test func whatIsThereIsRefusedAndWhatIsNotIsMissed() throws {
        let store = fixture.store
        func code(_ body: () throws -> Void) -> LogStoreError.Code? {
            let error = #expect(throws: LogStoreError.self, performing: body)
            return error?.code
        }
        #expect(code { try store.createStream("s", group: "g", now: StoreFixture.now) } == .groupNotFound)
        #expect(code { try store.deleteGroup(LogGroupKey(name: "g")) } == .groupNotFound)
        #expect(code { try store.updateGroup("g") { $0.retentionDays = 1 } } == .groupNotFound)
        try store.createGroup("g", now: StoreFixture.now)
        #expect(code { try store.createGroup("g", now: StoreFixture.now) } == .groupExists)
        #expect(code { try fixture.put([(0, "x")]) } == .streamNotFound)
        #expect(code { try store.deleteStream("s", group: "g") } == .streamNotFound)
        try store.createStream("s", group: "g", now: StoreFixture.now)
        #expect(code { try store.createStream("s", group: "g", now: StoreFixture.now) } == .streamExists)
    }

    @Test mutating func everythingIsThereAfterARestart() throws {
        try fixture.createStream("2026/11/23/[$LATEST]0f", group: "/aws/lambda/hello")
        try fixture.store.updateGroup("/aws/lambda/hello") { $0.retentionDays = 7 }
        try fixture.store.updateGroup("/aws/lambda/hello") { $0.tags["team"] = "a" }
        try fixture.put([(5, "one"), (9, "two")], stream: "2026/11/23/[$LATEST]0f", group: "/aws/lambda/hello")
        let size = fixture.store.size
        try fixture.reopen()
        #expect(try fixture.texts(group: "/aws/lambda/hello") == ["one", "two"])
        let group = try fixture.store.metadata(ofGroup: "/aws/lambda/hello")
        #expect(group.retentionDays == 7)
        #expect(group.tags == ["team": "a"])
        #expect(group.creationTime == StoreFixture.now)
        let stream = try #require(fixture.store.streamList(ofGroup: "/aws/lambda/hello").first)
        #expect(stream.name == "2026/11/23/[$LATEST]0f")
        #expect(stream.creationTime == StoreFixture.now)
        #expect(stream.firstEventTime == fixture.time(5))
        #expect(stream.lastEventTime == fixture.time(9))
        #expect(stream.lastIngestionTime == StoreFixture.now)
        #expect(fixture.store.size == size)
    }

    /// Names that would leave their directory, clash, or be too long for a file.
    private static let oddNames = [
        "..", ".", ".hidden", "../../etc/passwd", "/", "//", "a/b", "a%2fb", "a:b", "%", "%+", "name\nwith\nlines",
        "\u{7F}",
        "x.000001.log", "x", "x.000002", String(repeating: "/", count: 512), String(repeating: "ü", count: 512),
        String(repeating: "ü", count: 511) + "u", "[$LATEST]", " ", "\"quoted\"",
    ]

    @Test mutating func oddNamesStayApartAndInside() throws {
        for name in Self.oddNames {
            try fixture.createStream(name, group: "g")
            try fixture.store.createGroup("group " + name, now: StoreFixture.now)
            try fixture.put([(0, name)], stream: name, group: "g")
        }
        try fixture.store.createGroup("..", now: StoreFixture.now)
        try fixture.reopen()
        let streams = try fixture.store.streamList(ofGroup: "g")
        #expect(Set(streams.map(\.name)) == Set(Self.oddNames))
        for stream in streams {
            let query = EventQuery(.forward(after: nil), times: fixture.time(0)..<fixture.time(1), countMax: 10)
            #expect(try fixture.store.events(of: [stream], query).events.map(\.text) == [stream.name])
        }
        #expect(fixture.store.groupList().count == Self.oddNames.count + 2)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.surroundings.path) == ["store"])
        for name in Self.oddNames { try fixture.store.deleteStream(name, group: "g") }
        #expect(try fixture.segmentFiles().isEmpty)
    }

    @Test func deletedGroupIsGoneFromTheDisk() throws {
        try fixture.createStream()
        try fixture.put([(0, "x")])
        try fixture.store.deleteGroup(LogGroupKey(name: "g"))
        #expect(fixture.store.size.bytes == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.path).isEmpty)
    }

    @Test func nextLineOfARunningEnvironmentMakesADeletedGroupAgain() throws {
        try fixture.appendLines(["one"])
        try fixture.store.deleteGroup(LogGroupKey(name: "g"))
        try fixture.appendLines(["two"])
        #expect(try fixture.texts() == ["two\n"])
        try fixture.store.deleteStream("s", group: "g")
        try fixture.appendLines(["three"])
        #expect(try fixture.texts() == ["three\n"])
    }

    @Test mutating func halfDoneCreationsAndDeletionsAreCleanedUp() throws {
        let directory = fixture.path
        try FileManager.default.createDirectory(atPath: "\(directory)/.new-x", withIntermediateDirectories: false)
        try FileManager.default.createDirectory(atPath: "\(directory)/.deleted-y", withIntermediateDirectories: false)
        #expect(FileManager.default.createFile(atPath: "\(directory)/.deleted-y/a.000001.log", contents: Data()))
        try fixture.createStream()
        #expect(FileManager.default.createFile(atPath: "\(directory)/g/t.000001.log", contents: Data(#"{"logSt"#.utf8)))
        try fixture.reopen()
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["g"])
        #expect(try fixture.store.streamList(ofGroup: "g").map(\.name) == ["s"])
    }

    @Test func readersDoNotSeeWhatComesLater() throws {
        try fixture.createStream()
        try fixture.put([(0, "before")])
        let streams = try fixture.store.streamList(ofGroup: "g")
        try fixture.put([(1, "after")])
        let query = EventQuery(.forward(after: nil), times: fixture.time(0)..<fixture.time(10), countMax: 10)
        #expect(try fixture.store.events(of: streams, query).events.map(\.text) == ["before"])
    }

    @Test func segmentThatIsRemovedWhileItIsReadEndsThere() throws {
        try fixture.createStream()
        try fixture.put([(0, "x")])
        let streams = try fixture.store.streamList(ofGroup: "g")
        try fixture.store.deleteGroup(LogGroupKey(name: "g"))
        let query = EventQuery(.forward(after: nil), times: fixture.time(0)..<fixture.time(10), countMax: 10)
        let page = try fixture.store.events(of: streams, query)
        #expect(page.events.isEmpty)
        #expect(page.isComplete)
    }

    @Test func manyThreadsMayAppendAndReadAtOnce() async throws {
        try fixture.createStream()
        let fixture = fixture
        try await withThrowingTaskGroup { group in
            for writer in 0..<4 {
                group.addTask {
                    for number in 0..<50 {
                        try fixture.appendLines(["\(writer)-\(number)"], at: number, stream: "s\(writer % 2)")
                    }
                }
            }
            group.addTask {
                for _ in 0..<50 { _ = try fixture.texts(pageSize: 7) }
            }
            try await group.waitForAll()
        }
        let expected = (0..<4).flatMap { writer in (0..<50).map { "\(writer)-\($0)\n" } }
        #expect(try fixture.texts().sorted() == expected.sorted())
    }
}
