import Glibc
package import LambdaAPI

/// How an event stands in a file: one line of text per line of the event.
///
///     2026-11-23T21:02:03.123Z⇥a line that a function printed; its newline belongs to the event
///     2026-11-23T21:02:03.124Z 2026-11-23T21:02:04.001Z⇥an event that was put, with the time at which it came
///     ⇥its second line
///
/// A line that begins with a tab goes on with the event of the line before, so every event has an end that can be seen,
/// whatever bytes are in it.
package enum LogRecord {
    /// The largest message, in bytes: CloudWatch's 1 MB for an event with 26 bytes of its own.
    package static let messageBytesMax = (1 << 20) - 26

    static let tab = UInt8(ascii: "\t")
    static let newline = UInt8(ascii: "\n")

    /// The largest record in a file, in bytes: every byte of the message may be a newline, and then takes two.
    static let lengthMax = 2 * messageBytesMax + 2 * Timestamp.zuluLength + 3

    /// Begins the record of a printed line, to which the line without newlines and then a newline are added.
    package static func beginLine(at time: Timestamp, in bytes: inout [UInt8]) {
        time.append(to: &bytes)
        bytes.append(tab)
    }

    static func append(_ event: NewLogEvent, ingestedAt ingestionTime: Timestamp, to bytes: inout [UInt8]) {
        event.timestamp.append(to: &bytes)
        bytes.append(UInt8(ascii: " "))
        ingestionTime.append(to: &bytes)
        bytes.append(tab)
        var message = event.message
        message.withUTF8 { message in
            let message = UnsafeRawBufferPointer(message)
            var index = 0
            while let newline = newline(in: message, from: index) {
                bytes.append(contentsOf: message[index...newline])
                bytes.append(tab)
                index = newline + 1
            }
            bytes.append(contentsOf: message[index...])
        }
        bytes.append(newline)
    }

    /// The place of the next newline.
    static func newline(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress, start < bytes.count else { return nil }
        return memchr(base + start, CInt(newline), bytes.count - start).map { base.distance(to: UnsafeRawPointer($0)) }
    }

    /// The front of a record: its times and where its message begins.
    struct Head {
        let timestamp: Timestamp
        /// Nil for a printed line, which came when it was printed.
        let putTime: Timestamp?
        let length: Int

        /// Nil when the bytes begin with none.
        init?(_ bytes: UnsafeRawBufferPointer) {
            let timeLength = Timestamp.zuluLength
            guard bytes.count > timeLength,
                let timestamp = Timestamp(zulu: UnsafeRawBufferPointer(rebasing: bytes[..<timeLength]))
            else { return nil }
            self.timestamp = timestamp
            if bytes[timeLength] == LogRecord.tab {
                putTime = nil
                length = timeLength + 1
                return
            }
            let second = timeLength + 1..<2 * timeLength + 1
            guard bytes[timeLength] == UInt8(ascii: " "), bytes.count > second.upperBound,
                bytes[second.upperBound] == LogRecord.tab,
                let putTime = Timestamp(zulu: UnsafeRawBufferPointer(rebasing: bytes[second]))
            else { return nil }
            self.putTime = putTime
            length = second.upperBound + 1
        }
    }

    /// The message of a record; `body` is what follows its head, up to and with its last newline.
    static func message(of body: UnsafeRawBufferPointer, isPut: Bool) -> [UInt8] {
        guard isPut else { return Array(body) }
        var message: [UInt8] = []
        message.reserveCapacity(body.count)
        let lines = UnsafeRawBufferPointer(rebasing: body.dropLast())
        var index = 0
        while let newline = newline(in: lines, from: index) {
            message.append(contentsOf: lines[index...newline])
            // After it is the tab that is not the message's.
            index = min(newline + 2, lines.count)
        }
        message.append(contentsOf: lines[index...])
        return message
    }
}
