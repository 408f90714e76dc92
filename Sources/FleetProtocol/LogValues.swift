import HostLink
package import LambdaAPI
package import LogStore
package import LogsService
package import NIOCore

// What questions about logs and their answers consist of.

extension Timestamp: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(milliseconds: Int(try buffer.readNumber(Int64.self)))
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(Int64(milliseconds))
    }
}

extension ByteBuffer {
    fileprivate mutating func writeOptional<Value: WireValue>(_ value: Value?) {
        writeFlag(value != nil)
        value?.write(to: &self)
    }

    fileprivate mutating func readOptional<Value: WireValue>(_ type: Value.Type) throws -> Value? {
        try readFlag() ? try Value(from: &self) : nil
    }
}

extension LogGroupKey: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(name: try buffer.readText(), registration: try buffer.readOptionalText())
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeText(name)
        buffer.writeOptional(registration)
    }
}

// MARK: - Events

extension EventPosition: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(
            timestamp: try Timestamp(from: &buffer),
            stream: try buffer.readText(),
            host: try buffer.readNumber(UInt64.self),
            segment: Int(try buffer.readNumber(Int64.self)),
            offset: Int(try buffer.readNumber(Int64.self))
        )
    }

    package func write(to buffer: inout ByteBuffer) {
        timestamp.write(to: &buffer)
        buffer.writeText(stream)
        buffer.writeMultipleIntegers(host, Int64(segment), Int64(offset))
    }
}

extension LogQuery: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        let streams = try Streams(from: &buffer)
        let isForward = try buffer.readFlag()
        let position = try buffer.readOptional(EventPosition.self)
        let (start, end) = (try Timestamp(from: &buffer), try Timestamp(from: &buffer))
        guard start <= end else { throw LinkError(.malformed, "a question about logs ends before it begins") }
        self.init(
            streams,
            isForward: isForward,
            position: position,
            times: start..<end,
            countMax: Int(try buffer.readNumber(Int32.self))
        )
        messageBytesMax = Int(try buffer.readNumber(Int32.self))
        pattern = try buffer.readText()
    }

    package func write(to buffer: inout ByteBuffer) {
        streams.write(to: &buffer)
        buffer.writeFlag(isForward)
        buffer.writeOptional(position)
        times.lowerBound.write(to: &buffer)
        times.upperBound.write(to: &buffer)
        buffer.writeMultipleIntegers(Int32(clamping: countMax), Int32(clamping: messageBytesMax))
        buffer.writeText(pattern)
    }
}

extension LogQuery.Streams: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        switch try buffer.readNumber(UInt8.self) {
        case 0: self = .all
        case 1: self = .named(try buffer.readList { try $0.readText() })
        case 2: self = .prefixed(try buffer.readText())
        default: throw LinkError(.malformed, "a question about logs names streams in an unknown way")
        }
    }

    package func write(to buffer: inout ByteBuffer) {
        switch self {
        case .all:
            buffer.writeInteger(UInt8(0))
        case .named(let names):
            buffer.writeInteger(UInt8(1))
            buffer.writeList(names) { $0.writeText($1) }
        case .prefixed(let prefix):
            buffer.writeInteger(UInt8(2))
            buffer.writeText(prefix)
        }
    }
}

