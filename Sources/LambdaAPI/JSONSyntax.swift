/// Checks that bytes are one JSON text (RFC 8259) without building anything from them.
///
/// Every payload passes through here on its way to a function, so it is one pass over the bytes with no allocation
/// but a small stack. Errors read as Lambda's do, which are those of the Jackson parser.
/// Source: `spec/invoke.md` section 3, InvalidRequestContentException.
package enum JSONSyntax {
    /// What is wrong, and where.
    package struct Violation: Error, Equatable {
        /// In Jackson's words, with the line and column of the byte after which it stopped.
        package let message: String
    }

    /// The deepest nesting of arrays and objects that is taken; Jackson's own limit.
    package static let nestingMax = 1000

    /// Throws the first violation, if there is one.
    package static func check(_ bytes: UnsafeRawBufferPointer) throws(Violation) {
        var scanner = Scanner(bytes: bytes)
        try scanner.text()
    }
}

private struct Scanner {
    private enum Container {
        case array
        case object
    }

    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var containers: [Container] = []

    init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// One value with white space around it and nothing more.
    mutating func text() throws(JSONSyntax.Violation) {
        repeat {
            try value()
            try closeContainers()
        } while !containers.isEmpty
        skipSpace()
        if position < bytes.count {
            throw unexpected(expecting: "end of input")
        }
    }

    /// A scalar, or the beginning of a container up to where its first value is expected.
    private mutating func value() throws(JSONSyntax.Violation) {
        while true {
            skipSpace()
            guard position < bytes.count else { throw endOfInput() }
            switch bytes[position] {
            case UInt8(ascii: "{"):
                try open(.object)
                skipSpace()
                if peek() == UInt8(ascii: "}") { return }
                try memberName()
            case UInt8(ascii: "["):
                try open(.array)
                skipSpace()
                if peek() == UInt8(ascii: "]") { return }
            case UInt8(ascii: "\""):
                return try string()
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                return try number()
            case UInt8(ascii: "t"):
                return try literal("true")
            case UInt8(ascii: "f"):
                return try literal("false")
            case UInt8(ascii: "n"):
                return try literal("null")
            default:
                throw unexpectedToken()
            }
        }
    }

    /// After a value: the ends of containers, or what leads to the next value of the innermost.
    private mutating func closeContainers() throws(JSONSyntax.Violation) {
        while let container = containers.last {
            skipSpace()
            guard position < bytes.count else { throw endOfInput() }
            switch (bytes[position], container) {
            case (UInt8(ascii: "]"), .array), (UInt8(ascii: "}"), .object):
                position += 1
                containers.removeLast()
            case (UInt8(ascii: ","), .array):
                position += 1
                return
            case (UInt8(ascii: ","), .object):
                position += 1
                skipSpace()
                return try memberName()
            case (_, .array):
                throw unexpected(expecting: "comma to separate Array entries")
            case (_, .object):
                throw unexpected(expecting: "comma to separate Object entries")
            }
        }
    }

    private mutating func open(_ container: Container) throws(JSONSyntax.Violation) {
        guard containers.count < JSONSyntax.nestingMax else {
            throw violation(
                "Document nesting depth (\(JSONSyntax.nestingMax + 1)) exceeds the maximum allowed "
                    + "(\(JSONSyntax.nestingMax), from `StreamReadConstraints.getMaxNestingDepth()`)"
            )
        }
        containers.append(container)
        position += 1
    }

    private mutating func memberName() throws(JSONSyntax.Violation) {
        guard position < bytes.count else { throw endOfInput() }
        guard bytes[position] == UInt8(ascii: "\"") else {
            throw unexpected(expecting: "double-quote to start field name", was: "was expecting")
        }
        try string()
        skipSpace()
        guard position < bytes.count else { throw endOfInput() }
        guard bytes[position] == UInt8(ascii: ":") else {
            throw unexpected(expecting: "a colon to separate field name and value", was: "was expecting")
        }
        position += 1
    }

