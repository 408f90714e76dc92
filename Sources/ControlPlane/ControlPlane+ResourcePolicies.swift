import Identity
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
            throw .malformedPolicy("It is not a JSON object.")
        }
        // What is kept is of this version, and statements of an older one may mean something else.
        guard case .string(let version)? = document["Version"], version.string == "2012-10-17" else {
            throw .malformedPolicy("Its Version must be 2012-10-17.")
        }
        do throws(PolicyError) {
            _ = try PolicyDocument(json: Array(policy.utf8), kind: .resource)
        } catch {
            throw .malformedPolicy(error.message)
        }
        let values: [JSONValue] =
            switch document["Statement"] {
            case .array(let values)?: values
            case .object(let object)?: [.object(object)]
            default: []
            }
        return values.map { value in
            var id: String?
            if case .object(let object) = value, case .string(let text)? = object["Sid"] { id = text.string }
            return .init(id: id, json: String(decoding: JSONWriter.bytes(of: value), as: UTF8.self))
        }
    }
}

extension LambdaError {
    /// Policies are of functions, versions and aliases.
    static let policyOfLatest = invalidParameterValue("We currently do not support adding policies for $LATEST.")

    fileprivate static func malformedPolicy(_ reason: String) -> LambdaError {
        invalidParameterValue("The resource policy is malformed: \(reason)")
    }
}
