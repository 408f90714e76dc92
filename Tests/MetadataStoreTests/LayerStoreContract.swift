import LambdaAPI
import MetadataStore
import TestSupport
import Testing

/// What every metadata store promises of layers.
struct LayerStoreContract {
    private let name = LayerName("l")

    private func definition(
        _ code: String = "aa",
        runtimes: [String]? = nil,
        architectures: [String]? = nil
    ) -> LayerVersionDefinition {
        LayerVersionDefinition(
            codeHash: code,
            codeSize: 10,
            description: "ünïcode \"quoted\"",
            compatibleRuntimes: runtimes,
            compatibleArchitectures: architectures,
            licenseInfo: nil,
            created: Timestamp(milliseconds: 1_704_067_200_123)
        )
    }

    private func policy(_ revision: String) -> LayerPolicy {
        LayerPolicy(revisionID: revision, statements: [.init(id: "s", principal: "*", organizationID: "o-1")])
    }

    @Test(arguments: StoreBackend.allCases)
    func numbersCountUpPerLayerAndAreNeverUsedAgain(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        #expect(try await store.publishLayerVersion(of: name, definition()).version == 1)
        #expect(try await store.publishLayerVersion(of: name, definition()).version == 2)
        #expect(try await store.publishLayerVersion(of: LayerName("m"), definition()).version == 1)
        #expect(try await store.deleteLayerVersion(2, of: name))
        #expect(try await !store.deleteLayerVersion(2, of: name))
        #expect(try await store.publishLayerVersion(of: name, definition()).version == 3)
        for version in [1, 3] { _ = try await store.deleteLayerVersion(version, of: name) }
        let again = try await backend.makeStore(in: directory)
        #expect(try await again.publishLayerVersion(of: name, definition()).version == 4)
    }

    @Test(arguments: StoreBackend.allCases)
    func ofConcurrentPublicationsEachHasANumberOfItsOwn(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        let definition = definition()
        let numbers = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<16 { group.addTask { try await store.publishLayerVersion(of: name, definition).version } }
            return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        #expect(numbers == Set(1...16))
    }

    @Test(arguments: StoreBackend.allCases)
    func versionIsReadAsItWasWritten(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        let written = try await store.publishLayerVersion(of: name, definition(runtimes: [], architectures: ["arm64"]))
        #expect(written.definition == definition(runtimes: [], architectures: ["arm64"]))
        #expect(try await store.layerVersion(1, of: name) == written)
        #expect(try await store.layerVersion(2, of: name) == nil)
        #expect(try await store.layerVersion(1, of: LayerName("L")) == nil)
    }

