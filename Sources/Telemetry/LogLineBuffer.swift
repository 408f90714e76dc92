import Glibc
import LambdaAPI
import LogStore

/// Turns a byte stream into records of a log, one for each line, each with the time at which it began.
///
/// Bytes are kept as they are, whether or not they are text. A line that is longer than an event may be becomes several.
/// Only whole lines are given away, so nobody ever sees half of one.
struct LogLineBuffer {
    /// Records of whole lines, then the one that is open.
    private var pending: [UInt8] = []
    private var wholeCount = 0
    private var times: ClosedRange<Timestamp>?
    /// The line that is open: when it began, and how long it is so far.
    private var openLine: (time: Timestamp, count: Int)?
    private var lastTime = Timestamp(milliseconds: 0)

    /// How many bytes of whole lines wait to be taken.
    var pendingCount: Int { wholeCount }

    /// Adds printed bytes, which may end anywhere.
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>, at time: Timestamp) {
        var rest = UnsafeRawBufferPointer(bytes)
        while let start = rest.baseAddress, !rest.isEmpty {
            beginLine(at: time)
            let newline = memchr(start, CInt(UInt8(ascii: "\n")), rest.count).map {
                start.distance(to: UnsafeRawPointer($0))
            }
            let room = LogRecord.messageBytesMax - 1 - (openLine?.count ?? 0)
            let count = min(newline ?? rest.count, room)
            pending.append(contentsOf: rest[..<count])
            openLine?.count += count
            if count == newline {
                endLine()
                rest = UnsafeRawBufferPointer(rebasing: rest[(count + 1)...])
            } else {
                if count == room { splitLine() }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }

    /// Adds one whole line, on a line of its own.
    mutating func append(line: UnsafeBufferPointer<UInt8>, at time: Timestamp) {
        endLine()
        append(line, at: time)
        if line.isEmpty { beginLine(at: time) }
        endLine()
    }

    /// Ends the line that printed bytes have left open, if any.
    mutating func endLine() {
        guard let line = openLine else { return }
        pending.append(UInt8(ascii: "\n"))
        wholeCount = pending.count
        times = (times?.lowerBound ?? line.time)...line.time
        openLine = nil
    }

    /// Returns the records of whole lines and forgets them.
    mutating func takePending() -> RecordBatch {
        guard let times else { return RecordBatch() }
        let batch: RecordBatch
        if wholeCount == pending.count {
            batch = RecordBatch(bytes: pending, times: times, ingestionTime: lastTime)
            pending = []
        } else {
            batch = RecordBatch(bytes: Array(pending[..<wholeCount]), times: times, ingestionTime: lastTime)
            pending = Array(pending[wholeCount...])
        }
        wholeCount = 0
        self.times = nil
        return batch
    }

    private mutating func beginLine(at time: Timestamp) {
        guard openLine == nil else { return }
        // A clock that is set back must not put lines before earlier ones.
        lastTime = max(lastTime, time)
        LogRecord.beginLine(at: lastTime, in: &pending)
        openLine = (lastTime, 0)
    }

    /// Ends a line that is as long as an event may be, in front of a character that is not whole yet.
    private mutating func splitLine() {
        guard let line = openLine else { return }
        var cut = pending.endIndex
        while cut > pending.endIndex - 4, pending[cut - 1] & 0xC0 == 0x80 { cut -= 1 }
        let isCharacterCut = cut > pending.endIndex - 4 && pending[cut - 1] >= 0xC0
        guard isCharacterCut, cut - 1 > wholeCount else { return endLine() }
        let lead = pending[cut - 1]
        let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
        let present = pending.endIndex - (cut - 1)
        guard present < length else { return endLine() }
        let rest = Array(pending[(cut - 1)...])
        pending.removeLast(present)
        endLine()
        beginLine(at: line.time)
        pending.append(contentsOf: rest)
        openLine?.count = rest.count
    }
}

/// The last 4 KB of an invoke's log, for the `X-Amz-Log-Result` header.
struct LogTail {
    static let bytesMax = Limits.logTailMax.bytes

    private(set) var bytes: [UInt8] = []

    mutating func append(_ more: UnsafeBufferPointer<UInt8>) {
        if more.count >= Self.bytesMax {
            bytes = Array(more.suffix(Self.bytesMax))
            return
        }
        bytes.append(contentsOf: more)
        if bytes.count > Self.bytesMax {
            bytes.removeFirst(bytes.count - Self.bytesMax)
        }
    }

    mutating func append(line: UnsafeBufferPointer<UInt8>) {
        if let last = bytes.last, last != UInt8(ascii: "\n") {
            bytes.append(UInt8(ascii: "\n"))
        }
        append(line)
        bytes.append(UInt8(ascii: "\n"))
        if bytes.count > Self.bytesMax {
            bytes.removeFirst(bytes.count - Self.bytesMax)
        }
    }
}
