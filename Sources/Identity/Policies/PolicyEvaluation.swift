/// What somebody wants to do.
package struct AuthorizationRequest: Sendable {
    /// Such as `lambda:GetFunction`.
    package let action: String
    /// The ARN, or `*` for what has none.
    package let resource: String
    /// The account that the resource is in.
    package let resourceAccountID: String
    package let principal: PolicyPrincipal
    /// The condition keys' values but those of the principal, which are added.
    package let context: PolicyContext

    /// A request by its parts.
    package init(
        action: String,
        resource: String,
        resourceAccountID: String,
        principal: PolicyPrincipal,
        context: PolicyContext = PolicyContext()
    ) {
        self.action = action
        self.resource = resource
        self.resourceAccountID = resourceAccountID
        self.principal = principal
        self.context = context
    }
}

/// How policies answer a request.
package enum AuthorizationDecision: Hashable, Sendable {
    /// Which kind of policy it was.
    package enum Source: String, Sendable {
        case identity = "identity-based"
        case resource = "resource-based"
    }

    /// For principals of other accounts both must allow; then it is the resource's that is named.
    case allowed(by: Source)
    /// A statement denies, and nothing that allows counts against it.
    case explicitDeny(by: Source)
    /// Nothing allows; the source is the policy that would have had to.
    case implicitDeny(missing: Source)

    /// Whether the request may go on.
    package var isAllowed: Bool {
        if case .allowed = self { true } else { false }
    }
}

/// The decision as IAM makes it, without organizations' policies and boundaries, of which there are none here.
package enum PolicyEvaluation {
    /// Decides on a request. A denial anywhere wins. After it, in one account one policy that allows is enough, and
    /// between accounts both sides must allow.
    ///
    /// The identity policies are those of the principal and its groups; trust policies go where the resource's goes.
    package static func decide(
        _ request: AuthorizationRequest,
        identityPolicies: [PolicyDocument],
        resourcePolicy: PolicyDocument?
    ) -> AuthorizationDecision {
        let context = request.context.merging(request.principal.context)
        let hasIdentity = request.principal.accountID != nil
        let identityStatements = hasIdentity ? identityPolicies.flatMap(\.statements) : []
        let resourceStatements = resourcePolicy?.statements ?? []
        func match(_ statements: [PolicyStatement], _ effect: PolicyStatement.Effect) -> PolicyPrincipal.Match {
            statements.lazy.filter { $0.effect == effect }.map { $0.match(request, in: context) }.max() ?? .none
        }

        if match(identityStatements, .deny) != .none { return .explicitDeny(by: .identity) }
        if match(resourceStatements, .deny) != .none { return .explicitDeny(by: .resource) }

        let isOwnAccount = request.principal.accountID == request.resourceAccountID
        let identityAllows = isRoot(request.principal) || match(identityStatements, .allow) != .none
        let resourceMatch = match(resourceStatements, .allow)
        if isOwnAccount {
            if identityAllows { return .allowed(by: .identity) }
            // To name the account only says that its own policies decide, and they do not allow.
            return resourceMatch == .itself ? .allowed(by: .resource) : .implicitDeny(missing: .identity)
        }
        guard resourceMatch != .none else { return .implicitDeny(missing: .resource) }
        guard identityAllows || !hasIdentity else { return .implicitDeny(missing: .identity) }
        return .allowed(by: .resource)
    }

    private static func isRoot(_ principal: PolicyPrincipal) -> Bool {
        if case .root = principal { true } else { false }
    }
}

extension AuthorizationDecision {
    /// The text of AWS's `AccessDeniedException`; nil when there is nothing to refuse.
    package func refusal(of request: AuthorizationRequest) -> String? {
        let reason: String
        switch self {
        case .allowed: return nil
        case .explicitDeny(let source):
            let article = source == .identity ? "an" : "a"
            reason = "with an explicit deny in \(article) \(source.rawValue) policy"
        case .implicitDeny(let source):
            reason = "because no \(source.rawValue) policy allows the \(request.action) action"
        }
        return "User: \(request.principal.arn) is not authorized to perform: \(request.action) "
            + "on resource: \(request.resource) \(reason)"
    }
}
