import FrontendRole
import LambdaAPI
import LogStore
import LogsService
import TestSupport
import Testing

struct LogPageMergeTests {
    private static let times = Timestamp(milliseconds: 0)..<Timestamp(milliseconds: 1000)

    /// A host whose events are in memory, in the order of their positions.
    private struct Host {
        let number: UInt64
        var events: [StoredEvent] = []

        /// What its store would answer, having looked at no more than so many events.
        func page(_ query: LogQuery, looksMax: Int) -> EventPage {
            let position = query.position?.seen(from: number)
            let left = events.filter { event in
                position.map { query.isForward ? event.position > $0 : event.position < $0 } ?? true
            }
            let looked = (query.isForward ? left : left.reversed()).prefix(min(looksMax, query.countMax))
            var page = EventPage()
            page.events = query.isForward ? Array(looked) : looked.reversed()
            page.lastPosition = looked.last?.position
            page.isComplete = looked.count == left.count
            return page
        }
    }

    private func hosts(_ random: inout SeededGenerator) -> [Host] {
        (1...3).map { number in
            let count = Int.random(in: 0...40, using: &random)
            let positions = (0..<count).map { offset in
                EventPosition(
                    timestamp: Timestamp(milliseconds: Int.random(in: 0..<12, using: &random)),
                    // Now and then a stream that several have.
                    stream: ["shared", "of \(number)", "a\(number)"].randomElement(using: &random) ?? "",
                    segment: Int.random(in: 1...3, using: &random),
                    offset: offset
                )
            }
            let events = positions.sorted().map { position in
                StoredEvent(position: position, ingestionTime: position.timestamp, message: Array("\(number)".utf8))
            }
            return Host(number: UInt64(number), events: events)
        }
    }

    /// Pages of any size give each event once and in order, whatever each host looks at for one page.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func pagesTogetherAreAllEventsInOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let hosts = hosts(&random)
        let isForward = Bool.random(using: &random)
        let all = hosts.flatMap { host in host.events.map { $0.position.on(host: host.number) } }.sorted()
        var query = LogQuery(.all, isForward: isForward, times: Self.times, countMax: 1)
        var read: [EventPosition] = []
        for _ in 0..<1000 {
            query.countMax = Int.random(in: 1...9, using: &random)
            query.messageBytesMax = Int.random(in: 1...6, using: &random)
            var merge = LogPageMerge(query)
            for host in hosts {
                merge.add(host.page(query, looksMax: Int.random(in: 1...9, using: &random)), of: host.number)
            }
            let page = merge.page
            #expect(page.events.count <= query.countMax)
            read = isForward ? read + page.events.map(\.position) : page.events.map(\.position) + read
            if page.isComplete { break }
            #expect(page.lastPosition != nil && page.lastPosition != query.position, "seed \(seed)")
            query.position = page.lastPosition
        }
        #expect(read == all, "seed \(seed)")
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func streamsAreListedOnceAndInOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let hosts = (1...3).map { host in
            (0..<Int.random(in: 0...20, using: &random)).map { index in
                StreamOverview(
                    name: "\(host) \(index)",
                    creationTime: Timestamp(milliseconds: Int.random(in: 0...5, using: &random))
                )
            }
        }
        let isByTime = Bool.random(using: &random)
        let isDescending = Bool.random(using: &random)
        let whole = StreamQuery(isByTime: isByTime, isDescending: isDescending, countMax: .max)
        var query = whole
        var read: [StreamOverview] = []
        for _ in 0..<100 {
            query.countMax = Int.random(in: 1...7, using: &random)
            var merge = StreamPageMerge(query)
            for host in hosts { merge.add(query.page(of: host)) }
            let page = merge.page
            read += page.streams
            guard !page.isComplete, let last = page.streams.last else { break }
            query.last = query.key(of: last)
        }
        #expect(read == whole.page(of: hosts.flatMap { $0 }).streams)
    }
}
