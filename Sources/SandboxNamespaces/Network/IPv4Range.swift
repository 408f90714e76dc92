import Glibc

/// IPv4 addresses that begin with the same bits, or a single one: `10.0.0.0/8`, `192.0.2.1`.
package struct IPv4Range: Hashable, Sendable, CustomStringConvertible {
    /// The first address, most significant byte first.
    package let first: UInt32
    /// How many bits all of them share, 0 to 32.
    package let prefix: Int

    /// The single address.
    package init(_ address: UInt32) {
        first = address
        prefix = 32
    }

    /// Reads an address, or an address with the number of bits that count. Bits beyond those must be 0, as a range that
    /// is not what it looks like is most likely a mistake.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let prefix = parts.count == 1 ? 32 : Int(parts[1]), (0...32).contains(prefix) else { return nil }
        var address = in_addr()
        guard inet_pton(AF_INET, String(parts[0]), &address) == 1 else { return nil }
        first = UInt32(bigEndian: address.s_addr)
        self.prefix = prefix
        guard prefix == 32 || first << prefix == 0 else { return nil }
    }

    package var description: String {
        let address = [24, 16, 8, 0].map { String(first >> $0 & 0xff) }.joined(separator: ".")
        return prefix == 32 ? address : "\(address)/\(prefix)"
    }

    func contains(_ other: IPv4Range) -> Bool {
        other.prefix >= prefix && (prefix == 0 || (first ^ other.first) >> (32 - prefix) == 0)
    }

    /// The host that asks for it.
    static let loopback = IPv4Range("127.0.0.0/8")!
}
