extension PolicyDocument {
    /// Whether a trust policy lets a service, such as `lambda.amazonaws.com`, assume the role.
    ///
    /// Conditions are not evaluated: one that narrows what is allowed is taken to be met, one that narrows what is denied
    /// not to be. So a role is refused only when no request of the service could assume it.
    package func allowsAssumption(byService service: String) -> Bool {
        let matching = statements.filter { $0.matches(service: service, action: "sts:AssumeRole") }
        return matching.contains { $0.isAllow } && !matching.contains { !$0.isAllow && !$0.hasCondition }
    }
}

extension PolicyDocument.Statement {
    fileprivate func matches(service: String, action: String) -> Bool {
        guard let principals else { return false }
        let isNamed =
            principals["*"] != nil || (principals["Service"] ?? []).contains { $0 == "*" || $0 == service }
        let isActed = actions.contains { Self.matches($0.lowercased(), action.lowercased()) }
        return isNamed != isNotPrincipal && isActed != isNotAction
    }

    /// Whether a pattern with `*` for any text and `?` for any character matches all of a text. Backtracks to the last
    /// star only, so its time is bounded by the product of the lengths.
    private static func matches(_ pattern: String, _ text: String) -> Bool {
        let pattern = Array(pattern.utf8)
        let text = Array(text.utf8)
        var (position, index) = (0, 0)
        var star: (position: Int, index: Int)?
        while index < text.count {
            if position < pattern.count, pattern[position] == UInt8(ascii: "*") {
                star = (position, index)
                position += 1
            } else if position < pattern.count, [text[index], UInt8(ascii: "?")].contains(pattern[position]) {
                position += 1
                index += 1
            } else if let last = star {
                star = (last.position, last.index + 1)
                (position, index) = (last.position + 1, last.index + 1)
            } else {
                return false
            }
        }
        return pattern[position...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
