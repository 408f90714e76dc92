import Glibc
import LambdaAPI

/// Reads the records of one segment, a piece at a time. Records of a segment are in the order of their times, so that a
/// time is found by bisection.
///
/// Only what was there when the reader was made is read: whoever writes may go on.
struct SegmentReader: Sendable {
    /// A record within a block.
    struct Record {
        let offset: Int
        let timestamp: Timestamp
        let ingestionTime: Timestamp
        fileprivate let isPut: Bool
        fileprivate let body: Range<Int>
    }

    /// Some whole records, and where the file goes on at either side of them.
    struct Block {
        fileprivate let bytes: [UInt8]
        let records: [Record]
        /// The place of the first record, and of the one after the last.
        let range: Range<Int>

        func message(of record: Record) -> [UInt8] {
            bytes.withUnsafeBytes {
                LogRecord.message(of: UnsafeRawBufferPointer(rebasing: $0[record.body]), isPut: record.isPut)
            }
        }
    }

    /// How much is read at once unless a record is longer.
    static let blockBytes = 32 << 10

    let path: String
    /// Where records begin and end in the file.
    let range: Range<Int>

    /// The records from a record's place on; nil at the end.
    func block(from offset: Int) throws(LogStoreError) -> Block? {
        guard offset < range.upperBound else { return nil }
        var size = Self.blockBytes
        while true {
            let end = min(offset + size, range.upperBound)
            let bytes = try File.read(offset..<end, of: path)
            guard bytes.count == end - offset else { return nil }
            // Without the end of the file in sight, the last record may go on.
            let whole = end == range.upperBound ? bytes.count : Self.lastRecordStart(in: bytes)
            if whole > 0 { return Self.block(bytes, from: 0, to: whole, at: offset) }
            size *= 2
        }
    }

    /// The records before a record's place, or before the end; nil at the beginning.
    func block(before offset: Int) throws(LogStoreError) -> Block? {
        guard offset > range.lowerBound else { return nil }
        var size = Self.blockBytes
        while true {
            let start = max(offset - size, range.lowerBound)
            let bytes = try File.read(start..<offset, of: path)
            guard bytes.count == offset - start else { return nil }
            let first = start == range.lowerBound ? 0 : Self.firstRecordStart(in: bytes)
            if let first { return Self.block(bytes, from: first, to: bytes.count, at: start) }
            size *= 2
        }
    }

    /// The place of the first record that is not earlier than a time; the end when there is none.
    func place(of timestamp: Timestamp) throws(LogStoreError) -> Int {
        // All records that begin before `low` are earlier; the one at `high`, if any, is not.
        var low = range.lowerBound
        var high = range.upperBound
        while high - low > Self.blockBytes {
            let middle = low + (high - low) / 2
            guard let record = try record(after: middle, before: high) else {
                // None begins in the upper half, or only far from its start.
                high = middle
                continue
            }
            if record.timestamp < timestamp { low = record.offset + 1 } else { high = middle }
        }
        guard var block = try block(from: recordStart(at: low)) else { return range.upperBound }
        while true {
            if let record = block.records.first(where: { $0.timestamp >= timestamp }) { return record.offset }
            guard let next = try self.block(from: block.range.upperBound) else { return range.upperBound }
            block = next
        }
    }

    /// The first record that begins after a place.
    private func record(after place: Int, before end: Int) throws(LogStoreError) -> Record? {
        var size = Self.blockBytes
        while true {
            let stop = min(place + size, range.upperBound)
            let bytes = try File.read(place..<stop, of: path)
            guard bytes.count == stop - place else { return nil }
            if let start = Self.firstRecordStart(in: bytes), place + start < end {
                return Self.record(in: bytes, start..<bytes.count, at: place)
            }
            guard stop < end else { return nil }
            size *= 2
        }
    }

    /// The place of the record that a byte belongs to, or of the one after it when the byte is not its first.
    private func recordStart(at place: Int) throws(LogStoreError) -> Int {
        guard place > range.lowerBound else { return place }
        return try record(after: place - 1, before: range.upperBound)?.offset ?? range.upperBound
    }

    // MARK: Bytes

    /// Where the first record begins that has a newline before it within the bytes.
    private static func firstRecordStart(in bytes: [UInt8]) -> Int? {
        bytes.withUnsafeBytes { bytes in
            var index = 0
            while let newline = LogRecord.newline(in: bytes, from: index), newline + 1 < bytes.count {
                if bytes[newline + 1] != LogRecord.tab { return newline + 1 }
                index = newline + 1
            }
            return nil
        }
    }

    /// Where the last record begins; 0 when only one does.
    private static func lastRecordStart(in bytes: [UInt8]) -> Int {
        bytes.withUnsafeBytes { bytes in
            var end = bytes.count - 1
            while end > 0 {
                end -= 1
                if bytes[end] == LogRecord.newline, bytes[end + 1] != LogRecord.tab { return end + 1 }
            }
            return 0
        }
    }

    private static func block(_ bytes: [UInt8], from start: Int, to end: Int, at base: Int) -> Block {
        var records: [Record] = []
        var index = start
        while index < end {
            let next = recordEnd(in: bytes, from: index, to: end)
            if let record = record(in: bytes, index..<next, at: base) { records.append(record) }
            index = next
        }
        return Block(bytes: bytes, records: records, range: base + start..<base + end)
    }

    /// The place after the newline that ends the record.
    private static func recordEnd(in bytes: [UInt8], from start: Int, to end: Int) -> Int {
        bytes.withUnsafeBytes { bytes in
            let bytes = UnsafeRawBufferPointer(rebasing: bytes[..<end])
            var index = start
            while let newline = LogRecord.newline(in: bytes, from: index) {
                index = newline + 1
                if index == end || bytes[index] != LogRecord.tab { return index }
            }
            return end
        }
    }

    /// Nil for a line that is no record, which only damage to the file can make.
    private static func record(in bytes: [UInt8], _ range: Range<Int>, at base: Int) -> Record? {
        bytes.withUnsafeBytes { bytes in
            guard let head = LogRecord.Head(UnsafeRawBufferPointer(rebasing: bytes[range])) else { return nil }
            return Record(
                offset: base + range.lowerBound,
                timestamp: head.timestamp,
                ingestionTime: head.putTime ?? head.timestamp,
                isPut: head.putTime != nil,
                body: range.lowerBound + head.length..<range.upperBound
            )
        }
    }
}
