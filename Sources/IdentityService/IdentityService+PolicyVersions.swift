package import IdentityAPI
import LambdaAPI
import MetadataStore

extension IdentityService {
    private static let versionsMax = 5
    /// Of a managed policy, without white space.
    private static let managedPolicySizeMax = 6144

    package func createPolicyVersion(
        _ request: CreatePolicyVersionRequest
    ) async throws(IdentityError) -> CreatePolicyVersionResponse {
        let arn = try Self.changeableARN(request.policyArn)
        try Self.checkManaged(request.policyDocument)
        let now = now
        let record = try await changePolicy(arn) { policy throws(IdentityError) in
            guard policy.versions.count < Self.versionsMax else { throw .policyVersions }
            policy.lastVersion += 1
            policy.versions.append(
                .init(number: policy.lastVersion, document: request.policyDocument, created: now)
            )
            if request.setAsDefault == true {
                policy.defaultVersion = policy.lastVersion
                policy.updated = now
            }
        }
        var version = PolicyVersion(record.versions[record.versions.count - 1], of: record)
        version.document = nil
        return CreatePolicyVersionResponse(policyVersion: version)
    }

    package func getPolicyVersion(
        _ request: GetPolicyVersionRequest
    ) async throws(IdentityError) -> GetPolicyVersionResponse {
        let arn = try Self.arn(request.policyArn)
        if let policy = AWSManagedPolicy.of(arn) {
            let version = PolicyVersion(policy)
            guard version.versionId == request.versionId else {
                throw .policyVersionNotFound(request.versionId, of: arn)
            }
            return GetPolicyVersionResponse(policyVersion: version)
        }
        let record = try await existingPolicy(arn)
        let index = try Self.index(of: request.versionId, in: record)
        return GetPolicyVersionResponse(policyVersion: PolicyVersion(record.versions[index], of: record))
    }

    package func listPolicyVersions(
        _ request: ListPolicyVersionsRequest
    ) async throws(IdentityError) -> ListPolicyVersionsResponse {
        let arn = try Self.arn(request.policyArn)
        var versions: [PolicyVersion]
        if let policy = AWSManagedPolicy.of(arn) {
            versions = [PolicyVersion(policy)]
        } else {
            let record = try await existingPolicy(arn)
            versions = record.versions.map { PolicyVersion($0, of: record) }
        }
        for index in versions.indices { versions[index].document = nil }
        // The newest first, as IAM has them.
        let page = try Page(of: versions, by: Self.newestFirst, request.maxItems, from: request.marker)
        return ListPolicyVersionsResponse(
            versions: page.elements,
            isTruncated: page.isTruncated,
            marker: page.marker
        )
    }

    package func setDefaultPolicyVersion(_ request: SetDefaultPolicyVersionRequest) async throws(IdentityError) {
        let arn = try Self.changeableARN(request.policyArn)
        let now = now
        try await changePolicy(arn) { policy throws(IdentityError) in
            let number = policy.versions[try Self.index(of: request.versionId, in: policy)].number
            guard number != policy.defaultVersion else { return }
            policy.defaultVersion = number
            policy.updated = now
        }
    }

    package func deletePolicyVersion(_ request: DeletePolicyVersionRequest) async throws(IdentityError) {
        let arn = try Self.changeableARN(request.policyArn)
        try await changePolicy(arn) { policy throws(IdentityError) in
            let index = try Self.index(of: request.versionId, in: policy)
            guard policy.versions[index].number != policy.defaultVersion else { throw .defaultVersion }
            policy.versions.remove(at: index)
        }
    }

    static func checkManaged(_ document: String) throws(IdentityError) {
        try checkPolicy(document, for: .managed)
        guard PolicyText.size(document) <= managedPolicySizeMax else {
            throw .quota("PolicySize", managedPolicySizeMax)
        }
    }

    private static func index(
        of versionID: String,
        in policy: ManagedPolicyRecord
    ) throws(IdentityError) -> Int {
        guard let index = policy.versions.firstIndex(where: { "v\($0.number)" == versionID }) else {
            throw .policyVersionNotFound(versionID, of: policy.arn)
        }
        return index
    }

    /// A text that sorts versions from the highest number down.
    private static func newestFirst(_ version: PolicyVersion) -> String {
        let number = Int(version.versionId?.dropFirst() ?? "") ?? 0
        return String(Int.max - number)
    }
}

extension PolicyVersion {
    init(_ version: ManagedPolicyRecord.Version, of policy: ManagedPolicyRecord) {
        self.init(
            document: PolicyText.urlEncoded(version.document),
            versionId: "v\(version.number)",
            isDefaultVersion: version.number == policy.defaultVersion,
            createDate: version.created
        )
    }
}
