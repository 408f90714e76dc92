import LambdaAPI
import LogStore
import Testing

@Suite struct RetentionTests {
    private let day = 86_400_000

    @Test func expiredEventsGoAndOthersStay() throws {
        let fixture = try StoreFixture()
        for stream in ["old", "new", "empty"] { try fixture.createStream(stream) }
        try fixture.createStream("other", group: "h")
        try fixture.put([(0, "old")], stream: "old")
        try fixture.put([(2 * day, "new")], stream: "new")
        try fixture.put([(0, "kept for ever")], stream: "other", group: "h")
        try fixture.store.updateGroup("g") { $0.retentionDays = 1 }
        let report = try fixture.store.enforceRetention(now: fixture.time(day * 2), removalsMax: 100)
        #expect(report.expired == 1)
        #expect(!report.isUnfinished)
        #expect(try fixture.store.streamList(ofGroup: "g").map(\.name) == ["empty", "new"])
        #expect(try fixture.texts(group: "h") == ["kept for ever"])
        #expect(try fixture.segmentFiles().count == 2)
    }

    @Test func oldestGoFirstUntilTheRestFits() throws {
        let fixture = try StoreFixture(sizeMax: .mebibytes(4))
        let text = String(repeating: "x", count: 500_000)
        for number in 0..<12 {
            try fixture.createStream("s\(number)")
            // Not in the order of their names.
            try fixture.put([(number * 7 % 12, "\(number * 7 % 12) \(text)")], stream: "s\(number)")
        }
        #expect(fixture.store.isOversized)
        let report = try fixture.store.enforceRetention(now: StoreFixture.now, removalsMax: 100)
        #expect(!fixture.store.isOversized)
        #expect(report.displaced == 4)
        #expect(try fixture.texts().map { $0.prefix { $0 != " " } } == (4..<12).map { "\($0)" })
        #expect(try fixture.store.streamList(ofGroup: "g").count == 8)
    }

    @Test func oneStreamWithoutEndLosesItsBeginning() throws {
        let fixture = try StoreFixture(sizeMax: .mebibytes(4))
        let line = String(repeating: "y", count: 100_000)
        for number in 0..<100 {
            try fixture.appendLines(["\(number) \(line)"], at: number)
            _ = try fixture.store.enforceRetention(now: StoreFixture.now, removalsMax: 10)
            #expect(!fixture.store.isOversized)
        }
        let numbers = try fixture.texts().map { $0.prefix { $0 != " " } }
        #expect(numbers.last == "99")
        #expect((10...40).contains(numbers.count))
        #expect(numbers.map { Int($0) } == (100 - numbers.count..<100).map { $0 })
    }

    @Test func onePassRemovesNoMoreThanItMay() throws {
        let fixture = try StoreFixture()
        for number in 0..<10 {
            try fixture.createStream("s\(number)")
            try fixture.put([(0, "x")], stream: "s\(number)")
        }
        try fixture.store.updateGroup("g") { $0.retentionDays = 1 }
        let later = fixture.time(2 * day)
        let first = try fixture.store.enforceRetention(now: later, removalsMax: 6)
        #expect(first.expired == 6)
        #expect(first.isUnfinished)
        let second = try fixture.store.enforceRetention(now: later, removalsMax: 6)
        #expect(second.expired == 4)
        #expect(!second.isUnfinished)
    }

    @Test func environmentWritesOnAfterItsFileHasGone() throws {
        let fixture = try StoreFixture()
        try fixture.appendLines(["old"])
        try fixture.store.updateGroup("g") { $0.retentionDays = 1 }
        let report = try fixture.store.enforceRetention(now: fixture.time(2 * day), removalsMax: 10)
        #expect(report.expired == 1)
        try fixture.appendLines(["new"], at: 2 * day)
        #expect(try fixture.texts() == ["new\n"])
    }

    @Test func growthBeyondTheLimitIsNoticed() async throws {
        let fixture = try StoreFixture(sizeMax: .mebibytes(1))
        try fixture.appendLines([String(repeating: "z", count: 1_040_000)])
        try fixture.appendLines(["more", String(repeating: "z", count: 10_000)], at: 1)
        var notices = fixture.store.oversizeNotices.makeAsyncIterator()
        #expect(await notices.next() != nil)
    }
}
