/// The serial number of a certificate, in hexadecimal digits.
package struct CertificateSerial: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Lower case, without leading zeros.
    package let text: String

    /// Reads what tools print: upper or lower case, with or without colons. Throws
    /// ``HostIdentityError/Code/invalidName`` for anything else.
    package init(_ text: String) throws(HostIdentityError) {
        let digits = text.filter { $0 != ":" }.lowercased()
        // No certificate has more than 20 bytes (RFC 5280, section 4.1.2.2).
        guard !digits.isEmpty, digits.utf8.count <= 42, digits.allSatisfy({ $0.isHexDigit && $0.isASCII }) else {
            throw HostIdentityError(.invalidName, "a serial number is up to 20 bytes in hexadecimal digits: '\(text)'")
        }
        self.text = Self.trimmed(digits)
    }

    init(bytes: some Collection<UInt8>) {
        let digits = Array("0123456789abcdef")
        text = Self.trimmed(String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }))
    }

    package init(from decoder: any Decoder) throws {
        try self.init(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    package var description: String { text }

    private static func trimmed(_ digits: String) -> String {
        let rest = digits.drop { $0 == "0" }
        return rest.isEmpty ? "0" : String(rest)
    }
}
