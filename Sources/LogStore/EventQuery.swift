package import LambdaAPI

/// Which events of some streams are wanted, and how many at once.
package struct EventQuery: Sendable {
    /// Which way to read, and after or before which event; nil stands for the beginning and the end.
    package enum Direction: Sendable {
        case forward(after: EventPosition?)
        case backward(before: EventPosition?)
    }

    package var direction: Direction
    /// The times of events that are wanted; the end is not.
    package var times: Range<Timestamp>
    /// The most events of a page.
    package var countMax: Int
    /// How large the messages of a page may be together, in bytes. One event is returned whatever its size.
    package var messageBytesMax = 1 << 20
    /// How much is read for one page, in bytes, so that a search without results ends.
    package var scannedBytesMax = 32 << 20

    package init(_ direction: Direction, times: Range<Timestamp>, countMax: Int) {
        self.direction = direction
        self.times = times
        self.countMax = countMax
    }
}

/// Some events, always in the order of their positions.
package struct EventPage: Sendable, Equatable {
    package var events: [StoredEvent] = []
    /// Up to where streams were read, in the query's direction; nil if no event was looked at.
    package var lastPosition: EventPosition?
    /// Whether nothing is left that the query wants.
    package var isComplete = false

    /// A page of nothing.
    package init() {}
}

extension LogStore {
    /// A page of the events of some streams, merged.
    ///
    /// - Parameter isWanted: Which events to return; the others are passed over.
    package func events(
        of streams: [StreamSummary],
        _ query: EventQuery,
        isWanted: (StoredEvent) -> Bool = { _ in true }
    ) throws(LogStoreError) -> EventPage {
        var merge = EventMerge(streams, query)
        var page = EventPage()
        var messageBytes = 0
        while true {
            // One event is looked at in any case, so that every page gets on.
            if page.lastPosition != nil, merge.scannedBytes >= query.scannedBytesMax { break }
            guard let event = try merge.next() else {
                page.isComplete = true
                break
            }
            if isWanted(event) {
                guard page.events.isEmpty || messageBytes + event.message.count <= query.messageBytesMax else { break }
                messageBytes += event.message.count
                page.events.append(event)
            }
            page.lastPosition = event.position
            if page.events.count == query.countMax { break }
        }
        if case .backward = query.direction { page.events.reverse() }
        return page
    }
}

/// The events of many segments in one order, forward or backward.
///
/// A segment is not looked at before the order has come to its times, so few are at a time, however many there are.
private struct EventMerge {
    private let query: EventQuery
    private let isForward: Bool
    /// Segments not yet looked at, the next one last.
    private var waiting: [EventCursor]
    /// Each stands at an event.
    private var active: [EventCursor] = []
    private(set) var scannedBytes = 0

    init(_ streams: [StreamSummary], _ query: EventQuery) {
        self.query = query
        if case .forward = query.direction { isForward = true } else { isForward = false }
        waiting = streams.flatMap { stream in
            stream.segments.compactMap { EventCursor($0, of: stream.name, query) }
        }
        if isForward {
            waiting.sort { $0.times.lowerBound > $1.times.lowerBound }
        } else {
            waiting.sort { $0.times.upperBound < $1.times.upperBound }
        }
    }

    mutating func next() throws(LogStoreError) -> StoredEvent? {
        try lookAtWaiting()
        guard let index = nextIndex() else { return nil }
        guard let event = active[index].current else { return nil }
        scannedBytes += try active[index].advance()
        if active[index].current == nil { active.swapAt(index, active.count - 1); active.removeLast() }
        return event
    }

    /// Opens the segments that may hold what comes next.
    private mutating func lookAtWaiting() throws(LogStoreError) {
        while let candidate = waiting.last {
            if let index = nextIndex(), let time = active[index].current?.timestamp {
                let isLater = isForward ? candidate.times.lowerBound > time : candidate.times.upperBound < time
                if isLater { return }
            }
            var cursor = waiting.removeLast()
            scannedBytes += try cursor.start()
            if cursor.current != nil { active.append(cursor) }
        }
    }

    private func nextIndex() -> Int? {
        active.indices.min { left, right in
            guard let first = active[left].current?.position, let second = active[right].current?.position else {
                return false
            }
            return isForward ? first < second : second < first
        }
    }
}

/// A place in one segment, at an event that a query wants.
private struct EventCursor {
    let times: ClosedRange<Timestamp>
    private let stream: String
    private let segment: Int
    private let reader: SegmentReader
    private let query: EventQuery
    private var block: SegmentReader.Block?
    private var index = 0
    private(set) var current: StoredEvent?

