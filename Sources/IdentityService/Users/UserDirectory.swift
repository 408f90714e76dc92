package import Identity
package import MetadataStore
import Synchronization

/// Who signs with an access key, and what they may do.
package struct AccessKeyHolder: Sendable {
    package let principal: PolicyPrincipal
    package let secretAccessKey: String
    /// The user's own policies.
    package let policies: [PolicyDocument]
}

/// The access keys that requests are signed with, in memory.
///
/// Users are changed by another process, which cannot tell this one; so what is known is good for ``freshness`` only.
package final class UserDirectory: Sendable {
    /// How long a change of a user may take to count.
    package static let freshness = Duration.seconds(5)
    /// How many keys are remembered; when there are more, all are read again.
    private static let countMax = 10_000

    private struct Entry {
        let holder: AccessKeyHolder
        let read: ContinuousClock.Instant
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let store: any ResourceStore
    private let secrets: SecretBox
    private let accountID: String

    /// - Parameter accountID: The account that all users are in.
    package init(store: any ResourceStore, secrets: SecretBox, accountID: String) {
        self.store = store
        self.secrets = secrets
        self.accountID = accountID
    }

    /// The holder of a key if it is known and fresh, or nil if ``resolve(_:)`` has to be asked.
    package func cached(_ accessKeyID: String) -> AccessKeyHolder? {
        entries.withLock { entries in
            guard let entry = entries[accessKeyID], .now - entry.read < Self.freshness else { return nil }
            return entry.holder
        }
    }

    /// The holder of a key, or nil if nobody has it.
    package func resolve(_ accessKeyID: String) async throws -> AccessKeyHolder? {
        if let holder = cached(accessKeyID) { return holder }
        let users = try await store.resources(UserRecord.self, key: accessKeyID, after: nil, limit: 1)
        guard let user = users.first, let key = user.accessKeys.first(where: { $0.id == accessKeyID }) else {
            entries.withLock { $0[accessKeyID] = nil }
            return nil
        }
        let holder = AccessKeyHolder(
            principal: .user(accountID: accountID, name: user.name, id: user.userID),
            secretAccessKey: try secrets.open(key.sealedSecret, for: key.id),
            policies: try user.policies.values.map { try PolicyDocument(json: Array($0.utf8), kind: .identity) }
        )
        entries.withLock { entries in
            if entries.count >= Self.countMax { entries.removeAll() }
            entries[accessKeyID] = Entry(holder: holder, read: .now)
        }
        return holder
    }
}
