/// A text of a policy that may have policy variables in it, such as `arn:aws:s3:::home/${aws:username}/*`.
struct PolicyText: Hashable, Sendable {
    private enum Part: Hashable {
        case text(String)
        /// `${*}`, `${?}` and `${$}`: the character itself.
        case character(String)
        case variable(key: String, default: String?)
    }

    private let parts: [Part]
    /// Policies of the version 2008-10-17 have no variables: to them `${` is text like any other.
    init(_ source: String, hasVariables: Bool) {
        parts = hasVariables ? Self.parts(of: source) : [.text(source)]
    }

    /// The text as a pattern, in which the values of variables are no wildcards; nil when a variable has no value, or
    /// several. Nothing matches then.
    func pattern(in context: PolicyContext) -> WildcardPattern? {
        var pattern = WildcardPattern()
        for part in parts {
            if case .text(let text) = part {
                pattern.append(text)
            } else {
                guard let value = Self.value(of: part, in: context) else { return nil }
                pattern.append(literal: value)
            }
        }
        return pattern
    }

    /// The text where wildcards have no meaning; nil as with ``pattern(in:)``.
    func text(in context: PolicyContext) -> String? {
        var text = ""
        for part in parts {
            guard let value = Self.value(of: part, in: context) else { return nil }
            text += value
        }
        return text
    }

    private static func value(of part: Part, in context: PolicyContext) -> String? {
        switch part {
        case .text(let text), .character(let text): return text
        case .variable(let key, let fallback):
            let values = context[key]
            return values.isEmpty ? fallback : values.count == 1 ? values[0] : nil
        }
    }

    private static func parts(of source: String) -> [Part] {
        var parts: [Part] = []
        var rest = source[...]
        while let start = rest.firstRange(of: "${"), let end = rest[start.upperBound...].firstIndex(of: "}") {
            if start.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<start.lowerBound]))) }
            parts.append(variable(rest[start.upperBound..<end]))
            rest = rest[rest.index(after: end)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        return parts
    }

    /// Reads `*`, `aws:username` or `aws:PrincipalTag/team, 'none'`.
    private static func variable(_ text: Substring) -> Part {
        if text == "*" || text == "?" || text == "$" { return .character(String(text)) }
        let halves = text.split(separator: ",", maxSplits: 1)
        guard halves.count == 2 else { return .variable(key: trimmed(text), default: nil) }
        let quoted = trimmed(halves[1])
        guard quoted.count >= 2, quoted.first == "'", quoted.last == "'" else {
            return .variable(key: trimmed(text), default: nil)
        }
        return .variable(key: trimmed(halves[0]), default: String(quoted.dropFirst().dropLast()))
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
