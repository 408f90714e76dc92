/// Reads what a ``WireWriter`` has written, from a peer that may lie: every length is checked against what is there
/// before anything is allocated for it.
struct WireReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(ProtocolViolation) -> Value
    {
        var value = Value.zero
        for (index, byte) in try take(Value.bitWidth / 8).enumerated() {
            value |= Value(truncatingIfNeeded: UInt64(byte) << UInt64(8 * index))
        }
        return value
    }

    mutating func data(max: Int) throws(ProtocolViolation) -> ArraySlice<UInt8> {
        let count = Int(try integer(UInt32.self))
        guard count <= max else { throw ProtocolViolation("a string of \(count) bytes, of which \(max) are allowed") }
        return try take(count)
    }

    /// A text without NUL, which would end it early for the kernel.
    mutating func text(max: Int = GuestLink.bodyBytesMax) throws(ProtocolViolation) -> String {
        let bytes = try data(max: max)
        guard !bytes.contains(0) else { throw ProtocolViolation("a string with NUL") }
        // What is not UTF-8 becomes other text, not an error: file names and variables may be anything.
        return String(decoding: bytes, as: UTF8.self)
    }

    mutating func texts() throws(ProtocolViolation) -> [String] {
        let count = Int(try integer(UInt32.self))
        guard count <= GuestLink.stringsMax else { throw ProtocolViolation("a list of \(count) strings") }
        var list: [String] = []
        for _ in 0..<count { list.append(try text()) }
        return list
    }

    mutating func flag() throws(ProtocolViolation) -> Bool {
        switch try integer(UInt8.self) {
        case 0: return false
        case 1: return true
        case let value: throw ProtocolViolation("a flag of value \(value)")
        }
    }

    /// Nothing may follow what was read: bytes that nobody looks at would be a way to smuggle.
    func finish() throws(ProtocolViolation) {
        guard rest.isEmpty else { throw ProtocolViolation("\(rest.count) bytes after the end of a message") }
    }

    private mutating func take(_ count: Int) throws(ProtocolViolation) -> ArraySlice<UInt8> {
        guard count <= rest.count else {
            throw ProtocolViolation("a message that ends \(count - rest.count) bytes early")
        }
        let taken = rest.prefix(count)
        rest = rest.dropFirst(count)
        return taken
    }
}
