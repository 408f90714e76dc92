package import IdentityAPI
import LambdaAPI
import MetadataStore

extension IdentityService {
    package func createPolicy(_ request: CreatePolicyRequest) async throws(IdentityError) -> CreatePolicyResponse {
        try Self.checkManaged(request.policyDocument)
        let record = ManagedPolicyRecord(
            arn: PolicyARN(accountID: accountID, path: request.path ?? "/", name: request.policyName),
            id: EntityID.policy(),
            description: request.description,
            document: request.policyDocument,
            tags: try Tagging.tags(request.tags ?? [], addedTo: [], quota: Tagging.ofPolicy),
            created: now
        )
        let inserted = try await stored(expecting: [.exists]) { store throws(MetadataStoreError) in
            try await store.insertPolicy(record)
            return true
        }
        guard inserted == true else { throw .policyExists(request.policyName) }
        return CreatePolicyResponse(policy: Policy(record, PolicyUsage()))
    }

    package func getPolicy(
        _ request: IdentityAPI.GetPolicyRequest
    ) async throws(IdentityError) -> IdentityAPI.GetPolicyResponse {
        let arn = try Self.arn(request.policyArn)
        let usage = try await policyUsage()[arn] ?? PolicyUsage()
        if let policy = AWSManagedPolicy.of(arn) { return IdentityAPI.GetPolicyResponse(policy: Policy(policy, usage)) }
        return IdentityAPI.GetPolicyResponse(policy: Policy(try await existingPolicy(arn), usage))
    }

    package func listPolicies(_ request: ListPoliciesRequest) async throws(IdentityError) -> ListPoliciesResponse {
        let usage = try await policyUsage()
        let prefix = request.pathPrefix ?? "/"
        let ways = Self.ways(request)
        var policies: [Policy] = []
        if request.scope != .aws {
            let records = try await stored { store throws(MetadataStoreError) in
                try await store.policies(after: nil, pathPrefix: prefix, usedIn: ways, limit: .max)
            }
            policies = (records ?? []).map { Policy(listed: $0, usage[$0.arn] ?? PolicyUsage()) }
        }
        if request.scope != .local {
            policies += AWSManagedPolicy.all.filter { $0.arn.path.hasPrefix(prefix) }
                .map { Policy($0, usage[$0.arn] ?? PolicyUsage()) }
                .filter { $0.isUsed(in: ways) }
        }
        let page = try Page(of: policies, by: { $0.arn ?? "" }, request.maxItems, from: request.marker)
        return ListPoliciesResponse(policies: page.elements, isTruncated: page.isTruncated, marker: page.marker)
    }

    /// The ways of use that a list is narrowed to; nil when it is not.
    private static func ways(_ request: ListPoliciesRequest) -> Set<PolicyUse.Way>? {
        switch request.policyUsageFilter {
        case .permissionsPolicy?: [.attached]
        case .permissionsBoundary?: [.boundary]
        default: request.onlyAttached == true ? [.attached] : nil
        }
    }

    package func deletePolicy(_ request: DeletePolicyRequest) async throws(IdentityError) {
        let arn = try Self.changeableARN(request.policyArn)
        try await untilUnchanged { () async throws(IdentityError) in
            let record = try await existingPolicy(arn)
            guard try await policyUsage()[arn] == nil else { throw .policyInUse }
            guard record.versions.count == 1 else { throw .policyHasVersions }
            return try await stored(expecting: [.conflict]) { store throws(MetadataStoreError) in
                try await store.deletePolicy(named: record.name, expecting: record.generation)
            }
        }
    }

    package func listEntitiesForPolicy(
        _ request: ListEntitiesForPolicyRequest
    ) async throws(IdentityError) -> ListEntitiesForPolicyResponse {
        let arn = try Self.arn(request.policyArn)
        if !arn.isOfAWS { _ = try await existingPolicy(arn) }
        let ways: Set<PolicyUse.Way> =
            switch request.policyUsageFilter {
            case .permissionsPolicy?: [.attached]
            case .permissionsBoundary?: [.boundary]
            default: [.attached, .boundary]
            }
        var page = Page<RoleRecord>()
        if [nil, .role].contains(request.entityFilter) {
            page = try await rolePage(
                request.pathPrefix,
                using: PolicyUse(arn, in: ways),
                request.maxItems,
                from: request.marker
            )
        }
        return ListEntitiesForPolicyResponse(
            policyGroups: [],
            policyUsers: [],
            policyRoles: page.elements.map { PolicyRole(roleName: $0.name, roleId: $0.id) },
            isTruncated: page.isTruncated,
            marker: page.marker
        )
    }

    // MARK: Records

    /// The account's policy of an ARN, which has to be that of its account and path, too.
    func policy(_ arn: PolicyARN) async throws(IdentityError) -> ManagedPolicyRecord? {
        let record = try await stored { store throws(MetadataStoreError) in try await store.policy(named: arn.name) }
        guard let record = record ?? nil, record.arn == arn else { return nil }
        return record
    }

    func existingPolicy(_ arn: PolicyARN) async throws(IdentityError) -> ManagedPolicyRecord {
        guard let record = try await policy(arn) else { throw .policyNotFound(arn.rawValue) }
        return record
    }

    /// Changes a policy of the account that is there. What changes nothing is not written.
    @discardableResult
    func changePolicy(
        _ arn: PolicyARN,
        _ change: (inout ManagedPolicyRecord) throws(IdentityError) -> Void
    ) async throws(IdentityError) -> ManagedPolicyRecord {
        try await untilUnchanged { () async throws(IdentityError) in
            let before = try await existingPolicy(arn)
            var record = before
            try change(&record)
            guard record != before else { return record }
            let (changed, generation) = (record, before.generation)
            return try await stored(expecting: [.conflict]) { store throws(MetadataStoreError) in
                try await store.replacePolicy(changed, expecting: generation)
                return changed
            }
        }
    }

    private func policyUsage() async throws(IdentityError) -> [PolicyARN: PolicyUsage] {
        try await stored { store throws(MetadataStoreError) in try await store.policyUsage() } ?? [:]
    }

    /// The ARN that a request has, which must be one of a managed policy.
    static func arn(_ text: String) throws(IdentityError) -> PolicyARN {
        guard let arn = PolicyARN(text) else { throw .invalidARN(text) }
        return arn
    }

    /// The same, for what changes the policy.
    static func changeableARN(_ text: String) throws(IdentityError) -> PolicyARN {
        let arn = try arn(text)
        guard !arn.isOfAWS else { throw .policyOfAWS(arn) }
        return arn
    }
}

extension Policy {
    /// A policy as a list has it: without description and tags.
    init(listed record: ManagedPolicyRecord, _ usage: PolicyUsage) {
        self.init(
            policyName: record.name,
            policyId: record.id,
            arn: record.arn.rawValue,
            path: record.arn.path,
            defaultVersionId: "v\(record.defaultVersion)",
            attachmentCount: usage.attachmentCount,
            permissionsBoundaryUsageCount: usage.boundaryCount,
            isAttachable: true,
            createDate: record.created,
            updateDate: record.updated
        )
    }

    /// All of a policy.
    init(_ record: ManagedPolicyRecord, _ usage: PolicyUsage) {
        self.init(listed: record, usage)
        description = record.description
        tags = record.tags.map { Tag($0) }
    }

    fileprivate func isUsed(in ways: Set<PolicyUse.Way>?) -> Bool {
        guard let ways else { return true }
        return ways.contains { way in
            switch way {
            case .attached: (attachmentCount ?? 0) > 0
            case .boundary: (permissionsBoundaryUsageCount ?? 0) > 0
            }
        }
    }
}
