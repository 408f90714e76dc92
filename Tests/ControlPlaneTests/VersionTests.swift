import LambdaAPI
import MetadataStore
import TestSupport
import Testing

@testable import ControlPlane

struct VersionTests {
    private let fixture: ControlPlaneFixture
    private var plane: ControlPlane { fixture.plane }

    init() async throws {
        fixture = try await ControlPlaneFixture()
    }

    private func update(_ name: String, _ text: String) async throws {
        _ = try await plane.updateFunctionCode(
            UpdateFunctionCodeRequest(functionName: name, zipFile: try ControlPlaneFixture.package(text))
        )
        try await fixture.settle(name)
    }

    private func publish(_ name: String = "f") async throws -> FunctionConfiguration {
        try await plane.publishVersion(PublishVersionRequest(functionName: name))
    }

    @Test func invokesOfAVersionRunWhatWasPublished() async throws {
        try await fixture.active("f", "one")
        let latest = try await fixture.resolve("f")
        #expect(try await publish().version == "1")
        try await update("f", "two")
        let version = try await fixture.resolve("f", qualifier: Qualifier("1"))
        #expect(version.codeHash == latest.codeHash)
        #expect(version.version == FunctionVersion("1"))
        #expect(version.configurationID != latest.configurationID)
        #expect(try await fixture.resolve("f").codeHash != version.codeHash)
        #expect(try await fixture.resolve("f", qualifier: Qualifier("1")) === version)
    }

    @Test func versionsNumberIsNotUsedTwice() async throws {
        try await fixture.active("f", "one")
        #expect(try await publish().version == "1")
        #expect(try await publish().version == "1")
        _ = try await plane.deleteFunction(DeleteFunctionRequest(functionName: "f", qualifier: "1"))
        #expect(try await publish().version == "2")
    }

    @Test func deletedVersionIsRetiredAndNotFound() async throws {
        try await fixture.active("f")
        _ = try await publish()
        let version = try await fixture.resolve("f", qualifier: Qualifier("1"))
        _ = try await plane.deleteFunction(DeleteFunctionRequest(functionName: "f", qualifier: "1"))
        #expect(fixture.retired.elements == [version.configurationID.rawValue])
        await #expect(throws: LambdaError.self) { try await fixture.resolve("f", qualifier: Qualifier("1")) }
    }

    @Test func deletedFunctionTakesItsVersionsAlong() async throws {
        try await fixture.active("f")
        _ = try await publish()
        let version = try await fixture.resolve("f", qualifier: Qualifier("1"))
        let latest = try await fixture.resolve("f")
        _ = try await plane.deleteFunction(DeleteFunctionRequest(functionName: "f"))
        #expect(
            Set(fixture.retired.elements)
                == [version, latest].map(\.configurationID.rawValue).reduce(into: []) { $0.insert($1) }
        )
        try await fixture.active("f")
        #expect(try await publish().version == "1")
        #expect(try await fixture.resolve("f", qualifier: Qualifier("1")) !== version)
    }

    /// The alias `live` of two versions of `f`.
    private func makeAlias(withSecondVersionAt weight: Double) async throws {
        try await fixture.active("f", "one")
        _ = try await publish()
        try await update("f", "two")
        _ = try await publish()
        _ = try await plane.createAlias(
            CreateAliasRequest(
                functionName: "f",
                name: "live",
                functionVersion: "1",
                routingConfig: AliasRoutingConfiguration(additionalVersionWeights: ["2": weight])
            )
        )
    }

    @Test func aliasOfTwoVersionsRunsBoth() async throws {
        try await makeAlias(withSecondVersionAt: 0.5)
        var seen: Set<String> = []
        for _ in 0..<100 {
            seen.insert(try await fixture.resolve("f", qualifier: Qualifier("live")).version.rawValue)
        }
        #expect(seen == ["1", "2"])
    }

    /// A version that were found only when it is drawn would be drawn too seldom until then.
    @Test func firstInvokeOfAnAliasFindsAllItsVersions() async throws {
        try await makeAlias(withSecondVersionAt: 0.01)
        _ = try await fixture.resolve("f", qualifier: Qualifier("live"))
        for version in ["1", "2"] {
            let reference = FunctionReference(FunctionName("f"), qualifier: Qualifier(version))
            #expect(plane.functions.cached(reference) != nil)
        }
    }

    @Test func weightIsTheShareOfTheSecondVersion() {
        let routing = AliasRecord.Routing(version: FunctionVersion("2"), weight: 0.25)
        let alias = AliasRecord(revisionID: "", version: FunctionVersion("1"), description: "", routing: routing)
        #expect(alias.version(for: 0) == FunctionVersion("2"))
        #expect(alias.version(for: 0.2499) == FunctionVersion("2"))
        #expect(alias.version(for: 0.25) == FunctionVersion("1"))
        #expect(alias.version(for: 0.99) == FunctionVersion("1"))
    }

    @Test func ofManyPublicationsAndAliasesAtOnceNoneIsLost() async throws {
        try await fixture.active("f")
        let numbers = await withTaskGroup(of: String?.self) { group in
            for index in 0..<8 {
                group.addTask {
                    let request = CreateAliasRequest(functionName: "f", name: "a\(index)", functionVersion: "$LATEST")
                    return try? await plane.createAlias(request).name
                }
                group.addTask { try? await publish().version }
            }
            return await group.reduce(into: [String]()) { $0 += $1.map { [$0] } ?? [] }
        }
        #expect(numbers.count { $0 == "1" } == 8)
        let aliases = try await plane.listAliases(ListAliasesRequest(functionName: "f")).aliases ?? []
        #expect(aliases.compactMap(\.name) == (0..<8).map { "a\($0)" })
    }

    @Test func updateDoesNotUndoWhatChangesBesideIt() async throws {
        try await fixture.active("f")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for round in 1...20 {
                    var request = UpdateFunctionConfigurationRequest(functionName: "f")
                    request.timeout = round
                    _ = try await plane.updateFunctionConfiguration(request)
                    try await fixture.settle("f")
                }
            }
            group.addTask {
                for round in 0..<20 {
                    _ = try await plane.putFunctionConcurrency(
                        PutFunctionConcurrencyRequest(functionName: "f", reservedConcurrentExecutions: round)
                    )
                }
            }
            try await group.waitForAll()
        }
        let shown = try await plane.getFunction(GetFunctionRequest(functionName: "f"))
        #expect(shown.configuration?.timeout == 20)
        #expect(shown.concurrency?.reservedConcurrentExecutions == 19)
    }

    @Test func versionThatWasPendingIsFinishedAfterARestart() async throws {
        try await fixture.active("f")
        #expect(try await publish().state == .pending)
        let restarted = try await ControlPlaneFixture(in: fixture.directory)
        let changes = AsyncStream.makeStream(of: FunctionChange.self)
        restarted.store.observe { changes.continuation.yield($0) }
        try await restarted.plane.recover()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await restarted.plane.run() }
            for await case .versionWritten(let version) in changes.stream where version.status.state == .active {
                break
            }
            restarted.plane.stop()
            try await group.waitForAll()
        }
    }
}
