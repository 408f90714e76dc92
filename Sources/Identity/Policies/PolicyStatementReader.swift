import LambdaAPI

/// Reads the statements of one policy and checks that they are what IAM takes.
struct PolicyStatementReader {
    let kind: PolicyDocument.Kind
    let hasVariables: Bool

    private static let fields: Set<String> = [
        "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
    ]

    func statement(_ json: JSONValue) throws(PolicyError) -> PolicyStatement {
        guard case .object(let object) = json else { throw .syntax }
        let fields = try PolicyFields(object, known: Self.fields)
        return PolicyStatement(
            sid: try sid(fields),
            effect: try effect(fields),
            principals: try principals(fields),
            actions: try actions(fields),
            resources: try resources(fields),
            conditions: try conditions(fields)
        )
    }

    /// An empty name is no name. Only IAM's own policies are strict about the letters.
    private func sid(_ fields: PolicyFields) throws(PolicyError) -> String? {
        guard let sid = try fields.text("Sid"), !sid.isEmpty else { return nil }
        let isPlain = sid.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        guard isPlain || kind != .identity else { throw .invalidStatementID }
        return sid
    }

    private func effect(_ fields: PolicyFields) throws(PolicyError) -> PolicyStatement.Effect {
        guard let text = try fields.text("Effect") else { throw .missingField("Effect") }
        guard let effect = PolicyStatement.Effect(rawValue: text) else { throw .syntax }
        return effect
    }

    /// The one of the two names that the statement has; nil when it has neither.
    private func selected(_ name: String, _ fields: PolicyFields) throws(PolicyError) -> (name: String, isNot: Bool)? {
        switch (fields[name] != nil, fields["Not\(name)"] != nil) {
        case (true, true): throw .syntax
        case (true, false): (name, false)
        case (false, true): ("Not\(name)", true)
        case (false, false): nil
        }
    }

    // MARK: - Actions and resources

    private func actions(_ fields: PolicyFields) throws(PolicyError) -> PolicyStatement.Selection<WildcardPattern> {
        guard let (name, isNot) = try selected("Action", fields), let texts = try fields.texts(name), !texts.isEmpty
        else { throw kind == .trust ? .missingField("Action") : .noActions }
        for text in texts where text != "*" {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard kind != .trust || parts[0].lowercased() == "sts" else { throw .otherThanAssuming }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { throw .noVendor }
        }
        guard kind != .trust || !texts.contains("*") else { throw .otherThanAssuming }
        let patterns = texts.map { WildcardPattern($0, ignoringCase: true) }
        return isNot ? .allBut(patterns) : .only(patterns)
    }

    private func resources(_ fields: PolicyFields) throws(PolicyError) -> PolicyStatement.Selection<PolicyText>? {
        let selected = try selected("Resource", fields)
        if kind == .trust {
            guard selected == nil else { throw .resourceInTrustPolicy }
            return nil
        }
        guard let (name, isNot) = selected, let texts = try fields.texts(name), !texts.isEmpty else {
            throw .noResources
        }
        for text in texts where text != "*" {
            // An ARN whose end is a wildcard may have fewer parts: `arn:aws:lambda:*`.
            let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
            guard parts[0] == "arn", parts.count == 6 || text.hasSuffix("*") else { throw .invalidResource(text) }
        }
        let patterns = texts.map { PolicyText($0, hasVariables: hasVariables) }
        return isNot ? .allBut(patterns) : .only(patterns)
    }

    // MARK: - Principals

    private func principals(
        _ fields: PolicyFields
    ) throws(PolicyError) -> PolicyStatement.Selection<PolicyPrincipalName>? {
        guard let (name, isNot) = try selected("Principal", fields) else {
            guard kind == .identity else {
                throw kind == .trust ? .missingField("Principal") : .noPrincipals
            }
            return nil
        }
        guard kind != .identity else { throw .principalInIdentityPolicy }
        let names = try principalNames(fields[name])
        return isNot ? .allBut(names) : .only(names)
    }

    private func principalNames(_ json: JSONValue?) throws(PolicyError) -> [PolicyPrincipalName] {
        if case .string(let text) = json {
            guard text.string == "*" else { throw .invalidPrincipal(kind: "STAR", text.string) }
            return [.everyone]
        }
        guard case .object(let object) = json else { throw .syntax }
        let fields = try PolicyFields(object)
        var names: [PolicyPrincipalName] = []
        for kind in fields.names {
            for text in try fields.texts(kind) ?? [] { names.append(try principalName(kind: kind, text)) }
        }
        guard !names.isEmpty else { throw .noPrincipals }
        return names
    }

    private func principalName(kind: String, _ text: String) throws(PolicyError) -> PolicyPrincipalName {
        switch kind {
        case "AWS":
            if text == "*" { return .everyone }
            let isAccount = text.utf8.count == 12 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
            let isID = text.hasPrefix("AIDA") || text.hasPrefix("AROA")
            // Wildcards are no part of an ARN here, and none is ever matched as one.
            let isARN = text.hasPrefix("arn:") && text.split(separator: ":").count >= 5 && !text.contains("*")
            guard isAccount || isID || isARN else { throw .invalidPrincipal(kind: kind, text) }
            return .aws(text)
        case "Service":
            guard text.contains("."), !text.contains("*") else { throw .invalidPrincipal(kind: kind, text) }
            return .service(text)
        case "Federated", "CanonicalUser": return .other(kind: kind, name: text)
        default: throw .invalidPrincipal(kind: kind, text)
        }
    }

    // MARK: - Conditions

    private func conditions(_ fields: PolicyFields) throws(PolicyError) -> [PolicyCondition] {
        guard let json = fields["Condition"] else { return [] }
        guard case .object(let object) = json else { throw .syntax }
        let operators = try PolicyFields(object)
        var conditions: [PolicyCondition] = []
        for name in operators.names {
            guard case .object(let object) = operators[name] else { throw .syntax }
            let keys = try PolicyFields(object)
            for key in keys.names {
                guard key.contains(":") else { throw .noVendor }
                let values = try conditionValues(keys[key])
                    .map { PolicyText($0, hasVariables: hasVariables) }
                guard let condition = PolicyCondition(operator: name, key: key, values: values) else {
                    throw .invalidCondition(name)
                }
                conditions.append(condition)
            }
        }
        return conditions
    }

    private func conditionValues(_ json: JSONValue?) throws(PolicyError) -> [String] {
        switch json {
        case .string(let text): return [text.string]
        case .bool(let value): return ["\(value)"]
        case .integer(let value): return ["\(value)"]
        case .double(let value): return ["\(value)"]
        case .array(let values):
            var texts: [String] = []
            for value in values {
                if case .array = value { throw .syntax }
                texts += try conditionValues(value)
            }
            return texts
        default: throw .syntax
        }
    }
}
