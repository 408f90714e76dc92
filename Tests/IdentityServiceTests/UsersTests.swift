import Identity
import LambdaAPI
import MetadataStore
import MetadataStoreSQL
import MetadataStoreSQLite
import TestSupport
import Testing

@testable import IdentityService

struct UsersTests {
    private let directory: TemporaryDirectory
    private let store: SQLMetadataStore
    private let users: Users
    private let secrets = SecretBox(key: [UInt8](repeating: 7, count: SecretBox.keySize))

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLMetadataStore(sqliteFile: "\(directory.path)/metadata.sqlite")
        users = Users(store: store, secrets: secrets)
    }

    private func makeDirectory() -> UserDirectory {
        UserDirectory(store: store, secrets: secrets, accountID: "123456789012")
    }

    @Test func keyOfAUserIsFoundWithItsSecretAndPolicies() async throws {
        let credentials = try await users.add("alice", policies: Users.administratorPolicies)
        #expect(credentials.accessKeyID.wholeMatch(of: /AKIA[A-Z2-7]{16}/) != nil)
        #expect(credentials.secretAccessKey.utf8.count == 40)
        let holder = try #require(try await makeDirectory().resolve(credentials.accessKeyID))
        #expect(holder.secretAccessKey == credentials.secretAccessKey)
        #expect(holder.principal.arn == "arn:aws:iam::123456789012:user/alice")
        #expect(holder.policies.count == 1)
        #expect(try await makeDirectory().resolve("AKIAMISSING") == nil)
    }

    @Test func secretIsStoredEncrypted() async throws {
        let credentials = try await users.add("alice", policies: [:])
        let sealed = try await users.user("alice").accessKeys[0].sealedSecret
        #expect(!sealed.contains(credentials.secretAccessKey))
        // Neither another key of the box nor another access key opens it.
        let other = SecretBox(key: [UInt8](repeating: 8, count: SecretBox.keySize))
        #expect(throws: (any Error).self) { try other.open(sealed, for: credentials.accessKeyID) }
        #expect(throws: (any Error).self) { try secrets.open(sealed, for: "AKIAOTHER") }
        #expect(try secrets.open(sealed, for: credentials.accessKeyID) == credentials.secretAccessKey)
    }

    @Test func whatIsKnownOfAKeyIsUsedUntilItIsOld() async throws {
        let credentials = try await users.add("alice", policies: [:])
        let directory = makeDirectory()
        #expect(directory.cached(credentials.accessKeyID) == nil)
        _ = try await directory.resolve(credentials.accessKeyID)
        #expect(directory.cached(credentials.accessKeyID) != nil)
    }

    @Test func userHasTwoKeysAtMost() async throws {
        let first = try await users.add("alice", policies: [:])
        let second = try await users.addKey("alice")
        await #expect(throws: Users.Refusal.self) { try await users.addKey("alice") }
        try await users.removeKey(first.accessKeyID, of: "alice")
        await #expect(throws: Users.Refusal.self) { try await users.removeKey(first.accessKeyID, of: "alice") }
        #expect(try await users.user("alice").accessKeys.map(\.id) == [second.accessKeyID])
        #expect(try await makeDirectory().resolve(first.accessKeyID) == nil)
        _ = try await users.addKey("alice")
    }

    @Test func nameOfAUserIsItsOwn() async throws {
        _ = try await users.add("alice", policies: [:])
        await #expect(throws: Users.Refusal.self) { try await users.add("alice", policies: [:]) }
        for name in ["", "a/b", "a b", String(repeating: "a", count: 65)] {
            await #expect(throws: Users.Refusal.self) { try await users.add(name, policies: [:]) }
        }
        #expect(try await users.all().map(\.name) == ["alice"])
        try await users.remove("alice")
        await #expect(throws: Users.Refusal.self) { try await users.remove("alice") }
        #expect(try await users.isEmpty)
    }

    @Test func malformedPolicyIsRefusedAndChangesNothing() async throws {
        _ = try await users.add("alice", policies: [:])
        await #expect(throws: Users.Refusal.self) { try await users.setPolicy("p", "{", of: "alice") }
        #expect(try await users.user("alice").policies.isEmpty)
        try await users.setPolicy("p", Users.administratorPolicies["AdministratorAccess"] ?? "", of: "alice")
        try await users.removePolicy("p", of: "alice")
        await #expect(throws: Users.Refusal.self) { try await users.removePolicy("p", of: "alice") }
    }

    @Test func ofManyChangesAtOnceNoneIsLost() async throws {
        _ = try await users.add("alice", policies: [:])
        let document = Users.administratorPolicies["AdministratorAccess"] ?? ""
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask { try await users.setPolicy("p\(number)", document, of: "alice") }
            }
            try await group.waitForAll()
        }
        #expect(try await users.user("alice").policies.count == 8)
    }
}
