/// The parameters of a query as an event has them: decoded, and the values of one name joined by commas.
struct QueryParameters {
    /// In the order in which the names first occur.
    private(set) var pairs: [(name: String, value: String)] = []

    /// Reads a query. Nothing is refused: an escape that is none stays as it is, and what is not UTF-8 becomes U+FFFD.
    init(rawQuery: String) {
        var values: [[UInt8]: Int] = [:]
        for part in rawQuery.utf8.split(separator: UInt8(ascii: "&")) {
            let nameEnd = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            let name = Self.decoded(part[..<nameEnd])
            let value = Self.decoded(part[nameEnd...].dropFirst())
            // Swift compares strings by what they mean, and two spellings of `é` are two names; hence the bytes.
            let key = Array(name.utf8)
            if let index = values[key] {
                pairs[index].value += "," + value
            } else {
                values[key] = pairs.count
                pairs.append((name, value))
            }
        }
    }

    private static func decoded(_ text: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"): bytes.append(escaped(&rest) ?? byte)
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The byte of an escape whose percent sign has been read; nil, and nothing taken, if there are no two digits.
    private static func escaped(_ rest: inout Substring.UTF8View) -> UInt8? {
        let digits = rest.prefix(2).compactMap { Unicode.Scalar($0).properties.isASCIIHexDigit ? $0 : nil }
        guard digits.count == 2, let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
            return nil
        }
        rest = rest.dropFirst(2)
        return byte
    }
}
