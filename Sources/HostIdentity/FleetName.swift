/// The name of a fleet: the hosts that trust one authority.
package struct FleetName: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// Throws ``HostIdentityError/Code/invalidName`` if the text is not 1 to 63 lower-case letters, digits, dots and
    /// hyphens, of which the first is a letter or a digit.
    package init(_ text: String) throws(HostIdentityError) {
        guard Self.isGood(text) else {
            throw HostIdentityError(.invalidName, "\(Self.rule(for: "the name of a fleet")): '\(text)'")
        }
        self.text = text
    }

    package var description: String { text }

    /// What the authority's own certificate is named by, as the identifiers of SPIFFE are.
    var uri: String { "\(HostIdentity.scheme)\(text)" }

    /// Whether a text can be the name of a fleet or of a host in it.
    static func isGood(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...63).contains(bytes.count) else { return false }
        let isAlphanumeric = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return isAlphanumeric(bytes[0])
            && bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }

    static func rule(for subject: String) -> String {
        "\(subject) is 1 to 63 of a-z, 0-9, '.' and '-', and starts with a letter or a digit"
    }
}
