extension RequestID {
    /// Reads an identifier that a caller chose, in `x-amzn-RequestId`: a UUID of 36 characters in either case.
    ///
    /// Nil when it is anything else; an invoke then ends in `InvalidRequestContentException`.
    package init?(parsing text: String) {
        let bytes = text.utf8
        guard bytes.count == 36 else { return nil }
        for (offset, byte) in bytes.enumerated() {
            switch offset {
            case 8, 13, 18, 23:
                guard byte == UInt8(ascii: "-") else { return nil }
            default:
                guard Self.isHexadecimal(byte) else { return nil }
            }
        }
        self.init(text.lowercased())
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
