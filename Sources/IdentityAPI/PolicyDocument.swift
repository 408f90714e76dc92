import LambdaAPI

/// A policy's document, read and checked as far as IAM checks it before it takes one.
package struct PolicyDocument: Sendable {
    /// What the document is for, which decides what it must have and must not have.
    package enum Purpose: Sendable {
        /// Who may assume a role.
        case trust
        /// What whoever has the policy may do; in a role, or managed.
        case inline, managed
    }

    /// The parts of a statement that are acted on here.
    struct Statement: Sendable {
        var isAllow: Bool
        /// By kind, such as `Service`; `*` alone is the kind `*`. Nil if the statement names none.
        var principals: [String: [String]]?
        var isNotPrincipal: Bool
        var actions: [String]
        var isNotAction: Bool
        var hasCondition: Bool
    }

    let statements: [Statement]

    /// Reads a document. Throws `MalformedPolicyDocument` with IAM's text for the first thing that is wrong.
    package init(_ text: String, for purpose: Purpose) throws(IdentityError) {
        guard let value = try? JSONParser.parse(Array(text.utf8)), case .object(let document) = value else {
            throw purpose == .trust ? .malformedPolicy("This policy contains invalid Json") : .policySyntax
        }
        try Self.checkVersion(of: document, for: purpose)
        var ids: Set<String> = []
        var statements: [Statement] = []
        for statement in try Self.objects(document["Statement"]) {
            try Self.checkID(of: statement, among: &ids)
            statements.append(try Self.statement(statement, for: purpose))
        }
        self.statements = statements
    }

    private static func checkVersion(of document: JSONObject, for purpose: Purpose) throws(IdentityError) {
        let members: Set = ["Version", "Id", "Statement"]
        guard document.members.allSatisfy({ members.contains($0.name) }) else { throw .policySyntax }
        let version = try document["Version"].map { value throws(IdentityError) in try text(value) } ?? "2008-10-17"
        switch version {
        case "2012-10-17": return
        case "2008-10-17" where purpose != .managed: return
        case "2008-10-17": throw .malformedPolicy("Policy document must be version 2012-10-17 or greater.")
        default: throw .policySyntax
        }
    }

    private static func checkID(of statement: JSONObject, among ids: inout Set<String>) throws(IdentityError) {
        guard let value = statement["Sid"] else { return }
        let id = try text(value)
        let isAlphanumeric = id.unicodeScalars.allSatisfy { $0.isASCII && ($0.properties.isAlphabetic || isDigit($0)) }
        guard isAlphanumeric else {
            throw .malformedPolicy(
                "Statement IDs (SID) must be alpha-numeric. "
                    + "Check that your input satisfies the regular expression [0-9A-Za-z]*"
            )
        }
        guard id.isEmpty || ids.insert(id).inserted else {
            throw .malformedPolicy("Statement IDs (SID) in a single policy must be unique.")
        }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
}

// MARK: - Statements

extension PolicyDocument {
    private static let statementMembers: Set = [
        "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
    ]

    private static func statement(_ object: JSONObject, for purpose: Purpose) throws(IdentityError) -> Statement {
        guard object.members.allSatisfy({ statementMembers.contains($0.name) }) else { throw .policySyntax }
        guard let effect = object["Effect"], ["Allow", "Deny"].contains(try text(effect)) else { throw .policySyntax }
        if let condition = object["Condition"] {
            guard case .object = condition else { throw .policySyntax }
        }
        switch purpose {
        case .trust: try checkTrust(object)
        case .inline, .managed: try checkResources(object)
        }
        let actions = try actions(object, for: purpose)
        return Statement(
            isAllow: try text(effect) == "Allow",
            principals: try principals(object["Principal"] ?? object["NotPrincipal"]),
            isNotPrincipal: object["NotPrincipal"] != nil,
            actions: actions,
            isNotAction: object["NotAction"] != nil,
            hasCondition: object["Condition"] != nil
        )
    }

    private static func checkTrust(_ object: JSONObject) throws(IdentityError) {
        for name in ["Resource", "NotResource"] where object[name] != nil {
            throw .malformedPolicy("Has prohibited field \(name)")
        }
        guard (object["Principal"] == nil) != (object["NotPrincipal"] == nil) else {
            throw object["Principal"] == nil ? .malformedPolicy("Missing required field Principal") : .policySyntax
        }
    }

    private static func checkResources(_ object: JSONObject) throws(IdentityError) {
        guard object["Principal"] == nil, object["NotPrincipal"] == nil else {
            throw .malformedPolicy("Policy document should not specify a principal.")
        }
        guard object["Resource"] == nil || object["NotResource"] == nil else { throw .policySyntax }
        let resources = try texts(object["Resource"] ?? object["NotResource"])
        guard !resources.isEmpty else { throw .malformedPolicy("Policy statement must contain resources.") }
        for resource in resources where resource != "*" && !resource.hasPrefix("arn:") {
            throw .malformedPolicy("Resource \(resource) must be in ARN format or \"*\".")
        }
    }

    private static func actions(_ object: JSONObject, for purpose: Purpose) throws(IdentityError) -> [String] {
        guard object["Action"] == nil || object["NotAction"] == nil else { throw .policySyntax }
        let actions = try texts(object["Action"] ?? object["NotAction"])
        guard !actions.isEmpty else {
            throw .malformedPolicy(
                purpose == .trust ? "Missing required field Action" : "Policy statement must contain actions."
            )
        }
        for action in actions {
            if purpose == .trust, !action.lowercased().hasPrefix("sts:") {
                throw .malformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.")
            }
            guard action == "*" || action.split(separator: ":", omittingEmptySubsequences: false).count == 2 else {
                throw .malformedPolicy(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
                )
            }
        }
        return actions
    }

    private static func principals(_ value: JSONValue?) throws(IdentityError) -> [String: [String]]? {
        switch value {
        case nil:
            return nil
        case .string(let text) where text.string == "*":
            return ["*": ["*"]]
        case .object(let object) where !object.members.isEmpty:
            var principals: [String: [String]] = [:]
            for member in object.members {
                let names = try texts(member.value)
                guard ["AWS", "Service", "Federated", "CanonicalUser"].contains(member.name), !names.isEmpty else {
                    throw .malformedPolicy("Invalid principal in policy")
                }
                for name in names where member.name == "Service" && !name.contains(".amazonaws.com") {
                    throw .malformedPolicy("Invalid principal in policy: \"SERVICE\":\"\(name)\"")
                }
                principals[member.name] = names
            }
            return principals
        default:
            throw .malformedPolicy("Invalid principal in policy")
        }
    }

    // MARK: Values that may be one or a list

    private static func text(_ value: JSONValue) throws(IdentityError) -> String {
        guard case .string(let text) = value else { throw .policySyntax }
        return text.string
    }

    private static func texts(_ value: JSONValue?) throws(IdentityError) -> [String] {
        guard let value else { return [] }
        guard case .array(let values) = value else { return [try text(value)] }
        var texts: [String] = []
        for value in values { texts.append(try text(value)) }
        return texts
    }

    private static func objects(_ value: JSONValue?) throws(IdentityError) -> [JSONObject] {
        var objects: [JSONObject] = []
        switch value {
        case .object(let object): objects = [object]
        case .array(let values):
            for value in values {
                guard case .object(let object) = value else { throw .policySyntax }
                objects.append(object)
            }
        default: break
        }
        guard !objects.isEmpty else { throw .policySyntax }
        return objects
    }
}

extension IdentityError {
    /// A document that IAM does not take.
    static func malformedPolicy(_ message: String) -> IdentityError {
        IdentityError(.malformedPolicyDocument, message)
    }

    static let policySyntax = malformedPolicy("Syntax errors in policy.")
}
