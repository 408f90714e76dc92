package import LambdaAPI
import MetadataStore

// Resource policies as whole documents; AddPermission and its like change the same ones, a statement at a time.
extension ControlPlane {
    package func putResourcePolicy(
        _ request: PutResourcePolicyRequest
    ) async throws(LambdaError) -> PutResourcePolicyResponse {
        let statements = try Self.statements(ofPolicy: request.policy)
        let policy = FunctionPolicy(revisionID: RequestID.random().rawValue, statements: statements)
        guard policy.document.utf8.count <= Limits.resourcePolicySizeMax.bytes else {
            throw .policyTooLong(policy.document.utf8.count)
        }
        try await changePolicy(try policyOwner(request.resourceArn), expecting: request.revisionId) { _ in policy }
        return PutResourcePolicyResponse(policy: policy.document, revisionId: policy.revisionID)
    }

    package func getResourcePolicy(
        _ request: GetResourcePolicyRequest
    ) async throws(LambdaError) -> GetResourcePolicyResponse {
        let policy = try await policy(of: try policyOwner(request.resourceArn))
        return GetResourcePolicyResponse(policy: policy.document, revisionId: policy.revisionID)
    }

    package func deleteResourcePolicy(_ request: DeleteResourcePolicyRequest) async throws(LambdaError) {
        let owner = try policyOwner(request.resourceArn)
        _ = try await policy(of: owner)
        try await changePolicy(owner, expecting: request.revisionId) { _ in nil }
    }

    /// The function, version or alias that an ARN means.
    private func policyOwner(_ arn: String) throws(LambdaError) -> FunctionReference {
        guard arn.split(separator: ":", omittingEmptySubsequences: false).dropFirst(5).first == "function" else {
            throw .resourceDoesNotExist
        }
        let reference = try reference(arn)
        guard reference.qualifier != .latest else { throw .policyOfLatest }
        return reference
    }

    /// The statements of a policy, each by itself. Throws `InvalidParameterValueException` if it is none.
    private static func statements(ofPolicy policy: String) throws(LambdaError) -> [FunctionPolicy.Statement] {
        guard let json = try? JSONParser.parse(Array(policy.utf8)), case .object(let document) = json else {
            throw .malformedPolicy("it is not a JSON object")
        }
        let values: [JSONValue] =
            switch document["Statement"] {
            case .array(let values)?: values
            case .object(let object)?: [.object(object)]
            default: []
            }
        guard !values.isEmpty else { throw .malformedPolicy("it has no Statement") }
        var statements: [FunctionPolicy.Statement] = []
        for value in values {
            guard case .object(let object) = value else { throw .malformedPolicy("a Statement is not an object") }
            for name in ["Effect", "Action"] where object[name] == nil && object["Not" + name] == nil {
                throw .malformedPolicy("a Statement has no \(name)")
            }
            guard object["Principal"] != nil || object["NotPrincipal"] != nil else {
                throw .malformedPolicy("a Statement has no Principal")
            }
            let id: String? =
                if case .string(let text)? = object["Sid"] { text.string } else { nil }
            guard id == nil || !statements.contains(where: { $0.id == id }) else {
                throw .malformedPolicy("two Statements have the Sid \(id ?? "")")
            }
            statements.append(.init(id: id, json: String(decoding: JSONWriter.bytes(of: value), as: UTF8.self)))
        }
        return statements
    }
}

extension LambdaError {
    /// Policies are of functions, versions and aliases.
    static let policyOfLatest = invalidParameterValue("We currently do not support adding policies for $LATEST.")

    fileprivate static func malformedPolicy(_ reason: String) -> LambdaError {
        invalidParameterValue("The resource policy is malformed: \(reason).")
    }
}
