/// One statement of a policy.
struct PolicyStatement: Hashable, Sendable {
    enum Effect: String {
        case allow = "Allow"
        case deny = "Deny"
    }

    /// A list that is either what is meant or all but what is meant.
    enum Selection<Element: Hashable & Sendable>: Hashable, Sendable {
        case only([Element])
        case allBut([Element])

        func contains(where matches: (Element) -> Bool) -> Bool {
            switch self {
            case .only(let elements): elements.contains(where: matches)
            case .allBut(let elements): !elements.contains(where: matches)
            }
        }
    }

    let sid: String?
    let effect: Effect
    /// Nil in identity policies, which are about whoever has them.
    let principals: Selection<PolicyPrincipalName>?
    let actions: Selection<WildcardPattern>
    /// Nil in trust policies, which are about the role that has them.
    let resources: Selection<PolicyText>?
    let conditions: [PolicyCondition]

    /// How the statement takes the request in: not at all, by the principal's account only, or by itself.
    func match(_ request: AuthorizationRequest, in context: PolicyContext) -> PolicyPrincipal.Match {
        let principal = match(request.principal)
        guard principal != .none, actions.contains(where: { $0.matches(request.action) }),
            isAbout(request.resource, in: context),
            conditions.allSatisfy({ $0.holds(in: context) })
        else { return .none }
        return principal
    }

    /// A variable without a value makes a resource that nothing is. All but nothing would then be everything, which is
    /// well for a denial only.
    private func isAbout(_ resource: String, in context: PolicyContext) -> Bool {
        guard let resources else { return true }
        if case .allBut(let texts) = resources, effect == .allow {
            guard texts.allSatisfy({ $0.pattern(in: context) != nil }) else { return false }
        }
        return resources.contains { $0.pattern(in: context)?.matches(resource) ?? false }
    }

    private func match(_ principal: PolicyPrincipal) -> PolicyPrincipal.Match {
        switch principals {
        case nil: .itself
        case .only(let names): names.map { principal.match($0) }.max() ?? .none
        case .allBut(let names): names.contains { principal.match($0) != .none } ? .none : .itself
        }
    }
}
