import LambdaAPI
import MetadataStore
import TestSupport
import Testing

/// What every metadata store promises of the account's other things.
struct ResourceStoreContract {
    private struct Thing: StoredResource {
        static let kind = "thing"
        var id: String
        var generation = 0
        var keys: Set<String> = []
        var text = ""
    }

    private struct Other: StoredResource {
        static let kind = "other"
        var id: String
        var generation = 0
        var keys: Set<String> { ["k"] }
    }

    private func ids(_ things: [Thing]) -> [String] { things.map(\.id) }

    @Test(arguments: StoreBackend.allCases)
    func thingIsReadAsItWasWritten(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        let thing = Thing(id: "a", keys: ["x", "y"], text: "ünïcode \"quoted\"")
        try await store.insert(thing)
        #expect(try await store.resource(Thing.self, "a") == thing)
        #expect(try await store.resource(Thing.self, "b") == nil)
        #expect(try await store.resource(Other.self, "a") == nil)
        let again = try await backend.makeStore(in: directory)
        #expect(try await again.resource(Thing.self, "a") == thing)
    }

    @Test(arguments: StoreBackend.allCases)
    func noTwoOfAKindHaveOneIdentifier(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        try await store.insert(Thing(id: "a", text: "first"))
        let error = await #expect(throws: MetadataStoreError.self) { try await store.insert(Thing(id: "a")) }
        #expect(error?.code == .exists)
        #expect(try await store.resource(Thing.self, "a")?.text == "first")
        try await store.insert(Other(id: "a"))
    }

    @Test(arguments: StoreBackend.allCases)
    func replacementIsOfTheGenerationThatWasRead(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        try await store.insert(Thing(id: "a"))
        let next = try await store.replace(Thing(id: "a", text: "next"))
        #expect(next.generation == 1)
        for stale in [Thing(id: "a"), Thing(id: "a", generation: 2), Thing(id: "missing")] {
            let error = await #expect(throws: MetadataStoreError.self) { try await store.replace(stale) }
            #expect(error?.code == .conflict)
        }
        #expect(try await store.resource(Thing.self, "a") == next)
    }

    @Test(arguments: StoreBackend.allCases)
    func ofManyReplacementsAtOnceNoneIsLost(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        try await store.insert(Thing(id: "a"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    while true {
                        guard var thing = try await store.resource(Thing.self, "a") else { return }
                        thing.keys.insert("\(number)")
                        do {
                            _ = try await store.replace(thing)
                            return
                        } catch let error as MetadataStoreError where error.code == .conflict {
                            continue
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.resource(Thing.self, "a")?.keys.count == 8)
        #expect(try await store.resource(Thing.self, "a")?.generation == 8)
    }

    @Test(arguments: StoreBackend.allCases)
    func thingsAreFoundByTheirKeys(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        for id in ["c", "a", "b"] { try await store.insert(Thing(id: id, keys: [id, "all"])) }
        try await store.insert(Other(id: "z"))
        func found(_ key: String?, after id: String? = nil, limit: Int = 10) async throws -> [String] {
            ids(try await store.resources(Thing.self, key: key, after: id, limit: limit))
        }
        #expect(try await found("all") == ["a", "b", "c"])
        #expect(try await found(nil) == ["a", "b", "c"])
        #expect(try await found("all", after: "a", limit: 1) == ["b"])
        #expect(try await found("b") == ["b"])
        #expect(try await found("k").isEmpty)
        // Keys that are taken away find nothing any more.
        _ = try await store.replace(Thing(id: "b", keys: ["new"]))
        #expect(try await found("b").isEmpty)
        #expect(try await found("new") == ["b"])
        #expect(try await found("all") == ["a", "c"])
        #expect(try await store.deleteResource(Thing.self, "a"))
        #expect(try await !store.deleteResource(Thing.self, "a"))
        #expect(try await found("all") == ["c"])
        try await store.insert(Thing(id: "a"))
        #expect(try await found("all") == ["c"])
    }

    @Test(arguments: StoreBackend.allCases)
    func functionIsFoundByItsURLAndItsSigners(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        var record = MetadataStoreContract.record("f")
        record.attachments.urls["$LATEST"] = FunctionURLRecord(
            id: "one",
            authType: .none,
            invokeMode: .buffered,
            created: Timestamp(milliseconds: 0)
        )
        record.attachments.codeSigningConfigARN = "arn"
        try await store.insert(record)
        #expect(try await store.function(withURL: "one")?.name.rawValue == "f")
        #expect(try await store.functions(signedBy: "arn", after: nil, limit: 1).count == 1)
        #expect(try await store.functions(signedBy: "arn", after: FunctionName("f"), limit: 1).isEmpty)
        record.attachments.urls["$LATEST"]?.id = "two"
        record.attachments.codeSigningConfigARN = nil
        try await store.replace(record, expecting: 0)
        #expect(try await store.function(withURL: "one") == nil)
        #expect(try await store.function(withURL: "two") != nil)
        #expect(try await store.functions(signedBy: "arn", after: nil, limit: 1).isEmpty)
        _ = try await store.delete(FunctionName("f"))
        #expect(try await store.function(withURL: "two") == nil)
    }
}
