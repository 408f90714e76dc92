package import LambdaAPI

/// Where an event stands among all of a group: by time, then by stream, then by the host that has it, then by arrival.
///
/// Positions stay as they are while streams grow, so a page can end at one and the next page begin after it.
package struct EventPosition: Hashable, Sendable, Comparable {
    /// The event's own time.
    package let timestamp: Timestamp
    /// The stream's name.
    package let stream: String
    /// Which host's store has it, where there are several; a store itself knows of none but 0.
    package let host: UInt64
    /// The segment of the stream.
    package let segment: Int
    /// Where in the segment's file, in bytes.
    package let offset: Int

    package init(timestamp: Timestamp, stream: String, host: UInt64 = 0, segment: Int, offset: Int) {
        self.timestamp = timestamp
        self.stream = stream
        self.host = host
        self.segment = segment
        self.offset = offset
    }

    package static func < (left: EventPosition, right: EventPosition) -> Bool {
        if left.timestamp != right.timestamp { return left.timestamp < right.timestamp }
        if left.stream != right.stream { return left.stream < right.stream }
        return (left.host, left.segment, left.offset) < (right.host, right.segment, right.offset)
    }
}

extension EventPosition {
    /// The position of this host's store as others call it.
    package func on(host: UInt64) -> EventPosition {
        EventPosition(timestamp: timestamp, stream: stream, host: host, segment: segment, offset: offset)
    }

    /// The same place in the order as a host's own store calls it: where events of its own that are before this position are
    /// before it there, too.
    package func seen(from host: UInt64) -> EventPosition {
        if host == self.host { return on(host: 0) }
        // Of another host: all that it has of that time and stream stands before this, or all behind.
        let (segment, offset) = host < self.host ? (Int.max, Int.max) : (-1, -1)
        return EventPosition(timestamp: timestamp, stream: stream, segment: segment, offset: offset)
    }
}

/// An event of a log as it is read.
package struct StoredEvent: Hashable, Sendable {
    package let position: EventPosition
    /// When it reached the store.
    package let ingestionTime: Timestamp
    /// Its bytes, whether or not they are text.
    package let message: [UInt8]

    package init(position: EventPosition, ingestionTime: Timestamp, message: [UInt8]) {
        self.position = position
        self.ingestionTime = ingestionTime
        self.message = message
    }

    package var timestamp: Timestamp { position.timestamp }

    /// The message as text; what is not UTF-8 is replaced.
    package var text: String { String(decoding: message, as: UTF8.self) }
}

/// An event that is to be stored.
package struct NewLogEvent: Sendable, Hashable {
    package let timestamp: Timestamp
    package let message: String

    package init(timestamp: Timestamp, message: String) {
        self.timestamp = timestamp
        self.message = message
    }
}

/// Encoded records that are written together, their times never going back.
package struct RecordBatch: Sendable {
    /// Whole records; see ``LogRecord``.
    package private(set) var bytes: [UInt8] = []
    /// The times of the first and the last event.
    package private(set) var times: ClosedRange<Timestamp>?
    /// When the last one reached the store.
    package private(set) var ingestionTime = Timestamp(milliseconds: 0)

    /// No records.
    package init() {}

    /// Wraps records that have been encoded already.
    package init(bytes: [UInt8], times: ClosedRange<Timestamp>, ingestionTime: Timestamp) {
        self.bytes = bytes
        self.times = times
        self.ingestionTime = ingestionTime
    }

    /// Encodes events that came together. They must be in the order of their times.
    package init(_ events: some Sequence<NewLogEvent>, ingestedAt ingestionTime: Timestamp) {
        self.ingestionTime = ingestionTime
        for event in events {
            precondition(times.map { $0.upperBound <= event.timestamp } ?? true, "events out of order")
            LogRecord.append(event, ingestedAt: ingestionTime, to: &bytes)
            times = (times?.lowerBound ?? event.timestamp)...event.timestamp
        }
    }
}
