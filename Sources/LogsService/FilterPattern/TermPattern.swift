import Glibc
import LogsAPI

/// Words that a message must have, must not have (`-word`), or of which it must have one (`?word`).
struct TermPattern: Sendable {
    private var required: [[UInt8]] = []
    private var excluded: [[UInt8]] = []
    private var alternatives: [[UInt8]] = []

    init(_ text: String) throws(LogsError) {
        var rest = text[...]
        while true {
            rest = rest.drop { $0.isWhitespace }
            guard let first = rest.first else { break }
            if first == "-" || first == "?" { rest = rest.dropFirst() }
            let term = Array(try Self.term(&rest).utf8)
            switch first {
            case "-": excluded.append(term)
            case "?": alternatives.append(term)
            default: required.append(term)
            }
        }
        // As AWS has it: beside other terms, those with a question mark count for nothing.
        if !required.isEmpty || !excluded.isEmpty { alternatives = [] }
    }

    func matches(_ message: [UInt8]) -> Bool {
        required.allSatisfy { Self.contains(message, $0) } && !excluded.contains { Self.contains(message, $0) }
            && (alternatives.isEmpty || alternatives.contains { Self.contains(message, $0) })
    }

    /// Takes a word, or a phrase in quotation marks, off the front.
    private static func term(_ rest: inout Substring) throws(LogsError) -> String {
        guard rest.first == "\"" else {
            let word = rest.prefix { !$0.isWhitespace && $0 != "\"" }
            guard !word.isEmpty else { throw .invalidPattern("a term is missing") }
            if word.hasPrefix("%") { throw .invalidPattern("regular expressions are not supported") }
            rest = rest[word.endIndex...]
            return String(word)
        }
        let phrase = try quoted(&rest)
        guard !phrase.isEmpty else { throw .invalidPattern("a phrase is empty") }
        return phrase
    }

    /// Takes a text in quotation marks off the front; a backslash takes the next character as it is.
    static func quoted(_ rest: inout Substring) throws(LogsError) -> String {
        var text = ""
        rest = rest.dropFirst()
        while let character = rest.popFirst() {
            if character == "\"" { return text }
            guard character == "\\" else {
                text.append(character)
                continue
            }
            guard let escaped = rest.popFirst() else { break }
            text.append(escaped)
        }
        throw .invalidPattern("a quotation mark has no other")
    }

    private static func contains(_ message: [UInt8], _ term: [UInt8]) -> Bool {
        guard let first = term.first else { return true }
        return message.withUnsafeBytes { message in
            term.withUnsafeBytes { term in
                guard let start = message.baseAddress, let wanted = term.baseAddress else { return false }
                var offset = 0
                while message.count - offset >= term.count,
                    let found = memchr(start + offset, CInt(first), message.count - offset - term.count + 1)
                {
                    if memcmp(found, wanted, term.count) == 0 { return true }
                    offset = start.distance(to: UnsafeRawPointer(found)) + 1
                }
                return false
            }
        }
    }
}
