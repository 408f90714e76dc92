import Glibc
import LambdaAPI

/// One file of a stream: a first line that says whose it is, then records whose times never go back.
struct Segment: Sendable {
    let id: Int
    let path: String
    /// Where records begin, after the first line.
    let recordsStart: Int
    /// Where records end. What the file may have beyond was not acknowledged to anyone.
    var end: Int
    /// The times of the first and the last record; nil without records.
    var times: ClosedRange<Timestamp>?

    /// What it takes on the disk, roughly: file systems give out whole blocks.
    var allocatedBytes: Int { Self.allocated(end) }

    static func allocated(_ bytes: Int) -> Int { (bytes + 4095) & ~4095 }

    var reader: SegmentReader { SegmentReader(path: path, range: recordsStart..<end) }
}

/// The first line of a segment, as JSON.
struct SegmentHeader: JSONCodable {
    let stream: String
    let creationTime: Timestamp

    /// The longest header, in bytes: a name of 512 characters, each escaped in JSON.
    static let lengthMax = 8 << 10

    init(stream: String, creationTime: Timestamp) {
        self.stream = stream
        self.creationTime = creationTime
    }

    init(json: JSONValue) throws(JSONShapeError) {
        let object = try JSONObject(json: json)
        stream = try object.required("logStreamName")
        creationTime = Timestamp(milliseconds: try object.required("creationTime"))
    }

    func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("logStreamName", stream)
            writer.member("creationTime", creationTime.milliseconds)
        }
    }

    var line: [UInt8] { JSONWriter.bytes(of: self) + [LogRecord.newline] }
}

/// A segment as it was found on the disk, put in order where a crash has left half a record.
struct RecoveredSegment {
    let header: SegmentHeader
    let segment: Segment
    let lastIngestionTime: Timestamp?

    /// Nil when not even the first line is whole: nothing was ever acknowledged in such a file.
    init?(path: String, id: Int) throws(LogStoreError) {
        let size = try File.size(of: path)
        let front = try File.read(0..<min(size, SegmentHeader.lengthMax + LogRecord.messageBytesMax / 64), of: path)
        guard let newline = front.firstIndex(of: LogRecord.newline),
            let json = try? JSONParser.parse(Array(front[..<newline])),
            let header = try? SegmentHeader(json: json)
        else { return nil }
        self.header = header

        let start = newline + 1
        let end = try Self.repair(path, recordsStart: start, size: size)
        var segment = Segment(id: id, path: path, recordsStart: start, end: end, times: nil)
        let reader = segment.reader
        if let first = try reader.block(from: start)?.records.first,
            let last = try reader.block(before: end)?.records.last
        {
            segment.times = first.timestamp...max(first.timestamp, last.timestamp)
            lastIngestionTime = last.ingestionTime
        } else {
            lastIngestionTime = nil
        }
        self.segment = segment
    }

    /// Ends the record that a crash has cut, so that it is shown with what there is of it, and once; takes away one of
    /// which not even the time is whole. Returns the size of the file after that.
    private static func repair(_ path: String, recordsStart: Int, size: Int) throws(LogStoreError) -> Int {
        guard size > recordsStart else { return size }
        let tailStart = max(recordsStart, size - LogRecord.lengthMax)
        let tail = try File.read(tailStart..<size, of: path)
        guard tail.last != LogRecord.newline else { return size }
        let lineStart = tail.lastIndex(of: LogRecord.newline).map { $0 + 1 } ?? 0
        let line = tail[lineStart...]
        let isContinuation = line.first == LogRecord.tab && lineStart > 0
        guard isContinuation || line.withUnsafeBytes({ LogRecord.Head($0) }) != nil else {
            let end = tailStart + lineStart
            try File.truncate(path, to: end)
            return end
        }
        let file = try File.open(path, O_WRONLY | O_APPEND)
        defer { close(file) }
        try File.append([LogRecord.newline], to: file, path)
        return size + 1
    }
}
