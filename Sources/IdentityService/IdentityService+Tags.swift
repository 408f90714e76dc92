package import IdentityAPI
import MetadataStore

extension IdentityService {
    package func tagRole(_ request: TagRoleRequest) async throws(IdentityError) {
        try await changeRole(request.roleName) { role throws(IdentityError) in
            role.tags = try Tagging.tags(request.tags, addedTo: role.tags, quota: Tagging.ofRole)
        }
    }

    package func untagRole(_ request: UntagRoleRequest) async throws(IdentityError) {
        try await changeRole(request.roleName) { $0.tags = Tagging.tags($0.tags, without: request.tagKeys) }
    }

    package func listRoleTags(_ request: ListRoleTagsRequest) async throws(IdentityError) -> ListRoleTagsResponse {
        let tags = try await existingRole(request.roleName).tags
        let page = try Page(of: tags, by: \.key, request.maxItems, from: request.marker)
        return ListRoleTagsResponse(
            tags: page.elements.map { Tag($0) },
            isTruncated: page.isTruncated,
            marker: page.marker
        )
    }

    package func tagPolicy(_ request: TagPolicyRequest) async throws(IdentityError) {
        try await changePolicy(Self.changeableARN(request.policyArn)) { policy throws(IdentityError) in
            policy.tags = try Tagging.tags(request.tags, addedTo: policy.tags, quota: Tagging.ofPolicy)
        }
    }

    package func untagPolicy(_ request: UntagPolicyRequest) async throws(IdentityError) {
        try await changePolicy(Self.changeableARN(request.policyArn)) {
            $0.tags = Tagging.tags($0.tags, without: request.tagKeys)
        }
    }

    package func listPolicyTags(
        _ request: ListPolicyTagsRequest
    ) async throws(IdentityError) -> ListPolicyTagsResponse {
        let arn = try Self.arn(request.policyArn)
        let tags = AWSManagedPolicy.of(arn) == nil ? try await existingPolicy(arn).tags : []
        let page = try Page(of: tags, by: \.key, request.maxItems, from: request.marker)
        return ListPolicyTagsResponse(
            tags: page.elements.map { Tag($0) },
            isTruncated: page.isTruncated,
            marker: page.marker
        )
    }
}

/// How tags are added and removed. Keys are the same without regard to case.
enum Tagging {
    static let ofRole = "TagsPerRole"
    static let ofPolicy = "TagsPerPolicy"
    private static let tagsMax = 50

    /// - Parameter quota: The name of the quota for the message when there are too many.
    static func tags(
        _ added: [Tag],
        addedTo tags: [TagRecord],
        quota: String
    ) throws(IdentityError) -> [TagRecord] {
        guard Set(added.map { $0.key.lowercased() }).count == added.count else { throw .duplicateTagKeys }
        guard !added.contains(where: { $0.key.lowercased().hasPrefix("aws:") }) else { throw .reservedTagKey }
        var tags = tags
        for tag in added {
            let record = TagRecord(key: tag.key, value: tag.value)
            if let index = tags.firstIndex(where: { $0.key.lowercased() == tag.key.lowercased() }) {
                tags[index] = record
            } else {
                tags.append(record)
            }
        }
        guard tags.count <= tagsMax else { throw .quota(quota, tagsMax) }
        return tags
    }

    static func tags(_ tags: [TagRecord], without keys: [String]) -> [TagRecord] {
        let removed = Set(keys.map { $0.lowercased() })
        return tags.filter { !removed.contains($0.key.lowercased()) }
    }
}

extension Tag {
    init(_ record: TagRecord) {
        self.init(key: record.key, value: record.value)
    }
}
