import HostLink
package import LambdaAPI
package import LogStore
package import LogsService
package import NIOCore

/// What a frontend asks a worker about the logs on its disk. Each question has an answer of its own, or a ``LogRefusal``.
package enum LogQuestion: Sendable, Hashable {
    /// Some events; a ``LogsService/LogPage``.
    case events(LogGroupKey, LogQuery)
    /// Some streams; a ``LogsService/StreamPage``.
    case streams(LogGroupKey, StreamQuery)
    /// How large groups are; a ``LogSizes``.
    case storedBytes([LogGroupKey])
    /// A stream is to be made, with its group if that is not there; no content.
    case createStream(String, LogGroupKey, now: Timestamp)
    /// A stream is to be removed; no content.
    case deleteStream(String, LogGroupKey)
    /// Events are to be stored; no content.
    case put(LogEntries, stream: String, LogGroupKey, now: Timestamp)
    /// The fleet's groups have changed: the worker is to look, and answers when its own are as they should be; no content.
    case groupsChanged
}

/// Events that are to be stored.
package struct LogEntries: Sendable, Hashable {
    package let events: [NewLogEvent]

    package init(_ events: [NewLogEvent]) {
        self.events = events
    }
}

/// The sizes of groups in bytes.
package struct LogSizes: Sendable, Hashable {
    package let bytes: [LogGroupKey: Int]

    package init(_ bytes: [LogGroupKey: Int]) {
        self.bytes = bytes
    }
}

/// Why a worker does not do what it is asked.
package enum LogRefusal: Sendable, Hashable {
    /// It has nothing of the group.
    case noGroup
    /// It has no such stream.
    case noStream
    /// It has such a stream already.
    case streamExists
    /// It cannot, and says why.
    case failed(String)
}

extension LogQuestion: WireValue {
    private enum Kind: UInt8 {
        case events, streams, storedBytes, createStream, deleteStream, put, groupsChanged
    }

    package init(from buffer: inout ByteBuffer) throws {
        guard let kind = Kind(rawValue: try buffer.readNumber(UInt8.self)) else {
            throw LinkError(.malformed, "a question about logs is of a kind that there is not")
        }
        switch kind {
        case .events: self = .events(try LogGroupKey(from: &buffer), try LogQuery(from: &buffer))
        case .streams: self = .streams(try LogGroupKey(from: &buffer), try StreamQuery(from: &buffer))
        case .storedBytes: self = .storedBytes(try buffer.readList { try LogGroupKey(from: &$0) })
        case .createStream:
            self = .createStream(
                try buffer.readText(),
                try LogGroupKey(from: &buffer),
                now: try Timestamp(from: &buffer)
            )
        case .deleteStream: self = .deleteStream(try buffer.readText(), try LogGroupKey(from: &buffer))
        case .put:
            self = .put(
                try LogEntries(from: &buffer),
                stream: try buffer.readText(),
                try LogGroupKey(from: &buffer),
                now: try Timestamp(from: &buffer)
            )
        case .groupsChanged: self = .groupsChanged
        }
    }

    package func write(to buffer: inout ByteBuffer) {
        switch self {
        case .events(let group, let query):
            buffer.writeInteger(Kind.events.rawValue)
            group.write(to: &buffer)
            query.write(to: &buffer)
        case .streams(let group, let query):
            buffer.writeInteger(Kind.streams.rawValue)
            group.write(to: &buffer)
            query.write(to: &buffer)
        case .storedBytes(let groups):
            buffer.writeInteger(Kind.storedBytes.rawValue)
            buffer.writeList(groups) { $1.write(to: &$0) }
        case .createStream(let name, let group, let now):
            buffer.writeInteger(Kind.createStream.rawValue)
            buffer.writeText(name)
            group.write(to: &buffer)
            now.write(to: &buffer)
        case .deleteStream(let name, let group):
            buffer.writeInteger(Kind.deleteStream.rawValue)
            buffer.writeText(name)
            group.write(to: &buffer)
        case .put(let entries, let stream, let group, let now):
            buffer.writeInteger(Kind.put.rawValue)
            entries.write(to: &buffer)
            buffer.writeText(stream)
            group.write(to: &buffer)
            now.write(to: &buffer)
        case .groupsChanged:
            buffer.writeInteger(Kind.groupsChanged.rawValue)
        }
    }
}

extension LogEntries: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(
            try buffer.readList { buffer in
                NewLogEvent(timestamp: try Timestamp(from: &buffer), message: try buffer.readText())
            }
        )
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeList(events) { buffer, event in
            event.timestamp.write(to: &buffer)
            buffer.writeText(event.message)
        }
    }
}

extension LogSizes: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        let sizes = try buffer.readList { buffer in
            (group: try LogGroupKey(from: &buffer), bytes: Int(try buffer.readNumber(Int64.self)))
        }
        self.init(Dictionary(sizes.map { ($0.group, $0.bytes) }) { first, _ in first })
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeList(bytes) { buffer, entry in
            entry.key.write(to: &buffer)
            buffer.writeInteger(Int64(entry.value))
        }
    }
}

extension LogRefusal: WireValue {
    private enum Kind: UInt8 {
        case noGroup, noStream, streamExists, failed
    }

    package init(from buffer: inout ByteBuffer) throws {
        let kind = Kind(rawValue: try buffer.readNumber(UInt8.self)) ?? .failed
        let text = try buffer.readText()
        switch kind {
        case .noGroup: self = .noGroup
        case .noStream: self = .noStream
        case .streamExists: self = .streamExists
        case .failed: self = .failed(text)
        }
    }

    package func write(to buffer: inout ByteBuffer) {
        let (kind, text): (Kind, String) =
            switch self {
            case .noGroup: (.noGroup, "")
            case .noStream: (.noStream, "")
            case .streamExists: (.streamExists, "")
            case .failed(let text): (.failed, text)
            }
        buffer.writeInteger(kind.rawValue)
        buffer.writeText(text)
    }
}
