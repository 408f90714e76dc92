/// The number of a stream of bytes between host and guest. Those that the host opens are even, those of the guest odd;
/// each end counts up and uses none twice, so what comes late for a stream that has ended can be told from a lie.
package struct StreamNumber: Hashable, Sendable, Comparable, Codable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static func < (left: StreamNumber, right: StreamNumber) -> Bool { left.rawValue < right.rawValue }

    /// Which end opened the stream.
    package var opener: LinkEnd { rawValue.isMultiple(of: 2) ? .host : .guest }

    init(from reader: inout WireReader) throws(ProtocolViolation) {
        rawValue = try reader.integer()
        guard rawValue != 0 else { throw ProtocolViolation("a stream of number 0") }
    }
}

/// One of the two ends of a link.
package enum LinkEnd: String, Sendable, CaseIterable, Codable {
    case host
    case guest

    package var peer: LinkEnd { self == .host ? .guest : .host }
}
