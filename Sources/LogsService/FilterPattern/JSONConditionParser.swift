import LambdaAPI
import LogsAPI

/// Reads `{ ($.level = "ERROR" && $.latency > 100) || $.user.name = admin* }`.
///
/// The pattern comes from a stranger, but has at most 1,024 characters; nesting is bounded all the same.
struct JSONConditionParser {
    private static let depthMax = 50

    private var rest: Substring
    private var depth = 0

    static func parse(_ text: String) throws(LogsError) -> JSONCondition {
        var parser = JSONConditionParser(rest: text[...])
        guard parser.skip("{") else { throw .invalidPattern("'{' is missing") }
        let condition = try parser.either()
        guard parser.skip("}") else { throw parser.unexpected("&&, || or '}'") }
        parser.skipSpace()
        guard parser.rest.isEmpty else { throw parser.unexpected("the end") }
        return condition
    }

    private func unexpected(_ expected: String) -> LogsError {
        .invalidPattern(rest.isEmpty ? "it ends before \(expected)" : "expected \(expected) at '\(rest.prefix(20))'")
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0.isWhitespace }
    }

    private mutating func skip(_ token: String) -> Bool {
        skipSpace()
        guard rest.hasPrefix(token) else { return false }
        rest = rest.dropFirst(token.count)
        return true
    }

    /// Skips words in capitals or not, such as `NOT EXISTS`.
    private mutating func skip(words: [String]) -> Bool {
        let start = rest
        for word in words {
            skipSpace()
            guard rest.prefix(word.count).uppercased() == word,
                rest.dropFirst(word.count).first.map({ !$0.isLetter && !$0.isNumber }) ?? true
            else {
                rest = start
                return false
            }
            rest = rest.dropFirst(word.count)
        }
        return true
    }

    private mutating func either() throws(LogsError) -> JSONCondition {
        var condition = try both()
        while skip("||") { condition = .either(condition, try both()) }
        return condition
    }

    private mutating func both() throws(LogsError) -> JSONCondition {
        var condition = try one()
        while skip("&&") { condition = .both(condition, try one()) }
        return condition
    }

    private mutating func one() throws(LogsError) -> JSONCondition {
        guard skip("(") else { return try comparison() }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw .invalidPattern("parentheses are too deep") }
        let condition = try either()
        guard skip(")") else { throw unexpected("')'") }
        return condition
    }

    private mutating func comparison() throws(LogsError) -> JSONCondition {
        let selector = try selector()
        if skip(words: ["IS", "NULL"]) { return .isNull(selector) }
        if skip(words: ["IS", "TRUE"]) { return .isBoolean(selector, true) }
        if skip(words: ["IS", "FALSE"]) { return .isBoolean(selector, false) }
        if skip(words: ["NOT", "EXISTS"]) { return .exists(selector, false) }
        if skip(words: ["EXISTS"]) { return .exists(selector, true) }
        for comparison in JSONCondition.Comparison.allCases where skip(comparison.rawValue) {
            let operand = try operand()
            let needsNumber = comparison != .equal && comparison != .notEqual
            guard !needsNumber || operand.number != nil else {
                throw .invalidPattern("\(comparison.rawValue) compares with numbers only")
            }
            return .compares(selector, comparison, operand)
        }
        throw unexpected("an operator")
    }

    private mutating func selector() throws(LogsError) -> JSONSelector {
        guard skip("$") else { throw unexpected("a selector such as $.name") }
        var steps: [JSONSelector.Step] = []
        while true {
            if rest.first == "." {
                rest = rest.dropFirst()
                let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" || $0 == "@" }
                guard !name.isEmpty else { throw unexpected("the name of a member") }
                rest = rest[name.endIndex...]
                steps.append(.member(String(name)))
            } else if rest.first == "[" {
                rest = rest.dropFirst()
                steps.append(try subscriptStep())
            } else {
                guard !steps.isEmpty else { throw unexpected("the name of a member") }
                return JSONSelector(steps: steps)
            }
        }
    }

    private mutating func subscriptStep() throws(LogsError) -> JSONSelector.Step {
        let step: JSONSelector.Step
        if let quote = rest.first, quote == "\"" || quote == "'" {
            let name = rest.dropFirst().prefix { $0 != quote }
            rest = rest[name.endIndex...].dropFirst()
            step = .member(String(name))
        } else {
            let content = rest.prefix { $0 != "]" }
            rest = rest[content.endIndex...]
            if content == "*" {
                step = .every
            } else if let index = Int(content), index >= 0 {
                step = .index(index)
            } else {
                throw .invalidPattern("expected an index at '\(content.prefix(20))'")
            }
        }
        guard rest.first == "]" else { throw unexpected("']'") }
        rest = rest.dropFirst()
        return step
    }

    private mutating func operand() throws(LogsError) -> JSONCondition.Operand {
        skipSpace()
        if rest.first == "\"" {
            return JSONCondition.Operand(text: Array(try TermPattern.quoted(&rest).utf8), number: nil)
        }
        if rest.first == "%" { throw .invalidPattern("regular expressions are not supported") }
        let word = rest.prefix { !$0.isWhitespace && !"(){}&|\"=<>!".contains($0) }
        guard !word.isEmpty else { throw unexpected("a value") }
        rest = rest[word.endIndex...]
        return JSONCondition.Operand(text: Array(word.utf8), number: Double(word).flatMap { $0.isFinite ? $0 : nil })
    }
}
