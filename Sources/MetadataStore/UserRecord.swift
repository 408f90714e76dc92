package import LambdaAPI

/// Somebody who may send requests, where requests must be signed.
package struct UserRecord: StoredResource {
    package static let kind = "user"

    /// A key that the user signs with.
    package struct AccessKey: Codable, Sendable, Equatable {
        /// `AKIA` and 16 letters and digits.
        package var id: String
        /// The secret, which signatures are checked with and so cannot be hashed: encrypted, base64.
        package var sealedSecret: String
        package var created: Timestamp

        package init(id: String, sealedSecret: String, created: Timestamp) {
            self.id = id
            self.sealedSecret = sealedSecret
            self.created = created
        }
    }

    package var name: String
    /// `AIDA` and 17 letters and digits.
    package var userID: String
    package var accessKeys: [AccessKey]
    /// Documents of IAM's grammar by their names. Without any, the user may do nothing.
    package var policies: [String: String]
    package var created: Timestamp
    package var generation = 0

    package init(name: String, userID: String, created: Timestamp) {
        self.name = name
        self.userID = userID
        accessKeys = []
        policies = [:]
        self.created = created
    }

    package var id: String { name }
    package var keys: Set<String> { Set(accessKeys.map(\.id)) }
}
