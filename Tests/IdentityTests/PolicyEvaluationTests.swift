import Identity
import TestSupport
import Testing

@Suite struct PolicyEvaluationTests {
    static let account = "000000000000"
    static let other = "111111111111"
    static let function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    static let ada = PolicyPrincipal.user(accountID: account, path: "/team/", name: "ada", id: "AIDA1")
    static let bob = PolicyPrincipal.user(accountID: other, name: "bob", id: "AIDA2")
    static let session = PolicyPrincipal.session(accountID: account, role: "r", roleID: "AROA1", name: "s")
    static let storage = PolicyPrincipal.service("s3.amazonaws.com")

    static func policy(_ statements: String..., kind: PolicyDocument.Kind = .identity) throws -> PolicyDocument {
        let json = #"{"Version":"2012-10-17","Statement":[\#(statements.joined(separator: ","))]}"#
        return try PolicyDocument(json: Array(json.utf8), kind: kind)
    }

    static func statement(
        _ effect: String = "Allow",
        action: String = "lambda:GetFunction",
        resource: String = function,
        principal: String? = nil
    ) -> String {
        #"{"Effect":"\#(effect)","Action":"\#(action)","Resource":"\#(resource)""#
            + (principal.map { #","Principal":\#($0)"# } ?? "") + "}"
    }

    static func request(
        by principal: PolicyPrincipal,
        action: String = "lambda:GetFunction",
        resource: String = function,
        context: [String: [String]] = [:]
    ) -> AuthorizationRequest {
        AuthorizationRequest(
            action: action,
            resource: resource,
            resourceAccountID: account,
            principal: principal,
            context: PolicyContext(context)
        )
    }

    static func decide(
        _ principal: PolicyPrincipal,
        identity: [PolicyDocument] = [],
        resource: PolicyDocument? = nil
    ) -> AuthorizationDecision {
        PolicyEvaluation.decide(request(by: principal), identityPolicies: identity, resourcePolicy: resource)
    }

    // MARK: - One account and two

    @Test(arguments: [
        (ada, true, nil, AuthorizationDecision.allowed(by: .identity)),
        (ada, false, nil, .implicitDeny(missing: .identity)),
        (ada, false, #"{"AWS":"arn:aws:iam::000000000000:user/team/ada"}"#, .allowed(by: .resource)),
        (ada, false, #"{"AWS":"arn:aws:iam::000000000000:user/ada"}"#, .implicitDeny(missing: .identity)),
        (ada, false, #""*""#, .allowed(by: .resource)),
        // The account passes its permission on by identity policies.
        (ada, false, #"{"AWS":"000000000000"}"#, .implicitDeny(missing: .identity)),
        (ada, true, #"{"AWS":"000000000000"}"#, .allowed(by: .identity)),
        (session, false, #"{"AWS":"arn:aws:iam::000000000000:role/r"}"#, .allowed(by: .resource)),
        (session, false, #"{"AWS":"arn:aws:sts::000000000000:assumed-role/r/s"}"#, .allowed(by: .resource)),
        (session, false, #"{"AWS":"arn:aws:sts::000000000000:assumed-role/r/t"}"#, .implicitDeny(missing: .identity)),
        (bob, true, nil, .implicitDeny(missing: .resource)),
        (bob, false, #"{"AWS":"111111111111"}"#, .implicitDeny(missing: .identity)),
        (bob, true, #"{"AWS":"111111111111"}"#, .allowed(by: .resource)),
        (bob, true, #"{"AWS":"arn:aws:iam::111111111111:user/bob"}"#, .allowed(by: .resource)),
        (bob, true, #"{"AWS":"000000000000"}"#, .implicitDeny(missing: .resource)),
        (bob, false, #""*""#, .implicitDeny(missing: .identity)),
        // Identity policies are not a service's, even if somebody passes some.
        (storage, true, nil, .implicitDeny(missing: .resource)),
        (storage, false, #"{"Service":"s3.amazonaws.com"}"#, .allowed(by: .resource)),
        (storage, false, #"{"Service":"sns.amazonaws.com"}"#, .implicitDeny(missing: .resource)),
        (storage, false, #"{"AWS":"000000000000"}"#, .implicitDeny(missing: .resource)),
        (.anonymous, true, nil, .implicitDeny(missing: .resource)),
        (.anonymous, false, #"{"AWS":"*"}"#, .allowed(by: .resource)),
        (.root(accountID: account), false, nil, .allowed(by: .identity)),
        (.root(accountID: other), false, nil, .implicitDeny(missing: .resource)),
        (.root(accountID: other), false, #"{"AWS":"111111111111"}"#, .allowed(by: .resource)),
    ])
    func decides(
        _ principal: PolicyPrincipal,
        _ hasIdentity: Bool,
        _ named: String?,
        _ expected: AuthorizationDecision
    ) throws {
        let identity = hasIdentity ? [try Self.policy(Self.statement())] : []
        let resource = try named.map { try Self.policy(Self.statement(principal: $0), kind: .resource) }
        #expect(Self.decide(principal, identity: identity, resource: resource) == expected)
    }

    @Test func deniesBeforeItAllows() throws {
        let allowing = try Self.policy(Self.statement(action: "*", resource: "*"))
        let denying = try Self.policy(Self.statement("Deny", action: "lambda:get*"))
        let open = try Self.policy(Self.statement(principal: #""*""#), kind: .resource)
        let closed = try Self.policy(
            Self.statement(principal: #""*""#),
            Self.statement("Deny", principal: #"{"AWS":"000000000000"}"#),
            kind: .resource
        )
        #expect(Self.decide(Self.ada, identity: [allowing, denying], resource: open) == .explicitDeny(by: .identity))
        #expect(Self.decide(Self.ada, identity: [allowing], resource: closed) == .explicitDeny(by: .resource))
        #expect(Self.decide(.root(accountID: Self.account), resource: closed) == .explicitDeny(by: .resource))
        #expect(Self.decide(Self.storage, resource: closed) == .allowed(by: .resource))
    }

    @Test func exemptsWhomNotPrincipalNames() throws {
        let json =
            #"{"Effect":"Deny","Action":"*","Resource":"*","NotPrincipal":{"AWS":"arn:aws:iam::000000000000:role/r"}}"#
        let policy = try Self.policy(json, kind: .resource)
        let allowing = try Self.policy(Self.statement())
        #expect(Self.decide(Self.session, identity: [allowing], resource: policy).isAllowed)
        #expect(Self.decide(Self.ada, identity: [allowing], resource: policy) == .explicitDeny(by: .resource))
    }

    // MARK: - Actions and resources

    @Test(arguments: [
        (#""Action":"LAMBDA:getfunction","Resource":"*""#, true), (#""Action":"lambda:Get*","Resource":"*""#, true),
        (#""Action":"lambda:List*","Resource":"*""#, false),
        (#""Action":["s3:*","lambda:?etFunction"],"Resource":"*""#, true),
        (#""NotAction":"s3:*","Resource":"*""#, true), (#""NotAction":["s3:*","lambda:*"],"Resource":"*""#, false),
        (#""Action":"*","Resource":"\#(function)""#, true), (#""Action":"*","Resource":"\#(function):*""#, false),
        (#""Action":"*","Resource":"arn:aws:lambda:*:*:function:f""#, true),
        (#""Action":"*","Resource":"arn:aws:lambda:*:*:function:F""#, false),
        (#""Action":"*","NotResource":"\#(function)""#, false), (#""Action":"*","NotResource":"arn:aws:s3:::*""#, true),
        (#""Action":"*","Resource":"arn:aws:lambda:us-east-1:${aws:PrincipalAccount}:function:f""#, true),
        (#""Action":"*","Resource":"arn:aws:lambda:us-east-1:${x:none}:function:f""#, false),
        (#""Action":"*","NotResource":"arn:aws:lambda:us-east-1:${x:none}:function:f""#, false),
    ])
    func selectsActionsAndResources(_ selection: String, _ expected: Bool) throws {
        let policy = try Self.policy(#"{"Effect":"Allow",\#(selection)}"#)
        #expect(Self.decide(Self.ada, identity: [policy]).isAllowed == expected)
    }

    /// Nobody escapes a denial of all but his own by having no value for the variable.
    @Test func deniesAllButAResourceThatIsNone() throws {
        let policy = try Self.policy(
            Self.statement(),
            #"{"Effect":"Deny","Action":"*","NotResource":"arn:aws:lambda:*:*:function:${x:none}"}"#
        )
        #expect(Self.decide(Self.ada, identity: [policy]) == .explicitDeny(by: .identity))
    }

    /// The statement that AddPermission makes for a bucket's notifications.
    @Test func holdsServicesToTheirSource() throws {
        let json = """
            {"Sid":"s","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction",\
            "Resource":"\(Self.function)","Condition":{"StringEquals":{"AWS:SourceAccount":"000000000000"},\
            "ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"}}}
            """
        let policy = try Self.policy(json, kind: .resource)
        func decide(_ context: [String: [String]]) -> AuthorizationDecision {
            let request = Self.request(by: Self.storage, action: "lambda:InvokeFunction", context: context)
            return PolicyEvaluation.decide(request, identityPolicies: [], resourcePolicy: policy)
        }
        let context = ["aws:SourceAccount": ["000000000000"], "aws:SourceArn": ["arn:aws:s3:::bucket"]]
        #expect(decide(context).isAllowed)
        #expect(!decide(["aws:SourceAccount": ["000000000000"]]).isAllowed)
        #expect(!decide(context.merging(["aws:SourceArn": ["arn:aws:s3:::bucket2"]]) { $1 }).isAllowed)
    }

    /// The trust policy of a role stands where a resource's policy stands.
    @Test func letsARoleBeAssumedByWhomItTrusts() throws {
        let json = #"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}"#
        let policy = try Self.policy(json, kind: .trust)
        func decide(_ principal: PolicyPrincipal) -> AuthorizationDecision {
            let role = "arn:aws:iam::000000000000:role/r"
            let request = Self.request(by: principal, action: "sts:AssumeRole", resource: role)
            return PolicyEvaluation.decide(request, identityPolicies: [], resourcePolicy: policy)
        }
        #expect(decide(.service("lambda.amazonaws.com")) == .allowed(by: .resource))
        #expect(decide(Self.storage) == .implicitDeny(missing: .resource))
        #expect(decide(Self.ada) == .implicitDeny(missing: .identity))
    }

    // MARK: - Refusals

    @Test(arguments: [
        (
            AuthorizationDecision.implicitDeny(missing: .identity),
            "because no identity-based policy allows the lambda:GetFunction action"
        ),
        (
            .implicitDeny(missing: .resource),
            "because no resource-based policy allows the lambda:GetFunction action"
        ),
        (.explicitDeny(by: .identity), "with an explicit deny in an identity-based policy"),
        (.explicitDeny(by: .resource), "with an explicit deny in a resource-based policy"),
    ])
    func refusesInAWSsWords(_ decision: AuthorizationDecision, _ reason: String) {
        #expect(
            decision.refusal(of: Self.request(by: Self.session))
                == "User: arn:aws:sts::000000000000:assumed-role/r/s is not authorized to perform: lambda:GetFunction "
                + "on resource: \(Self.function) \(reason)"
        )
        #expect(AuthorizationDecision.allowed(by: .identity).refusal(of: Self.request(by: Self.ada)) == nil)
    }

    // MARK: - Random policies

    /// A denial added can only take away, an allowance added only give, and what is allowed has a reason.
    @Test func deniesMoreWithEveryDenialAndLessWithEveryAllowance() throws {
        let seed: UInt64 = 23
        var generator = SeededGenerator(seed: seed)
        let names = [
            nil, #""*""#, #"{"AWS":"000000000000"}"#, #"{"AWS":"111111111111"}"#, #"{"Service":"s3.amazonaws.com"}"#,
        ]
        func statement(_ effect: String? = nil, isResource: Bool) -> String {
            Self.statement(
                effect ?? (Bool.random(using: &generator) ? "Allow" : "Deny"),
                action: ["*", "lambda:Get*", "lambda:List*"].randomElement(using: &generator)!,
                resource: ["*", Self.function, "arn:aws:s3:::*"].randomElement(using: &generator)!,
                principal: isResource ? names.dropFirst().randomElement(using: &generator)! : nil
            )
        }
        var counts: [Bool: Int] = [:]
        for round in 0..<1000 {
            let principal = [Self.ada, Self.bob, Self.session, Self.storage, .anonymous].randomElement(
                using: &generator
            )!
            let own = (0..<Int.random(in: 1...3, using: &generator)).map { _ in statement(isResource: false) }
            let its = (0..<Int.random(in: 1...3, using: &generator)).map { _ in statement(isResource: true) }
            func isAllowed(_ identity: [String] = [], _ resource: [String] = []) throws -> Bool {
                Self.decide(
                    principal,
                    identity: try (own + identity).map { try Self.policy($0) },
                    resource: try PolicyDocument(
                        json: Array(#"{"Statement":[\#((its + resource).joined(separator: ","))]}"#.utf8),
                        kind: .resource
                    )
                ).isAllowed
            }
            let before = try isAllowed()
            counts[before, default: 0] += 1
            let comment = Comment("seed \(seed), round \(round)")
            let isDeniedMore = try isAllowed(
                [statement("Deny", isResource: false)],
                [statement("Deny", isResource: true)]
            )
            #expect(!isDeniedMore || before, comment)
            let isAllowedMore = try isAllowed(
                [statement("Allow", isResource: false)],
                [statement("Allow", isResource: true)]
            )
            #expect(isAllowedMore || !before, comment)
            let everything = Self.statement("Deny", action: "*", resource: "*", principal: #""*""#)
            #expect(try !isAllowed([], [everything]), comment)
            if before { #expect((own + its).contains { $0.contains("Allow") }, comment) }
        }
        #expect(counts.values.allSatisfy { $0 > 50 } && counts.count == 2)
    }
}
