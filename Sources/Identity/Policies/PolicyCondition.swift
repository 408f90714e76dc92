/// One line of a `Condition` element: a key that is compared with some values.
struct PolicyCondition: Hashable, Sendable {
    /// How the values of a key that may have several count together.
    enum Quantifier: String, CaseIterable {
        case forAllValues = "ForAllValues:"
        case forAnyValue = "ForAnyValue:"
    }

    private let comparison: PolicyComparison
    private let quantifier: Quantifier?
    private let ifExists: Bool
    private let key: String
    private let values: [PolicyText]

    /// Nil when there is no operator of that name.
    init?(operator name: String, key: String, values: [PolicyText]) {
        var rest = name[...]
        quantifier = Quantifier.allCases.first { rest.hasPrefix($0.rawValue) }
        rest = rest.dropFirst(quantifier?.rawValue.count ?? 0)
        ifExists = rest.hasSuffix("IfExists")
        if ifExists { rest = rest.dropLast("IfExists".count) }
        guard let comparison = PolicyComparison(rawValue: String(rest)), !(comparison == .null && ifExists) else {
            return nil
        }
        self.comparison = comparison
        self.key = key
        self.values = values
    }

    /// Whether the request is one that the condition is for.
    func holds(in context: PolicyContext) -> Bool {
        let actual = context[key]
        if comparison == .null {
            return values.contains { $0.text(in: context)?.lowercased() == (actual.isEmpty ? "true" : "false") }
        }
        if actual.isEmpty { return holdsWithoutKey }
        func holds(_ value: String) -> Bool {
            let matches = values.contains { comparison.matches(value, $0, in: context) }
            return matches != comparison.isNegated
        }
        switch quantifier {
        case .forAllValues: return actual.allSatisfy(holds)
        case .forAnyValue: return actual.contains(where: holds)
        // IAM leaves open what several values mean here: one that matches is enough, for good or bad.
        case nil: return comparison.isNegated ? actual.allSatisfy(holds) : actual.contains(where: holds)
        }
    }

    /// A key that is absent is not equal to anything.
    private var holdsWithoutKey: Bool {
        switch quantifier {
        case .forAllValues: true
        case .forAnyValue: ifExists
        case nil: ifExists || comparison.isNegated
        }
    }
}
