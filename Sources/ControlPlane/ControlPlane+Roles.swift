import Identity
import LambdaAPI
import MetadataStore

extension ControlPlane {
    /// Throws `InvalidParameterValueException` for a role whose trust policy keeps Lambda out. A role that is not known here
    /// is taken: functions may be brought along from elsewhere without their roles.
    func checkRole(_ arn: String) async throws(LambdaError) {
        guard let name = arn.split(separator: "/").last else { return }
        let role = try await inStore { store throws(MetadataStoreError) in try await store.role(named: String(name)) }
        guard let role, let trust = try? PolicyDocument(json: Array(role.trustPolicy.utf8), kind: .trust) else {
            return
        }
        let request = AuthorizationRequest(
            action: "sts:AssumeRole",
            resource: arn,
            resourceAccountID: dependencies.locality.accountID,
            principal: .service("lambda.amazonaws.com"),
            context: PolicyContext(["aws:SourceAccount": [dependencies.locality.accountID]])
        )
        let decision = PolicyEvaluation.decide(request, identityPolicies: [], resourcePolicy: trust)
        guard decision.isAllowed else {
            throw .invalidParameterValue("The role defined for the function cannot be assumed by Lambda.")
        }
    }
}
