/// Who sends a request, as policies see them.
package enum PolicyPrincipal: Hashable, Sendable {
    /// A user of an account.
    case user(accountID: String, path: String = "/", name: String, id: String)
    /// A session of a role, with the role's path.
    case session(accountID: String, rolePath: String = "/", role: String, roleID: String, name: String)
    /// The account itself, which may do in it all that is not denied.
    case root(accountID: String)
    /// A service of AWS's, such as `s3.amazonaws.com`.
    case service(String)
    /// Nobody: a request without a signature.
    case anonymous

    /// The account whose identity policies count; nil for who has none.
    package var accountID: String? {
        switch self {
        case .user(let accountID, _, _, _), .session(let accountID, _, _, _, _), .root(let accountID): accountID
        case .service, .anonymous: nil
        }
    }

    /// The ARN as refusals and `GetCallerIdentity` have it; a service's name, and `anonymous` for nobody.
    package var arn: String {
        switch self {
        case .user(let accountID, let path, let name, _): "arn:aws:iam::\(accountID):user\(path)\(name)"
        case .session(let accountID, _, let role, _, let name):
            "arn:aws:sts::\(accountID):assumed-role/\(role)/\(name)"
        case .root(let accountID): "arn:aws:iam::\(accountID):root"
        case .service(let name): name
        case .anonymous: "anonymous"
        }
    }

    /// The ARN of the role for a session, of the principal itself for all others.
    private var identityARN: String {
        guard case .session(let accountID, let path, let role, _, _) = self else { return arn }
        return "arn:aws:iam::\(accountID):role\(path)\(role)"
    }

    /// The values of the condition keys that tell of the principal.
    var context: PolicyContext {
        var context = PolicyContext()
        context["aws:PrincipalIsAWSService"] = ["false"]
        switch self {
        case .user(_, _, let name, let id):
            context["aws:username"] = [name]
            context["aws:userid"] = [id]
            context["aws:PrincipalType"] = ["User"]
        case .session(_, _, _, let roleID, let name):
            context["aws:userid"] = ["\(roleID):\(name)"]
            context["aws:PrincipalType"] = ["AssumedRole"]
        case .root(let accountID):
            context["aws:userid"] = [accountID]
            context["aws:PrincipalType"] = ["Account"]
        case .service(let name):
            context["aws:PrincipalIsAWSService"] = ["true"]
            context["aws:PrincipalServiceName"] = [name]
            context["aws:PrincipalServiceNamesList"] = [name]
        case .anonymous:
            context["aws:userid"] = ["anonymous"]
            context["aws:PrincipalType"] = ["Anonymous"]
        }
        if let accountID {
            context["aws:PrincipalAccount"] = [accountID]
            context["aws:PrincipalArn"] = [identityARN]
        }
        return context
    }

    /// How a principal that a policy names takes this one in.
    enum Match: Comparable {
        case none
        /// Its account is named: the account may pass the permission on, by identity policies of its own.
        case account
        case itself
    }

    /// Compares this with one name of a `Principal` element.
    func match(_ name: PolicyPrincipalName) -> Match {
        switch (name, self) {
        case (.everyone, _): return .itself
        case (.service(let service), .service(let own)): return service == own ? .itself : .none
        case (.service, _), (.other, _): return .none
        case (.aws(let text), _):
            guard let accountID else { return .none }
            if text == arn || text == identityARN { return .itself }
            guard text == accountID || text == "arn:aws:iam::\(accountID):root" else { return .none }
            if case .root = self { return .itself }
            return .account
        }
    }
}

/// A name in a `Principal` or `NotPrincipal` element.
enum PolicyPrincipalName: Hashable, Sendable {
    /// `"*"` or `{"AWS": "*"}`.
    case everyone
    /// The ARN of a user, role, session or account, or the account's number.
    case aws(String)
    case service(String)
    /// A kind that nobody here is of, such as `Federated`.
    case other(kind: String, name: String)
}
