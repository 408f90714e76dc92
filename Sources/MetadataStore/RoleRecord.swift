package import LambdaAPI

/// A role of IAM as the store keeps it.
package struct RoleRecord: Codable, Sendable, Equatable {
    /// The record's key, without regard to case.
    package var name: String
    /// `/`, or directories between two slashes.
    package var path: String
    /// `AROA` and 17 more characters; no role ever has another's, be it of the same name.
    package var id: String
    /// Counts the changes of the record.
    package var generation: Int
    /// Who may assume the role: a policy's document as it was given.
    package var trustPolicy: String
    package var description: String?
    package var sessionSecondsMax: Int
    package var permissionsBoundary: PolicyARN?
    package var tags: [TagRecord]
    /// The documents of the role's own policies by name.
    package var inlinePolicies: [String: String]
    /// In the order in which they were attached.
    package var attachedPolicies: [PolicyARN]
    package var created: Timestamp

    package init(
        name: String,
        path: String,
        id: String,
        generation: Int = 0,
        trustPolicy: String,
        description: String? = nil,
        sessionSecondsMax: Int = 3600,
        permissionsBoundary: PolicyARN? = nil,
        tags: [TagRecord] = [],
        inlinePolicies: [String: String] = [:],
        attachedPolicies: [PolicyARN] = [],
        created: Timestamp
    ) {
        self.name = name
        self.path = path
        self.id = id
        self.generation = generation
        self.trustPolicy = trustPolicy
        self.description = description
        self.sessionSecondsMax = sessionSecondsMax
        self.permissionsBoundary = permissionsBoundary
        self.tags = tags
        self.inlinePolicies = inlinePolicies
        self.attachedPolicies = attachedPolicies
        self.created = created
    }
}

/// A tag of a role or a policy.
package struct TagRecord: Codable, Sendable, Equatable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}
