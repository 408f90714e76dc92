/// The UUID that names one request to the API; for an invoke it is also the function's `awsRequestId`.
package struct RequestID: Hashable, Sendable, CustomStringConvertible {
    /// Lower-case canonical text, 36 characters.
    package let rawValue: String

    /// Wraps text that is a canonical UUID already.
    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    /// A new random (version 4) identifier, RFC 9562 section 5.4.
    package static func random() -> RequestID {
        var generator = PooledRandomNumberGenerator()
        return random(using: &generator)
    }

    /// A new version 4 identifier from the given source of randomness.
    package static func random(using generator: inout some RandomNumberGenerator) -> RequestID {
        let high = (generator.next() as UInt64) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = (generator.next() as UInt64) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let text = String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for index in 0..<16 {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = index < 8 ? high : low
                let byte = UInt8(truncatingIfNeeded: word >> UInt64((7 - index & 7) * 8))
                buffer[position] = Self.hexadecimalDigit(byte >> 4)
                buffer[position + 1] = Self.hexadecimalDigit(byte & 0xF)
                position += 2
            }
            return position
        }
        return RequestID(text)
    }

    package var description: String { rawValue }

    private static func hexadecimalDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}
