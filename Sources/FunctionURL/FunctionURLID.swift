/// The name of one function URL: the first label of its domain name.
package struct FunctionURLID: Hashable, Sendable, CustomStringConvertible {
    /// Lower case.
    package let rawValue: String

    /// Wraps an identifier that has been given out already.
    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    /// A new identifier from the given source of randomness: 32 of `[a-z0-9]`, as AWS's are.
    package static func random(using generator: inout some RandomNumberGenerator) -> FunctionURLID {
        let alphabet = StaticString("abcdefghijklmnopqrstuvwxyz0123456789")
        let text = String(unsafeUninitializedCapacity: length) { buffer in
            for index in 0..<length {
                let position = Int.random(in: 0..<alphabet.utf8CodeUnitCount, using: &generator)
                buffer.initializeElement(at: index, to: alphabet.utf8Start[position])
            }
            return length
        }
        return FunctionURLID(text)
    }

    package var description: String { rawValue }

    /// How long the identifiers are that are given out.
    package static let length = 32

    /// How long a label of a domain name may be. Source: RFC 1035 section 2.3.4.
    private static let labelLengthMax = 63

    /// Reads a label of a domain name in upper or lower case; nil when it cannot be one. A label that no URL has is read
    /// too: the answer to it is that of AWS to an unknown URL, and not that of the API.
    init?(label: Substring.UTF8View) {
        guard !label.isEmpty, label.count <= Self.labelLengthMax, label.allSatisfy(Self.isLabelByte) else { return nil }
        rawValue = String(decoding: label.lazy.map(asciiLowercased), as: UTF8.self)
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// The byte in lower case if it is an ASCII letter, else the byte.
func asciiLowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}
