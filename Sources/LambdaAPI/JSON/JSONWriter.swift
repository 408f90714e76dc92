/// Writes compact JSON straight into bytes, members in the order in which they are given.
package struct JSONWriter: Sendable {
    /// What has been written.
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// A writer that has written nothing.
    package init() {}

    /// The JSON of one value.
    package static func bytes(of value: some JSONEncodable) -> [UInt8] {
        var writer = JSONWriter()
        value.encode(to: &writer)
        return writer.bytes
    }

    /// The JSON of one object whose members the closure adds.
    package static func document(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object(members)
        return writer.bytes
    }

    /// Writes an object whose members the closure adds.
    package mutating func object(_ members: (inout JSONWriter) -> Void) {
        group("{", "}", members)
    }

    /// Writes an array whose elements the closure adds.
    package mutating func array(_ elements: (inout JSONWriter) -> Void) {
        group("[", "]", elements)
    }

    /// Writes a member, or nothing when there is no value: absent members are left out, never null.
    package mutating func member(_ name: String, _ value: (some JSONEncodable)?) {
        guard let value else { return }
        begin(name)
        value.encode(to: &self)
    }

    /// Writes a member that is an object whose members the closure adds.
    package mutating func member(_ name: String, object members: (inout JSONWriter) -> Void) {
        begin(name)
        object(members)
    }

    /// Writes a member that is null.
    package mutating func nullMember(_ name: String) {
        separate()
        appendQuoted(name)
        bytes.append(contentsOf: ":null".utf8)
        needsComma = true
    }

    /// Writes a string.
    package mutating func string(_ string: String) {
        separate()
        appendQuoted(string)
        needsComma = true
    }

    /// Writes text that is JSON already, such as a number.
    package mutating func verbatim(_ json: String) {
        separate()
        bytes.append(contentsOf: json.utf8)
        needsComma = true
    }

    private mutating func begin(_ name: String) {
        separate()
        appendQuoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    private mutating func group(_ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: open))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: close))
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func appendQuoted(_ string: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                bytes.append(contentsOf: (byte < 0x10 ? "\\u000" : "\\u00").utf8)
                bytes.append(contentsOf: digits.utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