    @Test(arguments: StoreBackend.allCases)
    func policyIsReplacedOnlyInTheExpectedRevision(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        _ = try await store.publishLayerVersion(of: name, definition())
        for (version, expected) in [(1, "1"), (2, nil)] as [(Int, String?)] {
            let error = await #expect(throws: MetadataStoreError.self) {
                try await store.setPolicy(policy("9"), ofVersion: version, of: name, expecting: expected)
            }
            #expect(error?.code == .conflict)
        }
        try await store.setPolicy(policy("1"), ofVersion: 1, of: name, expecting: nil)
        await #expect(throws: MetadataStoreError.self) {
            try await store.setPolicy(nil, ofVersion: 1, of: name, expecting: nil)
        }
        #expect(try await store.layerVersion(1, of: name)?.policy == policy("1"))
        try await store.setPolicy(nil, ofVersion: 1, of: name, expecting: "1")
        #expect(try await store.layerVersion(1, of: name)?.policy == nil)
    }

    @Test(arguments: StoreBackend.allCases)
    func versionsAreListedFromTheHighestInPages(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        for number in 1...5 {
            let runtimes = number.isMultiple(of: 2) ? ["python3.11"] : nil
            _ = try await store.publishLayerVersion(of: name, definition(runtimes: runtimes))
        }
        _ = try await store.deleteLayerVersion(3, of: name)
        func numbers(before version: Int?, _ filter: LayerFilter = LayerFilter(), limit: Int) async throws -> [Int] {
            try await store.layerVersions(of: name, before: version, matching: filter, limit: limit).map(\.version)
        }
        #expect(try await numbers(before: nil, limit: 3) == [5, 4, 2])
        #expect(try await numbers(before: 2, limit: 3) == [1])
        #expect(try await numbers(before: nil, LayerFilter(runtime: "python3.11"), limit: 3) == [4, 2])
        #expect(try await numbers(before: nil, LayerFilter(runtime: "python3.12"), limit: 3).isEmpty)
    }

    @Test(arguments: StoreBackend.allCases)
    func eachLayerIsListedWithItsHighestVersionThatMatches(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        for (layer, runtimes) in [("a", ["x"]), ("a", ["y"]), ("b", ["x"]), ("c", ["x", "y"]), ("gone", ["x"])] {
            let definition = definition(runtimes: runtimes, architectures: layer == "c" ? ["arm64"] : nil)
            _ = try await store.publishLayerVersion(of: LayerName(layer), definition)
        }
        _ = try await store.deleteLayerVersion(1, of: LayerName("gone"))
        func keys(after layer: String?, _ filter: LayerFilter, limit: Int = 9) async throws -> [String] {
            try await store.layers(after: layer.map { LayerName($0) }, matching: filter, limit: limit)
                .map { "\($0.name)\($0.version)" }
        }
        #expect(try await keys(after: nil, LayerFilter()) == ["a2", "b1", "c1"])
        #expect(try await keys(after: nil, LayerFilter(runtime: "x")) == ["a1", "b1", "c1"])
        #expect(try await keys(after: nil, LayerFilter(runtime: "y")) == ["a2", "c1"])
        #expect(try await keys(after: nil, LayerFilter(runtime: "x", architecture: "arm64")) == ["c1"])
        #expect(try await keys(after: nil, LayerFilter(), limit: 2) == ["a2", "b1"])
        #expect(try await keys(after: "b", LayerFilter(), limit: 2) == ["c1"])
    }

    @Test(arguments: StoreBackend.allCases)
    func layersInUseAreThoseOfLayersAndOfFunctionsAndOfTheirVersions(backend: StoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.makeStore(in: directory)
        #expect(try await store.layersInUse() == LayersInUse(published: [], stacks: []))
        #expect(try await store.layersCodeSize() == 0)
        _ = try await store.publishLayerVersion(of: name, definition("aa"))
        _ = try await store.publishLayerVersion(of: name, definition("bb"))
        func layers(_ hashes: String...) -> [FunctionLayer] {
            hashes.map { FunctionLayer(arn: "arn", codeHash: $0, codeSize: 1) }
        }
        var function = MetadataStoreContract.record("f")
        function.definition.layers = layers("aa", "cc")
        function.definitionBeforeUpdate = function.definition
        function.definitionBeforeUpdate?.layers = layers("cc", "aa")
        try await store.insert(function)
        try await store.insert(MetadataStoreContract.record("g"))
        var version = VersionRecord(
            functionName: FunctionName("g"),
            number: 1,
            revisionID: "v1",
            definition: MetadataStoreContract.record("g").definition,
            description: "",
            status: FunctionStatus(state: .active),
            lastModified: Timestamp(milliseconds: 0)
        )
        version.definition.layers = layers("dd")
        try await store.replace(
            MetadataStoreContract.record("g"),
            expecting: 0,
            versions: [.added(version)],
            claimedMax: .max
        )
        let inUse = try await store.layersInUse()
        #expect(inUse == LayersInUse(published: ["aa", "bb"], stacks: [["aa", "cc"], ["cc", "aa"], ["dd"]]))
        try await store.replace(
            MetadataStoreContract.record("g"),
            expecting: 1,
            versions: [.deleted(1)],
            claimedMax: .max
        )
        #expect(try await store.layersCodeSize() == 20)
        _ = try await store.deleteLayerVersion(1, of: name)
        _ = try await store.delete(FunctionName("f"))
        #expect(try await store.layersInUse() == LayersInUse(published: ["bb"], stacks: []))
        #expect(try await store.layersCodeSize() == 10)
    }
}