/// Streams are named once, in front of their events.
extension LogPage: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        let names = try buffer.readList { try $0.readText() }
        var page = EventPage()
        page.events = try buffer.readList { buffer in
            let index = Int(try buffer.readNumber(UInt32.self))
            guard names.indices.contains(index) else { throw LinkError(.malformed, "an event is of no stream") }
            let position = EventPosition(
                timestamp: try Timestamp(from: &buffer),
                stream: names[index],
                segment: Int(try buffer.readNumber(Int64.self)),
                offset: Int(try buffer.readNumber(Int64.self))
            )
            let ingestionTime = try Timestamp(from: &buffer)
            return StoredEvent(
                position: position,
                ingestionTime: ingestionTime,
                message: Array(buffer: try buffer.readBlock())
            )
        }
        page.lastPosition = try buffer.readOptional(EventPosition.self)
        page.isComplete = try buffer.readFlag()
        // Whoever asks on would go round in circles.
        guard page.isComplete || page.lastPosition != nil else {
            throw LinkError(.malformed, "a page of a log does not say where the next one begins")
        }
        self.init(page, missingStreams: Set(try buffer.readList { try $0.readText() }))
    }

    package func write(to buffer: inout ByteBuffer) {
        var indices: [String: UInt32] = [:]
        var names: [String] = []
        for event in events.events where indices[event.position.stream] == nil {
            indices[event.position.stream] = UInt32(names.count)
            names.append(event.position.stream)
        }
        buffer.writeList(names) { $0.writeText($1) }
        buffer.writeList(events.events) { buffer, event in
            buffer.writeInteger(indices[event.position.stream] ?? 0)
            event.timestamp.write(to: &buffer)
            buffer.writeMultipleIntegers(Int64(event.position.segment), Int64(event.position.offset))
            event.ingestionTime.write(to: &buffer)
            buffer.writeInteger(UInt32(event.message.count))
            buffer.writeBytes(event.message)
        }
        buffer.writeOptional(events.lastPosition)
        buffer.writeFlag(events.isComplete)
        buffer.writeList(missingStreams.sorted()) { $0.writeText($1) }
    }
}

extension LogPage {
    /// What of the page one message can carry. Messages have a bound already; names of streams have one here.
    ///
    /// - Parameter isForward: Which way the page was read; its end is what may be left to the next one.
    package func fitting(isForward: Bool, nameBytesMax: Int = 4 << 20) -> LogPage {
        let events = events.events
        var names: Set<String> = []
        var bytes = 0
        var count = 0
        for event in isForward ? events : events.reversed() {
            if names.insert(event.position.stream).inserted { bytes += event.position.stream.utf8.count }
            if bytes > nameBytesMax, count > 0 { break }
            count += 1
        }
        guard count < events.count else { return self }
        var page = self
        page.events.events = Array(isForward ? events.prefix(count) : events.suffix(count))
        page.events.lastPosition = (isForward ? page.events.events.last : page.events.events.first)?.position
        page.events.isComplete = false
        return page
    }
}

// MARK: - Streams

extension StreamQuery: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(
            prefix: try buffer.readOptionalText(),
            isByTime: try buffer.readFlag(),
            isDescending: try buffer.readFlag(),
            last: try buffer.readOptional(Key.self),
            countMax: Int(try buffer.readNumber(Int32.self))
        )
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeOptional(prefix)
        buffer.writeFlag(isByTime)
        buffer.writeFlag(isDescending)
        buffer.writeOptional(last)
        buffer.writeInteger(Int32(clamping: countMax))
    }
}

extension StreamQuery.Key: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(time: Int(try buffer.readNumber(Int64.self)), name: try buffer.readText())
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(Int64(time))
        buffer.writeText(name)
    }
}

extension StreamPage: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(try buffer.readList { try StreamOverview(from: &$0) }, isComplete: try buffer.readFlag())
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeList(streams) { $1.write(to: &$0) }
        buffer.writeFlag(isComplete)
    }
}

extension StreamOverview: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(
            name: try buffer.readText(),
            creationTime: try Timestamp(from: &buffer),
            firstEventTime: try buffer.readOptional(Timestamp.self),
            lastEventTime: try buffer.readOptional(Timestamp.self),
            lastIngestionTime: try buffer.readOptional(Timestamp.self)
        )
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeText(name)
        creationTime.write(to: &buffer)
        buffer.writeOptional(firstEventTime)
        buffer.writeOptional(lastEventTime)
        buffer.writeOptional(lastIngestionTime)
    }
}
