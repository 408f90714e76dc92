package import IdentityAPI
import LambdaAPI
import MetadataStore

/// The policies of a role: those attached to it, and those that are its own.
extension IdentityService {
    private static let attachedPoliciesMax = 10
    /// Of all of a role's own policies together, without white space.
    private static let inlinePoliciesSizeMax = 10_240

    package func attachRolePolicy(_ request: AttachRolePolicyRequest) async throws(IdentityError) {
        try await changeRole(request.roleName) { role async throws(IdentityError) in
            let arn = try await usablePolicy(request.policyArn)
            guard !role.attachedPolicies.contains(arn) else { return }
            guard role.attachedPolicies.count < Self.attachedPoliciesMax else {
                throw .quota("PoliciesPerRole", Self.attachedPoliciesMax)
            }
            role.attachedPolicies.append(arn)
        }
    }

    package func detachRolePolicy(_ request: DetachRolePolicyRequest) async throws(IdentityError) {
        guard PolicyARN(request.policyArn) != nil else { throw .invalidARN(request.policyArn) }
        try await changeRole(request.roleName) { role throws(IdentityError) in
            let index = role.attachedPolicies.firstIndex { $0.rawValue == request.policyArn }
            guard let index else { throw .policyNotFound(request.policyArn) }
            role.attachedPolicies.remove(at: index)
        }
    }

    package func listAttachedRolePolicies(
        _ request: ListAttachedRolePoliciesRequest
    ) async throws(IdentityError) -> ListAttachedRolePoliciesResponse {
        let policies = try await existingRole(request.roleName).attachedPolicies
            .filter { $0.path.hasPrefix(request.pathPrefix ?? "/") }
        let page = try Page(of: policies, by: \.rawValue, request.maxItems, from: request.marker)
        return ListAttachedRolePoliciesResponse(
            attachedPolicies: page.elements.map { AttachedPolicy(policyName: $0.name, policyArn: $0.rawValue) },
            isTruncated: page.isTruncated,
            marker: page.marker
        )
    }

    package func putRolePolicy(_ request: PutRolePolicyRequest) async throws(IdentityError) {
        try Self.checkPolicy(request.policyDocument, for: .inline)
        try await changeRole(request.roleName) { role throws(IdentityError) in
            role.inlinePolicies[request.policyName] = request.policyDocument
            let size = role.inlinePolicies.values.reduce(0) { $0 + PolicyText.size($1) }
            guard size <= Self.inlinePoliciesSizeMax else {
                throw .inlinePolicySize(Self.inlinePoliciesSizeMax, ofRole: role.name)
            }
        }
    }

    package func getRolePolicy(_ request: GetRolePolicyRequest) async throws(IdentityError) -> GetRolePolicyResponse {
        let role = try await existingRole(request.roleName)
        guard let document = role.inlinePolicies[request.policyName] else {
            throw .rolePolicyNotFound(request.policyName)
        }
        return GetRolePolicyResponse(
            roleName: role.name,
            policyName: request.policyName,
            policyDocument: PolicyText.urlEncoded(document)
        )
    }

    package func deleteRolePolicy(_ request: DeleteRolePolicyRequest) async throws(IdentityError) {
        try await changeRole(request.roleName) { role throws(IdentityError) in
            guard role.inlinePolicies.removeValue(forKey: request.policyName) != nil else {
                throw .rolePolicyNotFound(request.policyName)
            }
        }
    }

    package func listRolePolicies(
        _ request: ListRolePoliciesRequest
    ) async throws(IdentityError) -> ListRolePoliciesResponse {
        let names = Array(try await existingRole(request.roleName).inlinePolicies.keys)
        let page = try Page(of: names, by: \.self, request.maxItems, from: request.marker)
        return ListRolePoliciesResponse(
            policyNames: page.elements,
            isTruncated: page.isTruncated,
            marker: page.marker
        )
    }

    /// The policy that a request wants a role to use: any of AWS's, or one of the account that is there.
    func usablePolicy(_ text: String) async throws(IdentityError) -> PolicyARN {
        guard let arn = PolicyARN(text) else { throw .invalidARN(text) }
        if arn.isOfAWS { return arn }
        guard let policy = try await policy(arn) else { throw .policyNotAttachable(text) }
        return policy.arn
    }
}
