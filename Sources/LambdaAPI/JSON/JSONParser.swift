/// Where and why a text is not JSON.
package struct JSONSyntaxError: Error, CustomStringConvertible {
    /// What is wrong, lower case, without any of the text itself.
    package let reason: String
    /// Offset from the start of the text, in bytes.
    package let offset: Int

    package var description: String { "\(reason) at byte \(offset)" }
}

/// A strict parser of RFC 8259 JSON in UTF-8.
///
/// It runs over bytes that a stranger sent: nesting is bounded, nothing is trusted, and time is linear in the input.
package struct JSONParser {
    /// How deep arrays and objects may nest. Lambda's shapes nest less than ten deep; the bound keeps the stack small.
    package static let depthMax = 256

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Parses a whole text, which may have white space around its one value.
    package static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
        var parser = JSONParser(bytes)
        parser.skipWhitespace()
        let value = try parser.value()
        parser.skipWhitespace()
        guard parser.position == bytes.count else { throw parser.failure("text after the end of the value") }
        return value
    }

    private func failure(_ reason: String) -> JSONSyntaxError {
        JSONSyntaxError(reason: reason, offset: position)
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipWhitespace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func value() throws(JSONSyntaxError) -> JSONValue {
        guard let byte = next else { throw failure("unexpected end of the text") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "\""): return .string(try text())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw failure("unexpected character")
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
        let end = position + word.utf8CodeUnitCount
        let matches = word.withUTF8Buffer { end <= bytes.count && bytes[position..<end].elementsEqual($0) }
        guard matches else { throw failure("unexpected character") }
        position = end
        return value
    }

    private mutating func enter() throws(JSONSyntaxError) {
        guard depth < Self.depthMax else { throw failure("nesting deeper than \(Self.depthMax)") }
        depth += 1
        position += 1
        skipWhitespace()
    }

    private mutating func array() throws(JSONSyntaxError) -> [JSONValue] {
        try enter()
        defer { depth -= 1 }
        var elements: [JSONValue] = []
        if skip(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value())
            skipWhitespace()
            if skip(UInt8(ascii: "]")) { return elements }
            guard skip(UInt8(ascii: ",")) else { throw failure("expected a comma or the end of the array") }
            skipWhitespace()
        }
    }

    private mutating func object() throws(JSONSyntaxError) -> JSONObject {
        try enter()
        defer { depth -= 1 }
        var object = JSONObject()
        if skip(UInt8(ascii: "}")) { return object }
        while true {
            guard next == UInt8(ascii: "\"") else { throw failure("expected the name of a member") }
            let name = try text().string
            skipWhitespace()
            guard skip(UInt8(ascii: ":")) else { throw failure("expected a colon") }
            skipWhitespace()
            object.append(name, try value())
            skipWhitespace()
            if skip(UInt8(ascii: "}")) { return object }
            guard skip(UInt8(ascii: ",")) else { throw failure("expected a comma or the end of the object") }
            skipWhitespace()
        }
    }

    private mutating func number() throws(JSONSyntaxError) -> JSONValue {
        let start = position
        _ = skip(UInt8(ascii: "-"))
        if !skip(UInt8(ascii: "0")) { try digits() }
        var isInteger = true
        if skip(UInt8(ascii: ".")) {
            isInteger = false
            try digits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let integer = Int(text) { return .integer(integer) }
        guard let double = Double(text), double.isFinite else { throw failure("number out of range") }
        return .double(double)
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = position
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            position += 1
        }
        guard position > start else { throw failure("expected a digit") }
    }
}

// MARK: - Strings

extension JSONParser {
    /// Reads a string. Plain ASCII, as every base64 blob is, becomes a slice of the input; anything else is copied.
    private mutating func text() throws(JSONSyntaxError) -> JSONText {
        position += 1
        let start = position
        skipPlainText()
        if skip(UInt8(ascii: "\"")) { return JSONText(validated: bytes[start..<position - 1]) }

        var unescaped = Array(bytes[start..<position])
        while true {
            guard let byte = next else { throw failure("unexpected end of a string") }
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let string = String(validating: unescaped, as: UTF8.self) else {
                    throw failure("string that is not UTF-8")
                }
                return JSONText(string)
            case UInt8(ascii: "\\"):
                position += 1
                try appendEscape(to: &unescaped)
            case 0..<0x20:
                throw failure("control character in a string")
            default:
                let run = position
                position += 1
                skipPlainText()
                unescaped.append(contentsOf: bytes[run..<position])
            }
        }
    }

    /// Moves to the next byte that is a quote, a backslash, a control character or not ASCII, eight bytes at a time.
    private mutating func skipPlainText() {
        position = bytes.withUnsafeBytes { [position] raw in
            let ones: UInt64 = 0x0101_0101_0101_0101
            let highs: UInt64 = 0x8080_8080_8080_8080
            var offset = position
            while offset + 8 <= raw.count {
                let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let quote = word ^ (ones &* 0x22)
                let backslash = word ^ (ones &* 0x5C)
                // A lane's high bit is set where the lane is below the subtrahend. A borrow can also mark a lane above
                // one that is truly special, never alone, so the search below still ends at the right byte.
                let below = (word &- (ones &* 0x20)) | (quote &- ones) | (backslash &- ones) | word
                if below & highs != 0 { break }
                offset += 8
            }
            while offset < raw.count {
                let byte = raw[offset]
                if byte < 0x20 || byte == 0x22 || byte == 0x5C || byte >= 0x80 { break }
                offset += 1
            }
            return offset
        }
    }

    private mutating func appendEscape(to text: inout [UInt8]) throws(JSONSyntaxError) {
        guard let byte = next else { throw failure("unexpected end of a string") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(Character(try escapedScalar())).utf8)
        default: throw failure("unknown escape in a string")
        }
    }

    private mutating func escapedScalar() throws(JSONSyntaxError) -> Unicode.Scalar {
        let first = try hexadecimalUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard UTF16.isLeadSurrogate(first), skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else {
            throw failure("half of a surrogate pair")
        }
        let second = try hexadecimalUnit()
        guard UTF16.isTrailSurrogate(second) else { throw failure("half of a surrogate pair") }
        return UTF16.decode(UTF16.EncodedScalar([first, second]))
    }

    private mutating func hexadecimalUnit() throws(JSONSyntaxError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("expected a hexadecimal digit")
            }
            position += 1
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }
}