    /// Nil when the segment has nothing that the query wants.
    init?(_ segment: Segment, of stream: String, _ query: EventQuery) {
        guard let times = segment.times, times.upperBound >= query.times.lowerBound,
            times.lowerBound < query.times.upperBound
        else { return nil }
        switch query.direction {
        case .forward(let position?) where times.upperBound < position.timestamp: return nil
        case .backward(let position?) where times.lowerBound > position.timestamp: return nil
        default: break
        }
        self.times = times
        self.stream = stream
        self.segment = segment.id
        self.reader = segment.reader
        self.query = query
    }

    /// Goes to the first event that is wanted. Returns how many bytes were read.
    mutating func start() throws(LogStoreError) -> Int {
        let first = try unlessGone { () throws(LogStoreError) in
            switch query.direction {
            case .forward(let position?) where isHere(position): try reader.block(from: position.offset)
            case .backward(let position?) where isHere(position): try reader.block(before: position.offset)
            case .forward(let position): try reader.block(from: firstPlace(position))
            case .backward(let position): try reader.block(before: endPlace(position))
            }
        }
        return take(first) + (try settle())
    }

    /// Goes to the next event that is wanted. Returns how many bytes were read.
    mutating func advance() throws(LogStoreError) -> Int {
        step()
        return try settle()
    }

    private var isForward: Bool { if case .forward = query.direction { true } else { false } }

    private func isHere(_ position: EventPosition) -> Bool {
        position.segment == segment && position.stream == stream
    }

    private func firstPlace(_ position: EventPosition?) throws(LogStoreError) -> Int {
        let time = max(query.times.lowerBound, position?.timestamp ?? query.times.lowerBound)
        return time <= times.lowerBound ? reader.range.lowerBound : try reader.place(of: time)
    }

    private func endPlace(_ position: EventPosition?) throws(LogStoreError) -> Int {
        // Events of the position's own time may stand before it.
        let end = position.map { Timestamp(milliseconds: $0.timestamp.milliseconds + 1) } ?? query.times.upperBound
        let time = min(end, query.times.upperBound)
        return time > times.upperBound ? reader.range.upperBound : try reader.place(of: time)
    }

    private mutating func step() {
        index += isForward ? 1 : -1
    }

    /// A block; nil when the segment has been removed.
    private func unlessGone(
        _ body: () throws(LogStoreError) -> SegmentReader.Block?
    ) throws(LogStoreError) -> SegmentReader.Block? {
        do throws(LogStoreError) {
            return try body()
        } catch  where error.code == .segmentGone {
            return nil
        }
    }

    /// Takes up a block, at its near end. Returns how many bytes were read.
    private mutating func take(_ block: SegmentReader.Block?) -> Int {
        self.block = block
        guard let block else { return 0 }
        index = isForward ? 0 : block.records.count - 1
        return block.range.count
    }

    /// Finds the first record from here on that is wanted. Returns how many bytes were read.
    private mutating func settle() throws(LogStoreError) -> Int {
        current = nil
        var scanned = 0
        while let block {
            guard block.records.indices.contains(index) else {
                let next = try unlessGone { () throws(LogStoreError) in
                    try isForward
                        ? reader.block(from: block.range.upperBound) : reader.block(before: block.range.lowerBound)
                }
                scanned += take(next)
                continue
            }
            let record = block.records[index]
            let position = EventPosition(
                timestamp: record.timestamp,
                stream: stream,
                segment: segment,
                offset: record.offset
            )
            switch standing(position) {
            case .wanted:
                let message = block.message(of: record)
                current = StoredEvent(position: position, ingestionTime: record.ingestionTime, message: message)
                return scanned
            case .notYet: step()
            case .past: self.block = nil
            }
        }
        return scanned
    }

    private enum Standing { case notYet, wanted, past }

    private func standing(_ position: EventPosition) -> Standing {
        let isEarly = position.timestamp < query.times.lowerBound
        let isLate = position.timestamp >= query.times.upperBound
        switch query.direction {
        case .forward(let start):
            if isLate { return .past }
            return isEarly || start.map { position <= $0 } ?? false ? .notYet : .wanted
        case .backward(let start):
            if isEarly { return .past }
            return isLate || start.map { position >= $0 } ?? false ? .notYet : .wanted
        }
    }
}
