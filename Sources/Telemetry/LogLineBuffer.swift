import LambdaAPI

/// Turns a byte stream into lines of a log file, each with the time at which it began.
///
/// A line of the file is `2026-11-23T21:02:03.123Z`, a tab, and the line as it was printed. Bytes are kept as they
/// are, whether or not they are text.
struct LogLineBuffer {
    private var pending: [UInt8] = []
    private var isInsideLine = false

    /// How many bytes wait to be taken.
    var pendingCount: Int { pending.count }

    /// Adds printed bytes, which may end anywhere.
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>, at time: Timestamp) {
        var rest = bytes[...]
        while !rest.isEmpty {
            beginLine(at: time)
            guard let newline = rest.firstIndex(of: UInt8(ascii: "\n")) else {
                pending.append(contentsOf: rest)
                return
            }
            pending.append(contentsOf: rest[...newline])
            isInsideLine = false
            rest = rest[(newline + 1)...]
        }
    }

    /// Adds one whole line, on a line of its own.
    mutating func append(line: UnsafeBufferPointer<UInt8>, at time: Timestamp) {
        endLine()
        beginLine(at: time)
        pending.append(contentsOf: line)
        endLine()
    }

    /// Ends the line that printed bytes have left open, if any.
    mutating func endLine() {
        guard isInsideLine else { return }
        pending.append(UInt8(ascii: "\n"))
        isInsideLine = false
    }

    /// Returns what has gathered and forgets it.
    mutating func takePending() -> [UInt8] {
        defer { pending.removeAll(keepingCapacity: false) }
        return pending
    }

    private mutating func beginLine(at time: Timestamp) {
        guard !isInsideLine else { return }
        time.append(to: &pending)
        pending.append(UInt8(ascii: "\t"))
        isInsideLine = true
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
