package import LambdaAPI
import MetadataStore

// Resource policies of functions, versions and aliases. Source: `spec/control-plane.md` sections 1 and 2.
extension ControlPlane {
    package func addPermission(_ request: AddPermissionRequest) async throws(LambdaError) -> AddPermissionResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        let arn = reference.arn(in: dependencies.locality)
        guard reference.qualifier != .latest else { throw .policyOfLatest }
        let statement = FunctionPolicy.Statement(
            id: request.statementId,
            json: try PolicyStatementDocument(request, resource: arn).json
        )
        try await changePolicy(reference, expecting: request.revisionId) { policy throws(LambdaError) in
            let statements = policy?.statements ?? []
            guard !statements.contains(where: { $0.id == statement.id }) else {
                throw .statementExists(request.statementId)
            }
            let next = FunctionPolicy(revisionID: RequestID.random().rawValue, statements: statements + [statement])
            let size = next.document.utf8.count
            guard size <= Limits.resourcePolicySizeMax.bytes else { throw .policyTooLong(size) }
            return next
        }
        return AddPermissionResponse(statement: statement.json)
    }

    package func removePermission(_ request: RemovePermissionRequest) async throws(LambdaError) {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.function(named: reference.name)
        }
        guard record != nil else {
            throw .resourceNotFound("No policy found for: \(reference.arn(in: dependencies.locality))")
        }
        try await changePolicy(reference, expecting: request.revisionId) { policy throws(LambdaError) in
            guard let policy else { throw .noPolicy }
            let rest = policy.statements.filter { $0.id != request.statementId }
            guard rest.count < policy.statements.count else { throw .statementNotFound(request.statementId) }
            return rest.isEmpty ? nil : FunctionPolicy(revisionID: RequestID.random().rawValue, statements: rest)
        }
    }

    package func getPolicy(_ request: GetPolicyRequest) async throws(LambdaError) -> GetPolicyResponse {
        let policy = try await policy(of: try reference(request.functionName, qualifier: request.qualifier))
        return GetPolicyResponse(policy: policy.document, revisionId: policy.revisionID)
    }

    /// The policy of what a reference means; it must have one.
    func policy(of reference: FunctionReference) async throws(LambdaError) -> FunctionPolicy {
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.function(named: reference.name)
        }
        guard let policy = record?.attachments.policies[reference.attachmentKey] else { throw .resourceDoesNotExist }
        return policy
    }

    /// Replaces the policy of what a reference means by what `change` makes of it; nil is none.
    func changePolicy(
        _ reference: FunctionReference,
        expecting revisionID: String?,
        _ change: (FunctionPolicy?) throws(LambdaError) -> FunctionPolicy?
    ) async throws(LambdaError) {
        try await self.change(reference.name) { record throws(LambdaError) in
            _ = try await target(reference)
            let policy = record.attachments.policies[reference.attachmentKey]
            if let revisionID, revisionID != policy?.revisionID { throw .policyChanged }
            var next = record
            next.attachments.policies[reference.attachmentKey] = try change(policy)
            return RecordChange(record: next, value: ())
        }
    }
}

extension FunctionReference {
    /// What is attached to it is kept under this qualifier.
    var attachmentKey: String { qualifier?.rawValue ?? FunctionAttachments.unqualified }

    /// The ARN that always names a version or alias, be it the unpublished version.
    func qualifiedARN(in locality: Locality) -> String {
        locality.functionARN(name, qualifier: qualifier ?? .latest)
    }
}

extension FunctionPolicy {
    /// The whole policy as the API shows it.
    var document: String {
        PolicyStatementDocument.policy(ofStatements: statements.map(\.json))
    }
}

extension LambdaError {
    /// A `RevisionId` guard that does not hold for a function's policy.
    fileprivate static let policyChanged = LambdaError(
        .preconditionFailedException,
        "The Revision Id provided does not match the latest Revision Id. "
            + "Call the GetPolicy API to retrieve the latest Revision Id"
    )
}