    private mutating func string() throws(JSONSyntax.Violation) {
        position += 1
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return
            case UInt8(ascii: "\\"):
                try escape()
            case 0x20..<0x80:
                continue
            case 0..<0x20:
                throw violation(
                    "Illegal unquoted character ((CTRL-CHAR, code \(byte))): has to be escaped using backslash "
                        + "to be included in string value"
                )
            default:
                try multibyteCharacter(first: byte)
            }
        }
        throw violation("Unexpected end-of-input in VALUE_STRING")
    }

    private mutating func escape() throws(JSONSyntax.Violation) {
        guard position < bytes.count else { throw violation("Unexpected end-of-input in character escape sequence") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "u"):
            for _ in 0..<4 {
                guard let digit = peek(), Self.isHexadecimalDigit(digit) else {
                    throw unexpected(expecting: "a hex-digit for character escape sequence")
                }
                position += 1
            }
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return
        default:
            throw violation("Unrecognized character escape \(Self.describe(byte))")
        }
    }

    /// A character of two to four bytes; RFC 3629 section 4.
    private mutating func multibyteCharacter(first: UInt8) throws(JSONSyntax.Violation) {
        let (more, range): (Int, ClosedRange<UInt8>)
        switch first {
        case 0xC2...0xDF: (more, range) = (1, 0x80...0xBF)
        case 0xE0: (more, range) = (2, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (more, range) = (2, 0x80...0xBF)
        case 0xED: (more, range) = (2, 0x80...0x9F)
        case 0xF0: (more, range) = (3, 0x90...0xBF)
        case 0xF1...0xF3: (more, range) = (3, 0x80...0xBF)
        case 0xF4: (more, range) = (3, 0x80...0x8F)
        default: throw invalidStart(first, after: 1)
        }
        for index in 0..<more {
            guard let byte = peek() else { throw violation("Unexpected end-of-input in VALUE_STRING") }
            guard (index == 0 ? range : 0x80...0xBF).contains(byte) else {
                throw violation("Invalid UTF-8 middle byte 0x\(String(byte, radix: 16))", after: 2)
            }
            position += 1
        }
    }

    private mutating func number() throws(JSONSyntax.Violation) {
        if peek() == UInt8(ascii: "-") { position += 1 }
        if peek() == UInt8(ascii: "0") {
            position += 1
            if let next = peek(), Self.isDigit(next) {
                throw violation("Invalid numeric value: Leading zeroes not allowed")
            }
        } else {
            try digits()
        }
        if peek() == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            position += 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
    }

    private mutating func digits() throws(JSONSyntax.Violation) {
        guard let first = peek() else { throw endOfInput() }
        guard Self.isDigit(first) else {
            throw violation("Unexpected character (\(Self.describe(first))) in numeric value: expected digit (0-9)")
        }
        while let digit = peek(), Self.isDigit(digit) {
            position += 1
        }
    }

    private mutating func literal(_ text: StaticString) throws(JSONSyntax.Violation) {
        let end = position + text.utf8CodeUnitCount
        guard end <= bytes.count else { throw unexpectedToken() }
        for index in 0..<text.utf8CodeUnitCount where bytes[position + index] != text.utf8Start[index] {
            throw unexpectedToken()
        }
        if end < bytes.count, Self.isWordCharacter(bytes[end]) { throw unexpectedToken() }
        position = end
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private func peek() -> UInt8? {
        position < bytes.count ? bytes[position] : nil
    }
}

// MARK: - Violations

extension Scanner {
    private static let anyValue =
        "a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

    private func unexpected(expecting: String, was: String = "expected") -> JSONSyntax.Violation {
        guard position < bytes.count else { return endOfInput() }
        return violation("Unexpected character (\(Self.describe(bytes[position]))): \(was) \(expecting)", after: 1)
    }

    private func unexpectedToken() -> JSONSyntax.Violation {
        let word = bytes[position...].prefix(256).prefix(while: Self.isWordCharacter)
        guard !word.isEmpty else { return unexpected(expecting: Self.anyValue) }
        // Jackson reads on to the token's end, and stumbles over what is no character at all. It is what most often comes
        // of JSON that a client has taken for base64 and decoded.
        if word.endIndex < bytes.count, Self.startsNoCharacter(bytes[word.endIndex]) {
            return invalidStart(bytes[word.endIndex], after: word.count + 2)
        }
        let token = String(decoding: word, as: UTF8.self)
        return violation(
            "Unrecognized token '\(token)': was expecting (JSON String, Number, Array, Object or token 'null', "
                + "'true' or 'false')",
            after: word.count + 1
        )
    }

    /// A byte that no character begins with.
    private func invalidStart(_ byte: UInt8, after count: Int) -> JSONSyntax.Violation {
        violation("Invalid UTF-8 start byte 0x\(String(byte, radix: 16))", after: count)
    }

    private func endOfInput() -> JSONSyntax.Violation {
        switch containers.last {
        case nil: violation("No content to map due to end-of-input")
        case .array: violation("Unexpected end-of-input: expected close marker for Array")
        case .object: violation("Unexpected end-of-input: expected close marker for Object")
        }
    }

    /// The violation with its place: lines and columns count from one.
    private func violation(_ text: String, after count: Int = 0) -> JSONSyntax.Violation {
        let consumed = bytes[..<min(position, bytes.count)]
        let line = consumed.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
        let lineStart = consumed.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let column = max(1, position - lineStart + count)
        return JSONSyntax.Violation(
            message: text + "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); "
                + "line: \(line), column: \(column)]"
        )
    }

    /// A character as Jackson shows it.
    private static func describe(_ byte: UInt8) -> String {
        switch byte {
        case 0x20..<0x7F: "'\(Character(UnicodeScalar(byte)))' (code \(byte))"
        default: "(CTRL-CHAR, code \(byte))"
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isHexadecimalDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    private static func startsNoCharacter(_ byte: UInt8) -> Bool {
        (0x80..<0xC0).contains(byte) || byte >= 0xF8
    }

    private static func isWordCharacter(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }
}
