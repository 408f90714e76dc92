package import LambdaAPI
import MetadataStore

extension ControlPlane {
    package func addLayerVersionPermission(
        _ request: AddLayerVersionPermissionRequest
    ) async throws(LambdaError) -> AddLayerVersionPermissionResponse {
        let name = try ownLayer(request.layerName, for: .addLayerVersionPermission).name
        let arn = dependencies.locality.layerVersionARN(name, request.versionNumber)
        let statement = LayerPolicy.Statement(
            id: request.statementId,
            principal: request.principal,
            organizationID: request.organizationId
        )
        let policy = try await changePolicy(
            ofVersion: request.versionNumber,
            of: name,
            expecting: request.revisionId
        ) { statements throws(LambdaError) in
            guard !statements.contains(where: { $0.id == statement.id }) else {
                throw .statementExists(statement.id)
            }
            let next = statements + [statement]
            let size = LayerPolicyDocument(statements: next, resource: arn).json.utf8.count
            guard size <= Limits.resourcePolicySizeMax.bytes else { throw .policyTooLong(size) }
            return next
        }
        return AddLayerVersionPermissionResponse(
            statement: LayerPolicyDocument.json(of: statement, resource: arn),
            revisionId: policy?.revisionID
        )
    }

    package func removeLayerVersionPermission(
        _ request: RemoveLayerVersionPermissionRequest
    ) async throws(LambdaError) {
        _ = try await changePolicy(
            ofVersion: request.versionNumber,
            of: try ownLayer(request.layerName, for: .removeLayerVersionPermission).name,
            expecting: request.revisionId
        ) { statements throws(LambdaError) in
            guard !statements.isEmpty else { throw .noPolicy }
            guard statements.contains(where: { $0.id == request.statementId }) else {
                throw .statementNotFound(request.statementId)
            }
            return statements.filter { $0.id != request.statementId }
        }
    }

    package func getLayerVersionPolicy(
        _ request: GetLayerVersionPolicyRequest
    ) async throws(LambdaError) -> GetLayerVersionPolicyResponse {
        let name = try ownLayer(request.layerName, for: .getLayerVersionPolicy).name
        let arn = dependencies.locality.layerVersionARN(name, request.versionNumber)
        let record = try await layerVersion(
            request.versionNumber,
            of: name,
            orThrow: .layerVersionNotFound(arn: arn)
        )
        guard let policy = record.policy else { throw .noPolicy }
        return GetLayerVersionPolicyResponse(
            policy: LayerPolicyDocument(statements: policy.statements, resource: arn).json,
            revisionId: policy.revisionID
        )
    }

    /// Replaces a policy's statements by what `change` makes of them. A change that somebody else was ahead of is made
    /// again on what they have left, unless the caller has said which revision they mean.
    ///
    /// - Returns: The new policy, nil if no statement is left.
    private func changePolicy(
        ofVersion version: Int,
        of name: LayerName,
        expecting revisionID: String?,
        _ change: ([LayerPolicy.Statement]) throws(LambdaError) -> [LayerPolicy.Statement]
    ) async throws(LambdaError) -> LayerPolicy? {
        let missing = LambdaError.layerVersionNotFound(arn: dependencies.locality.layerVersionARN(name, version))
        while true {
            let current = try await layerVersion(version, of: name, orThrow: missing).policy
            if let revisionID, revisionID != current?.revisionID { throw .layerPolicyChanged }
            let statements = try change(current?.statements ?? [])
            let next =
                statements.isEmpty
                ? nil : LayerPolicy(revisionID: RequestID.random().rawValue, statements: statements)
            do throws(MetadataStoreError) {
                try await dependencies.store.setPolicy(
                    next,
                    ofVersion: version,
                    of: name,
                    expecting: current?.revisionID
                )
                return next
            } catch {
                guard error.code == .conflict else { throw .service(cause: error) }
            }
        }
    }
}
