package import Identity
import LambdaAPI
package import MetadataStore
import Telemetry

/// The users of this service: made and unmade by its operator, on the host.
package struct Users: Sendable {
    /// Why something cannot be done, in words for the operator.
    package struct Refusal: Error, CustomStringConvertible {
        package let description: String
    }

    /// How many access keys a user may have, as in IAM.
    private static let accessKeysMax = 2
    /// The policy of who may do everything.
    private static let administrator = """
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        """

    private let store: any ResourceStore
    private let secrets: SecretBox

    package init(store: any ResourceStore, secrets: SecretBox) {
        self.store = store
        self.secrets = secrets
    }

    /// Adds a user with one access key.
    ///
    /// - Returns: The key. Its secret is not shown again.
    package func add(_ name: String, policies: [String: String]) async throws -> Credentials {
        guard name.wholeMatch(of: /[A-Za-z0-9+=,.@_-]{1,64}/) != nil else {
            throw Refusal(description: "'\(name)' is not a user's name: 1 to 64 letters, digits and +=,.@_- are.")
        }
        for (policy, document) in policies { try Self.check(document, named: policy) }
        var user = UserRecord(name: name, userID: EntityID.user(), created: .now())
        user.policies = policies
        let credentials = try addKey(to: &user)
        do throws(MetadataStoreError) {
            try await store.insert(user)
        } catch {
            guard error.code == .exists else { throw error }
            throw Refusal(description: "There is a user \(name) already.")
        }
        return credentials
    }

    /// Removes a user with all access keys.
    package func remove(_ name: String) async throws {
        guard try await store.deleteResource(UserRecord.self, name) else { throw Self.missing(name) }
    }

    /// Gives a user one more access key.
    package func addKey(_ name: String) async throws -> Credentials {
        var credentials: Credentials?
        try await change(name) { user in credentials = try addKey(to: &user) }
        guard let credentials else { throw Self.missing(name) }
        return credentials
    }

    /// Takes an access key away from a user.
    package func removeKey(_ id: String, of name: String) async throws {
        try await change(name) { user in
            guard user.accessKeys.contains(where: { $0.id == id }) else {
                throw Refusal(description: "The user \(name) has no access key \(id).")
            }
            user.accessKeys.removeAll { $0.id == id }
        }
    }

    /// Gives a user a policy, in place of the one of that name if there is one.
    package func setPolicy(_ policy: String, _ document: String, of name: String) async throws {
        try Self.check(document, named: policy)
        try await change(name) { $0.policies[policy] = document }
    }

    /// Takes a policy away from a user.
    package func removePolicy(_ policy: String, of name: String) async throws {
        try await change(name) { user in
            guard user.policies.removeValue(forKey: policy) != nil else {
                throw Refusal(description: "The user \(name) has no policy \(policy).")
            }
        }
    }

    /// The user; throws if there is none of that name.
    package func user(_ name: String) async throws -> UserRecord {
        guard let user = try await store.resource(UserRecord.self, name) else { throw Self.missing(name) }
        return user
    }

    /// All users by name.
    package func all() async throws -> [UserRecord] {
        var users: [UserRecord] = []
        repeat {
            let page = try await store.resources(UserRecord.self, key: nil, after: users.last?.name, limit: 100)
            users += page
            guard page.count == 100 else { return users }
        } while true
    }

    /// Whether there is any user.
    package var isEmpty: Bool {
        get async throws { try await store.resources(UserRecord.self, key: nil, after: nil, limit: 1).isEmpty }
    }

    /// The policies of who may do everything, by name.
    package static var administratorPolicies: [String: String] { ["AdministratorAccess": administrator] }

    private func change(_ name: String, _ body: (inout UserRecord) throws -> Void) async throws {
        while true {
            var user = try await user(name)
            try body(&user)
            do throws(MetadataStoreError) {
                _ = try await store.replace(user)
                return
            } catch {
                guard error.code == .conflict else { throw error }
            }
        }
    }

    private func addKey(to user: inout UserRecord) throws -> Credentials {
        guard user.accessKeys.count < Self.accessKeysMax else {
            throw Refusal(description: "The user \(user.name) has \(Self.accessKeysMax) access keys; remove one first.")
        }
        let id = EntityID.accessKey()
        let secret = EntityID.secret()
        let sealed = try secrets.seal(secret, for: id)
        user.accessKeys.append(UserRecord.AccessKey(id: id, sealedSecret: sealed, created: .now()))
        return Credentials(accessKeyID: id, secretAccessKey: secret)
    }

    private static func check(_ document: String, named name: String) throws {
        do throws(PolicyError) {
            _ = try PolicyDocument(json: Array(document.utf8), kind: .identity)
        } catch {
            throw Refusal(description: "The policy \(name) is malformed: \(error.message)")
        }
    }

    private static func missing(_ name: String) -> Refusal {
        Refusal(description: "There is no user \(name).")
    }
}
