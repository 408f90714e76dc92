import Foundation
import LambdaAPI
import LogStore
import TestSupport
import Testing

@Suite struct ReadingTests {
    @Test func streamsAreMergedByTime() throws {
        let fixture = try StoreFixture()
        for stream in ["a", "b", "c"] { try fixture.createStream(stream) }
        try fixture.put([(0, "a0"), (30, "a30")], stream: "a")
        try fixture.put([(10, "b10"), (20, "b20"), (30, "b30")], stream: "b")
        try fixture.put([(5, "c5"), (40, "c40")], stream: "c")
        let expected = ["a0", "c5", "b10", "b20", "a30", "b30", "c40"]
        for pageSize in 1...8 {
            #expect(try fixture.texts(pageSize: pageSize) == expected)
            #expect(try fixture.texts(pageSize: pageSize, isForward: false) == expected)
        }
        #expect(try fixture.texts(from: 10, to: 30) == ["b10", "b20"])
        #expect(try fixture.texts(isForward: false, from: 10, to: 31) == ["b10", "b20", "a30", "b30"])
    }

    @Test func batchesThatOverlapAreSortedAndKeepFewFiles() throws {
        var fixture = try StoreFixture()
        try fixture.createStream()
        // Two writers whose clocks differ, in turn.
        for number in 0..<50 {
            try fixture.put([(number * 10 + 500, "ahead \(number)")])
            try fixture.put([(number * 10, "behind \(number)")])
        }
        let behind = (0..<50).map { "behind \($0)" }
        #expect(try fixture.texts() == behind + (0..<50).map { "ahead \($0)" })
        #expect(try fixture.segmentFiles().count == 2)
        try fixture.reopen()
        #expect(try fixture.texts(to: 500) == behind)
    }

    @Test func pageEndsAtItsSizeAndGoesOn() throws {
        let fixture = try StoreFixture()
        try fixture.createStream()
        let large = String(repeating: "x", count: 400_000)
        for number in 0..<5 { try fixture.put([(number, "\(number)" + large)]) }
        var query = EventQuery(.forward(after: nil), times: fixture.time(0)..<fixture.time(10), countMax: 100)
        let page = try fixture.store.events(of: fixture.store.streamList(ofGroup: "g"), query)
        #expect(page.events.map { $0.text.prefix(1) } == ["0", "1"])
        #expect(!page.isComplete)
        // Even a page that is too small for one event has one.
        query.messageBytesMax = 10
        #expect(try fixture.store.events(of: fixture.store.streamList(ofGroup: "g"), query).events.count == 1)
        #expect(try fixture.texts().count == 5)
        #expect(try fixture.texts(isForward: false).count == 5)
    }

    @Test func searchEndsAfterSomeBytesAndGoesOn() throws {
        let fixture = try StoreFixture()
        try fixture.createStream()
        let filler = String(repeating: "x", count: 1000)
        for batch in 0..<20 { try fixture.put((0..<100).map { (batch * 100 + $0, "\(batch * 100 + $0) \(filler)") }) }
        var query = EventQuery(.forward(after: nil), times: fixture.time(0)..<fixture.time(10_000), countMax: 100)
        query.scannedBytesMax = 200_000
        var pages = 0
        var found: [String] = []
        while true {
            let page = try fixture.store.events(of: fixture.store.streamList(ofGroup: "g"), query) {
                $0.text.hasPrefix("1999 ")
            }
            pages += 1
            found += page.events.map { String($0.text.prefix(4)) }
            if page.isComplete { break }
            query.direction = .forward(after: page.lastPosition)
        }
        #expect(found == ["1999"])
        #expect((8...14).contains(pages), "\(pages) pages")
    }

    @Test(arguments: [0, 1, 500, 777, 1999, 2000])
    func timeIsFoundInALongFile(start: Int) throws {
        let fixture = try StoreFixture()
        try fixture.createStream()
        // Lines of all lengths, so that records lie across every boundary.
        for batch in 0..<20 {
            try fixture.put(
                (0..<100).map { index in
                    let number = batch * 100 + index
                    return (
                        number,
                        "\(number)\n" + String(repeating: "\n", count: number % 97)
                            + String(repeating: "y", count: number)
                    )
                }
            )
        }
        let expected = (start..<2000).map(String.init)
        #expect(try fixture.texts(from: start).map { String($0.prefix { $0 != "\n" }) } == expected)
        #expect(try fixture.texts(isForward: false, to: start).count == start)
    }

    /// Random batches and restarts; then pages of random sizes both ways against a sorted array.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func randomWalkReadsWhatASortedArrayHas(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var fixture = try StoreFixture(sizeMax: .mebibytes(32))
        var model: [(time: Int, stream: String, order: Int, text: String)] = []
        let streams = ["a", "b", "c/d"]
        for stream in streams { try fixture.createStream(stream) }
        for step in 0..<120 {
            let stream = streams[Int.random(in: 0..<3, using: &random)]
            var time = Int.random(in: 0..<1000, using: &random)
            let events = (0..<Int.random(in: 1...20, using: &random)).map { index -> (Int, String) in
                time += Int.random(in: 0...3, using: &random)
                let padding = String(repeating: "\n.", count: Int.random(in: 0...300, using: &random))
                return (time, "\(step)-\(index)\(padding)")
            }
            try fixture.put(events, stream: stream)
            for event in events { model.append((event.0, stream, model.count, event.1)) }
            if Int.random(in: 0..<30, using: &random) == 0 { try fixture.reopen() }
        }
        let start = Int.random(in: 0..<500, using: &random)
        let end = Int.random(in: 500..<1100, using: &random)
        let expected = model.filter { start..<end ~= $0.time }.sorted { ($0.time, $0.stream) < ($1.time, $1.stream) }
        for isForward in [true, false] {
            let pageSize = Int.random(in: 10...60, using: &random)
            let texts = try fixture.texts(pageSize: pageSize, isForward: isForward, from: start, to: end)
            // Events of one time in one stream may stand in either order.
            #expect(texts.sorted() == expected.map(\.text).sorted())
            let times = Dictionary(uniqueKeysWithValues: model.map { ($0.text, $0.time) })
            #expect(texts.compactMap { times[$0] } == expected.map(\.time), "seed \(seed)")
        }
    }
}
