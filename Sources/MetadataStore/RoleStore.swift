package import LambdaAPI

/// Where roles and managed policies are kept; a part of every ``MetadataStore``. A write that returns is durable; one that
/// throws has changed nothing.
///
/// Names are unique without regard to case, and are found so. Writes to one record are ordered by generation. A role never
/// uses a policy of the account that is not there: the write that would make it so throws `.conflict`, be it of the role or
/// of the policy.
package protocol RoleStore: Sendable {
    /// Adds a role. Throws `.exists` if there is one of that name, `.conflict` if it uses a policy that is gone.
    func insertRole(_ record: RoleRecord) async throws(MetadataStoreError)

    /// The role of that name, or nil.
    func role(named name: String) async throws(MetadataStoreError) -> RoleRecord?

    /// Replaces a role whose generation is still `generation`; it is stored under the generation that follows. Throws
    /// `.conflict` if the generation is another, if the role is gone, or if it uses a policy that is gone.
    func replaceRole(_ record: RoleRecord, expecting generation: Int) async throws(MetadataStoreError)

    /// Removes a role whose generation is still `generation`. Throws `.conflict` if it is another, or if it is gone.
    func deleteRole(named name: String, expecting generation: Int) async throws(MetadataStoreError)

    /// At most `limit` roles of a path that begins with `pathPrefix`, in the order of their names, from the first one
    /// after `name`; only those that use a policy in one of the given ways, if any are given.
    func roles(
        after name: String?,
        pathPrefix: String,
        using policy: PolicyUse?,
        limit: Int
    ) async throws(MetadataStoreError) -> [RoleRecord]

    /// Adds a policy. Throws `.exists` if there is one of that name.
    func insertPolicy(_ record: ManagedPolicyRecord) async throws(MetadataStoreError)

    /// The policy of that name, or nil.
    func policy(named name: String) async throws(MetadataStoreError) -> ManagedPolicyRecord?

    /// Replaces a policy whose generation is still `generation`; it is stored under the generation that follows. Throws
    /// `.conflict` if the generation is another, or if the policy is gone.
    func replacePolicy(_ record: ManagedPolicyRecord, expecting generation: Int) async throws(MetadataStoreError)

    /// Removes a policy whose generation is still `generation`. Throws `.conflict` if it is another, if the policy is
    /// gone, or if a role uses it.
    func deletePolicy(named name: String, expecting generation: Int) async throws(MetadataStoreError)

    /// At most `limit` policies of a path that begins with `pathPrefix`, in the order of their names, from the first one
    /// after `name`; only those that are used in one of `ways`, unless it is nil.
    func policies(
        after name: String?,
        pathPrefix: String,
        usedIn ways: Set<PolicyUse.Way>?,
        limit: Int
    ) async throws(MetadataStoreError) -> [ManagedPolicyRecord]

    /// How many roles use each policy that any role uses, be it the account's or AWS's.
    func policyUsage() async throws(MetadataStoreError) -> [PolicyARN: PolicyUsage]
}

/// That a role uses a policy.
package struct PolicyUse: Sendable, Equatable {
    /// How a role uses a policy.
    package enum Way: String, Sendable, CaseIterable {
        case attached
        case boundary
    }

    package var arn: PolicyARN
    package var ways: Set<Way>

    package init(_ arn: PolicyARN, in ways: Set<Way>) {
        self.arn = arn
        self.ways = ways
    }
}

/// How many roles use a policy.
package struct PolicyUsage: Sendable, Equatable {
    package var attachmentCount: Int
    package var boundaryCount: Int

    package init(attachmentCount: Int = 0, boundaryCount: Int = 0) {
        self.attachmentCount = attachmentCount
        self.boundaryCount = boundaryCount
    }
}
