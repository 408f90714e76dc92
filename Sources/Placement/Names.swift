/// A text that names something to placement. Each kind of name is a type of its own, so that a zone is not taken for a
/// label.
package protocol PlacementName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible,
    ExpressibleByStringLiteral
{
    var text: String { get }
    init(_ text: String)
}

extension PlacementName {
    package init(stringLiteral text: String) { self.init(text) }

    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// Names a worker, as it has registered.
package struct WorkerID: PlacementName {
    package let text: String
    package init(_ text: String) { self.text = text }
}

/// Names an availability zone: hosts that may fail together.
package struct ZoneName: PlacementName {
    package let text: String
    package init(_ text: String) { self.text = text }
}

/// Something that an operator says of a worker, such as `gpu` or `team=payments`, and that a function may ask for.
package struct WorkerLabel: PlacementName {
    package let text: String
    package init(_ text: String) { self.text = text }
}

/// A runtime by Lambda's name, such as `python3.13`.
package struct RuntimeName: PlacementName {
    package let text: String
    package init(_ text: String) { self.text = text }
}

/// The instructions that code is compiled to.
package enum InstructionSet: String, Hashable, Sendable, Codable, CaseIterable {
    case x86 = "x86_64"
    case arm = "arm64"
}

/// The first 16 bytes of a digest.
///
/// Names of functions are long, and a million of them would take more memory than all else that is known of a fleet. Of
/// a cryptographic digest 128 bits are enough to never meet the same twice.
package struct ShortDigest: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The first 8 bytes.
    package let high: UInt64
    /// The 8 bytes after them.
    package let low: UInt64

    /// A digest of these bits.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The first 16 bytes of a digest in hexadecimal digits; nil for anything else.
    package init?(hexadecimal digits: String) {
        guard let high = UInt64(digits.prefix(16), radix: 16), digits.utf8.count >= 32,
            let low = UInt64(digits.dropFirst(16).prefix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    package var description: String { Self.hexadecimal(high) + Self.hexadecimal(low) }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The hash of a package of code.
package typealias CodeHash = ShortDigest
