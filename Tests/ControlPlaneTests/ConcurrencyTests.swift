import LambdaAPI
import MetadataStore
import Synchronization
import TestSupport
import Testing

@testable import ControlPlane

struct ConcurrencyTests {
    private let fixture: ControlPlaneFixture
    private var plane: ControlPlane { fixture.plane }

    init() async throws {
        fixture = try await ControlPlaneFixture()
        try await fixture.active("f")
    }

    private func reserve(_ count: Int, _ name: String = "f") async throws(LambdaError) {
        _ = try await plane.putFunctionConcurrency(
            PutFunctionConcurrencyRequest(functionName: name, reservedConcurrentExecutions: count)
        )
    }

    private func provision(_ qualifier: String, _ count: Int) async throws(LambdaError) {
        _ = try await plane.putProvisionedConcurrencyConfig(
            PutProvisionedConcurrencyConfigRequest(
                functionName: "f",
                qualifier: qualifier,
                provisionedConcurrentExecutions: count
            )
        )
    }

    private func publish() async throws {
        _ = try await plane.publishVersion(PublishVersionRequest(functionName: "f"))
    }

    private func alias(_ name: String, _ version: String, also other: String? = nil) async throws {
        let routing = other.map { AliasRoutingConfiguration(additionalVersionWeights: [$0: 0.25]) }
        let request = CreateAliasRequest(
            functionName: "f",
            name: name,
            functionVersion: version,
            routingConfig: routing
        )
        _ = try await plane.createAlias(request)
    }

    /// What the environments are asked for, by version.
    private func asked() async throws -> [String: Int] {
        let record = try #require(try await fixture.store.function(named: FunctionName("f")))
        let counts = record.provisionedByVersion.map { ($0.key.rawValue, $0.value) }
        return Dictionary(uniqueKeysWithValues: counts)
    }

    @Test func changesAreToldAtOnceAndAgainAtTheNextStart() async throws {
        try await reserve(5)
        try await publish()
        try await provision("1", 2)
        #expect(fixture.concurrency.elements.last == "f 5 1=2")
        let restarted = try await ControlPlaneFixture(in: fixture.directory)
        try await restarted.plane.recover()
        #expect(restarted.concurrency.elements == ["f 5 1=2"])
        _ = try await restarted.plane.deleteFunction(DeleteFunctionRequest(functionName: "f"))
        #expect(restarted.concurrency.elements.last == "f deleted")
    }

    @Test func reservationsOfManyAtOnceLeaveAHundred() async throws {
        for index in 0..<4 { try await fixture.active("g\(index)") }
        let winners = await withTaskGroup(of: String?.self) { group in
            for name in (0..<4).map({ "g\($0)" }) {
                group.addTask { (try? await reserve(300, name)) == nil ? nil : name }
            }
            return await group.reduce(into: Set()) { winners, name in name.map { _ = winners.insert($0) } }
        }
        #expect(winners.count == 3)
        let settings = try await plane.getAccountSettings(GetAccountSettingsRequest())
        #expect(settings.accountLimit?.unreservedConcurrentExecutions == 100)
        // Less is always possible; then there is room for whoever came last, too.
        for name in winners { try await reserve(10, name) }
        try await reserve(300, "f")
    }

    @Test func aliasOfTwoVersionsDividesWhatIsProvisioned() async throws {
        try await publish()
        var update = UpdateFunctionConfigurationRequest(functionName: "f")
        update.timeout = 9
        _ = try await plane.updateFunctionConfiguration(update)
        try await fixture.settle("f")
        try await publish()
        try await alias("live", "1", also: "2")
        try await provision("live", 4)
        #expect(try await asked() == ["1": 3, "2": 1])
        await #expect(throws: LambdaError.self) { try await provision("2", 1) }
        _ = try await plane.deleteAlias(DeleteAliasRequest(functionName: "f", name: "live"))
        #expect(try await asked().isEmpty)
    }

    @Test func environmentsAreAskedForWhatIsStored() async throws {
        try await publish()
        try await provision("1", 2)
        let environments = fixture.environments
        try await plane.settleProvision(of: FunctionName("f"))
        let configuration = try await fixture.resolve("f", qualifier: Qualifier("1")).configurationID
        #expect(environments.wanted[configuration] == 2)

        let request = GetProvisionedConcurrencyConfigRequest(functionName: "f", qualifier: "1")
        #expect(try await plane.getProvisionedConcurrencyConfig(request).status == .inProgress)
        environments.progress(ProvisionProgress(ready: 1, failure: "reason"), of: configuration)
        let failed = try await plane.getProvisionedConcurrencyConfig(request)
        #expect(failed.status == .failed)
        #expect(failed.statusReason == "reason")
        environments.progress(ProvisionProgress(ready: 2), of: configuration)
        let ready = try await plane.getProvisionedConcurrencyConfig(request)
        #expect(ready.status == .ready)
        #expect(ready.allocatedProvisionedConcurrentExecutions == 2)
        #expect(ready.lastModified == "2024-01-01T00:00:00+0000")

        _ = try await plane.deleteProvisionedConcurrencyConfig(
            DeleteProvisionedConcurrencyConfigRequest(functionName: "f", qualifier: "1")
        )
        try await plane.settleProvision(of: FunctionName("f"))
        #expect(environments.wanted[configuration] == 0)
    }

    @Test func recyclingIsOfFunctionsThatAreThere() async throws {
        #expect(try await plane.recycle("f") == 0)
        let arn = ControlPlaneFixture.locality.functionARN(FunctionName("g"))
        await #expect(throws: LambdaError.functionNotFound(arn: arn)) { try await plane.recycle("g") }
        await #expect(throws: LambdaError.self) { try await plane.recycle("f:1") }
    }
}

/// Environments that are only counted.
final class CountedEnvironments: FunctionEnvironments {
    private struct State {
        var wanted: [InvocableFunction.ConfigurationID: Int] = [:]
        var progress: [InvocableFunction.ConfigurationID: ProvisionProgress] = [:]
    }

    private let state = Mutex(State())

    var wanted: [InvocableFunction.ConfigurationID: Int] { state.withLock { $0.wanted } }

    func progress(_ progress: ProvisionProgress, of configuration: InvocableFunction.ConfigurationID) {
        state.withLock { $0.progress[configuration] = progress }
    }

    func provision(_ function: InvocableFunction, count: Int) {
        state.withLock { $0.wanted[function.configurationID] = count }
    }

    func provisionProgress(
        of configuration: InvocableFunction.ConfigurationID,
        _ function: FunctionName
    ) async -> ProvisionProgress? {
        state.withLock { $0.progress[configuration] }
    }

    func recycle(_ function: FunctionName) async -> Int { 0 }
}
