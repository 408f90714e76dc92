/// What is known of a request besides action and resource: the values of condition keys.
package struct PolicyContext: Hashable, Sendable {
    private var values: [String: [String]] = [:]

    /// Keys such as `aws:SourceIp`, whose case does not count. A key that is absent is another thing than one without
    /// values, but no condition tells them apart.
    package init(_ values: [String: [String]] = [:]) {
        for (key, values) in values { self[key] = values }
    }

    /// The values of a key; none when it is absent.
    package subscript(key: String) -> [String] {
        get { values[key.lowercased()] ?? [] }
        set { values[key.lowercased()] = newValue }
    }

    /// This with the values of another, which go before its own.
    package func merging(_ other: PolicyContext) -> PolicyContext {
        var merged = self
        merged.values.merge(other.values) { $1 }
        return merged
    }
}
