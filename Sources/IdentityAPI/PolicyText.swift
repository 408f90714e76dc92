/// The form in which IAM's responses hold a policy's document.
package enum PolicyText {
    /// The document with everything but the unreserved characters of RFC 3986 percent-encoded.
    package static func urlEncoded(_ document: String) -> String {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(document.utf8.count * 2)
        for byte in document.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.append(byte)
            default:
                let digits = Array("0123456789ABCDEF".utf8)
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// A document's size as IAM counts it for its quotas: without white space.
    package static func size(_ document: String) -> Int {
        document.unicodeScalars.count { !$0.properties.isWhitespace }
    }
}
