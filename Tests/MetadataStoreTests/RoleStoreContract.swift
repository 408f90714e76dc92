import LambdaAPI
import MetadataStore
import TestSupport
import Testing

/// What every metadata store promises of roles and managed policies.
struct RoleStoreContract {
    private let account = "000000000000"
    private let ofAWS = PolicyARN(accountID: "aws", path: "/service-role/", name: "AWSLambdaBasicExecutionRole")

    private func role(_ name: String, path: String = "/", attached: [PolicyARN] = []) -> RoleRecord {
        RoleRecord(
            name: name,
            path: path,
            id: "AROA\(name)",
            trustPolicy: "{\"Version\": \"2012-10-17\"}",
            tags: [TagRecord(key: "team", value: "ünïcode")],
            inlinePolicies: ["logs": "{}"],
            attachedPolicies: attached,
            created: Timestamp(milliseconds: 1_704_067_200_123)
        )
    }

    private func policy(_ name: String, path: String = "/") -> ManagedPolicyRecord {
        ManagedPolicyRecord(
            arn: PolicyARN(accountID: account, path: path, name: name),
            id: "ANPA\(name)",
            description: nil,
            document: "{}",
            tags: [],
            created: Timestamp(milliseconds: 1_704_067_200_123)
        )
    }

    private func expect(
        _ code: MetadataStoreError.Code,
        _ body: () async throws -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        let error = await #expect(throws: MetadataStoreError.self, sourceLocation: sourceLocation) { try await body() }
        #expect(error?.code == code, sourceLocation: sourceLocation)
    }

    @Test(arguments: StoreBackend.allCases)
    func recordsAreReadAsTheyWereWrittenWhateverTheCaseOfTheirNames(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        let own = policy("Own", path: "/a/")
        try await store.insertPolicy(own)
        try await store.insertRole(role("Worker", attached: [ofAWS, own.arn]))
        let again = try await backend.makeStore(in: directory)
        #expect(try await again.role(named: "worker") == role("Worker", attached: [ofAWS, own.arn]))
        #expect(try await again.policy(named: "OWN") == own)
        #expect(try await again.role(named: "other") == nil)
        #expect(try await again.policy(named: "other") == nil)
        await expect(.exists) { try await store.insertRole(role("WORKER")) }
        await expect(.exists) { try await store.insertPolicy(policy("own")) }
    }

    @Test(arguments: StoreBackend.allCases)
    func recordIsReplacedAndDeletedOnlyInTheExpectedGeneration(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        try await store.insertRole(role("r"))
        try await store.insertPolicy(policy("p"))
        try await store.replaceRole(role("r", attached: [ofAWS]), expecting: 0)
        try await store.replacePolicy(policy("p"), expecting: 0)
        #expect(try await store.role(named: "r")?.generation == 1)
        #expect(try await store.role(named: "r")?.attachedPolicies == [ofAWS])
        #expect(try await store.policy(named: "p")?.generation == 1)
        for generation in [0, 2] {
            await expect(.conflict) { try await store.replaceRole(role("r"), expecting: generation) }
            await expect(.conflict) { try await store.replacePolicy(policy("p"), expecting: generation) }
            await expect(.conflict) { try await store.deleteRole(named: "r", expecting: generation) }
            await expect(.conflict) { try await store.deletePolicy(named: "p", expecting: generation) }
        }
        try await store.deleteRole(named: "r", expecting: 1)
        try await store.deletePolicy(named: "p", expecting: 1)
        #expect(try await store.role(named: "r") == nil)
        #expect(try await store.policy(named: "p") == nil)
        #expect(try await store.policyUsage().isEmpty)
        await expect(.conflict) { try await store.replaceRole(role("r"), expecting: 1) }
        await expect(.conflict) { try await store.deletePolicy(named: "p", expecting: 1) }
    }

    @Test(arguments: StoreBackend.allCases)
    func roleNeverUsesAPolicyOfTheAccountThatIsNotThere(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        let own = policy("p").arn
        await expect(.conflict) { try await store.insertRole(role("r", attached: [own])) }
        #expect(try await store.role(named: "r") == nil)
        try await store.insertRole(role("r"))
        await expect(.conflict) { try await store.replaceRole(role("r", attached: [own]), expecting: 0) }
        try await store.insertPolicy(policy("p"))
        try await store.replaceRole(role("r", attached: [own]), expecting: 0)
        await expect(.conflict) { try await store.deletePolicy(named: "p", expecting: 0) }
        var bounded = role("r")
        bounded.permissionsBoundary = own
        try await store.replaceRole(bounded, expecting: 1)
        await expect(.conflict) { try await store.deletePolicy(named: "p", expecting: 0) }
        #expect(try await store.policyUsage() == [own: PolicyUsage(boundaryCount: 1)])
        try await store.deleteRole(named: "r", expecting: 2)
        try await store.deletePolicy(named: "p", expecting: 0)
    }

    @Test(arguments: StoreBackend.allCases)
    func recordsAreListedInPagesByPathAndByUse(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        for name in ["p", "q"] { try await store.insertPolicy(policy(name, path: "/\(name)/")) }
        let own = policy("p", path: "/p/").arn
        for (name, path) in [("b", "/x/y/"), ("A", "/x/"), ("c", "/xy/"), ("d", "/")] {
            var record = role(name, path: path, attached: name == "d" ? [own, ofAWS] : [])
            if name == "b" { record.permissionsBoundary = own }
            try await store.insertRole(record)
        }
        func roles(
            after name: String? = nil,
            _ prefix: String = "/",
            using policy: PolicyUse? = nil,
            limit: Int = 9
        ) async throws -> [String] {
            try await store.roles(after: name, pathPrefix: prefix, using: policy, limit: limit).map(\.name)
        }
        #expect(try await roles() == ["A", "b", "c", "d"])
        #expect(try await roles(limit: 2) == ["A", "b"])
        #expect(try await roles(after: "B", limit: 1) == ["c"])
        #expect(try await roles("/x/") == ["A", "b"])
        #expect(try await roles(using: PolicyUse(own, in: [.attached])) == ["d"])
        #expect(try await roles(using: PolicyUse(own, in: [.attached, .boundary])) == ["b", "d"])
        #expect(try await roles("/x/", using: PolicyUse(own, in: [.attached, .boundary])) == ["b"])
        #expect(try await roles(using: PolicyUse(ofAWS, in: [.attached])) == ["d"])
        func policies(
            after name: String? = nil,
            _ prefix: String = "/",
            usedIn ways: Set<PolicyUse.Way>? = nil
        ) async throws -> [String] {
            try await store.policies(after: name, pathPrefix: prefix, usedIn: ways, limit: 9).map(\.name)
        }
        #expect(try await policies() == ["p", "q"])
        #expect(try await policies(after: "p") == ["q"])
        #expect(try await policies("/p/") == ["p"])
        #expect(try await policies(usedIn: [.attached]) == ["p"])
        #expect(try await policies(usedIn: []) == [])
        let usage = try await store.policyUsage()
        #expect(usage[own] == PolicyUsage(attachmentCount: 1, boundaryCount: 1))
        #expect(usage[ofAWS] == PolicyUsage(attachmentCount: 1))
        #expect(usage.count == 2)
    }
}
