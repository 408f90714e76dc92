/// An address of IPv4 or IPv6, or a range of them such as `203.0.113.0/24`.
struct IPRange: Hashable, Sendable {
    /// Four bytes or sixteen.
    private let bytes: [UInt8]
    private let prefixLength: Int

    /// Reads an address, with the length of a prefix or without; nil when it is neither.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let bytes = Self.version4(parts[0]) ?? Self.version6(parts[0]) else { return nil }
        var length = bytes.count * 8
        if parts.count == 2 {
            guard let given = Self.decimal(parts[1]), given <= length else { return nil }
            length = given
        }
        // Listeners of IPv6 have addresses of IPv4 in the form `::ffff:203.0.113.1`; they are what they were.
        let isMapped =
            bytes.count == 16 && bytes.starts(with: Self.mappedPrefix) && length >= Self.mappedPrefix.count * 8
        self.bytes = isMapped ? Array(bytes.dropFirst(Self.mappedPrefix.count)) : bytes
        prefixLength = isMapped ? length - Self.mappedPrefix.count * 8 : length
    }

    /// `::ffff:0:0/96`. Source: RFC 4291 section 2.5.5.2.
    private static let mappedPrefix = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

    /// Whether all of the other range is in this one. Addresses of one version are in no range of the other's.
    func contains(_ other: IPRange) -> Bool {
        guard bytes.count == other.bytes.count, prefixLength <= other.prefixLength else { return false }
        let whole = prefixLength / 8
        guard bytes.prefix(whole) == other.bytes.prefix(whole) else { return false }
        let rest = prefixLength % 8
        return rest == 0 || (bytes[whole] ^ other.bytes[whole]) >> (8 - rest) == 0
    }

    private static func decimal(_ text: Substring) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    private static func version4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let bytes = parts.compactMap { decimal($0).flatMap { UInt8(exactly: $0) } }
        return bytes.count == 4 ? bytes : nil
    }

    private static func version6(_ text: Substring) -> [UInt8]? {
        guard let gap = text.firstRange(of: "::") else {
            guard let bytes = groups(text), bytes.count == 16 else { return nil }
            return bytes
        }
        guard let head = groups(text[..<gap.lowerBound]), let tail = groups(text[gap.upperBound...]),
            head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    /// Reads `2001:db8` or `ffff:1.2.3.4`; none in an empty text.
    private static func groups(_ text: Substring) -> [UInt8]? {
        if text.isEmpty { return [] }
        var bytes: [UInt8] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, let last = version4(part) { return bytes + last }
            guard (1...4).contains(part.utf8.count), part.utf8.first != UInt8(ascii: "+"),
                part.utf8.first != UInt8(ascii: "-"), let group = UInt16(part, radix: 16)
            else { return nil }
            bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
        }
        return bytes
    }
}
