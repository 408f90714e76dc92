/// ARNs are compared part by part, so that no wildcard takes in a neighbour's part.
extension PolicyComparison {
    /// How many parts an ARN has; the last one may have colons in it.
    private static let partCount = 6

    /// `ArnEquals` and `ArnLike` are the same.
    static func matchesARN(_ value: String, _ text: PolicyText, in context: PolicyContext) -> Bool {
        guard let pattern = text.pattern(in: context) else { return false }
        if pattern == WildcardPattern("*") { return true }
        let parts = pattern.split(by: ":", partCount: partCount)
        let values = value.split(separator: ":", maxSplits: partCount - 1, omittingEmptySubsequences: false)
        guard parts.count == partCount, values.count == partCount else { return false }
        return zip(parts, values).allSatisfy { $0.matches(String($1)) }
    }
}
