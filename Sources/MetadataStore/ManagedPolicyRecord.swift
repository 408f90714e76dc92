package import LambdaAPI

/// A managed policy of the account as the store keeps it. AWS's own are not kept.
package struct ManagedPolicyRecord: Codable, Sendable, Equatable {
    /// One version of a policy; it never changes.
    package struct Version: Codable, Sendable, Equatable {
        /// From 1 on; no number of a policy is ever given out twice.
        package var number: Int
        /// The document as it was given.
        package var document: String
        package var created: Timestamp

        package init(number: Int, document: String, created: Timestamp) {
            self.number = number
            self.document = document
            self.created = created
        }
    }

    /// Its name is the record's key, without regard to case.
    package var arn: PolicyARN
    /// `ANPA` and 17 more characters.
    package var id: String
    /// Counts the changes of the record.
    package var generation: Int
    package var description: String?
    /// In the order of their numbers; never empty.
    package var versions: [Version]
    /// The number of the version that is in effect; it is one of `versions`.
    package var defaultVersion: Int
    /// The highest number that was ever given out.
    package var lastVersion: Int
    package var tags: [TagRecord]
    package var created: Timestamp
    /// When the version in effect was last changed.
    package var updated: Timestamp

    package var name: String { arn.name }

    /// A policy with its first version.
    package init(
        arn: PolicyARN,
        id: String,
        description: String?,
        document: String,
        tags: [TagRecord],
        created: Timestamp
    ) {
        self.arn = arn
        self.id = id
        self.generation = 0
        self.description = description
        self.versions = [Version(number: 1, document: document, created: created)]
        self.defaultVersion = 1
        self.lastVersion = 1
        self.tags = tags
        self.created = created
        self.updated = created
    }
}
