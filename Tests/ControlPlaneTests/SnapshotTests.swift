import LambdaAPI
import MetadataStore
import Synchronization
import TestSupport
import Testing

@testable import ControlPlane

/// Versions that start from snapshots, with the outcomes that a test tells.
struct SnapshotTests {
    private let fixture: ControlPlaneFixture
    private var plane: ControlPlane { fixture.plane }

    init() async throws {
        fixture = try await ControlPlaneFixture()
    }

    /// A version that waits for its snapshot.
    private func publish() async throws {
        var request = try ControlPlaneFixture.request("f")
        request.snapStart = SnapStart(applyOn: .publishedVersions)
        request.publish = true
        _ = try await plane.createFunction(request)
        try await fixture.settle("f")
    }

    private func status() async throws -> FunctionStatus? {
        try await fixture.store.version(1, of: FunctionName("f"))?.status
    }

    @Test func aVersionWaitsForItsSnapshot() async throws {
        try await publish()
        let error = await #expect(throws: LambdaError.self) {
            _ = try await fixture.resolve("f", qualifier: Qualifier("1"))
        }
        #expect(error?.code == .snapStartNotReadyException)
        #expect(fixture.snapshots.orders.isEmpty)
        // The unpublished one starts as any other.
        #expect(try await !fixture.resolve("f").startsFromSnapshot)
        fixture.snapshots.outcome = .made
        let version = try await fixture.settle(1, of: "f")
        #expect(version?.status.state == .active && version?.status.isOptimized == true)
        #expect(try await fixture.resolve("f", qualifier: Qualifier("1")).startsFromSnapshot)
        let shown = try await plane.getFunctionConfiguration(
            GetFunctionConfigurationRequest(functionName: "f", qualifier: "1")
        )
        #expect(shown.snapStart?.optimizationStatus == .on)
    }

    @Test func aVersionThatCannotInitialiseHasFailed() async throws {
        try await publish()
        let reason = FunctionStatus.Reason(code: "FunctionError.InitTimeout", text: "too long")
        fixture.snapshots.outcome = .failed(reason)
        _ = try await fixture.settle(1, of: "f")
        #expect(try await status() == FunctionStatus(state: .failed, stateReason: reason))
    }

    @Test func withoutASnapshotItStartsAsAnyOther() async throws {
        try await publish()
        fixture.snapshots.outcome = .unavailable
        _ = try await fixture.settle(1, of: "f")
        #expect(try await status() == FunctionStatus(state: .active, lastUpdate: .successful))
    }

    @Test func aServiceThatStopsLeavesItToTheNext() async throws {
        try await publish()
        fixture.snapshots.outcome = .stopped
        _ = try await fixture.settle(1, of: "f")
        #expect(try await status()?.state == .pending)
        let next = try await ControlPlaneFixture(in: fixture.directory)
        next.snapshots.outcome = .made
        try await next.plane.recover()
        async let running: Void = next.plane.run()
        while try await status()?.state == .pending { await Task.yield() }
        next.plane.stop()
        await running
        #expect(try await status()?.isOptimized == true)
    }

    /// Those of deleted versions and functions, and of what was made in their place, also where that was while nobody looked.
    @Test func snapshotsGoWithTheirVersions() async throws {
        try await publish()
        fixture.snapshots.outcome = .made
        let version = try #require(await fixture.settle(1, of: "f"))
        let identity = InvocableFunction.Identity(
            FunctionName("f"),
            FunctionVersion("1"),
            .init(version.definition.configurationID)
        )
        let strangers = [
            InvocableFunction.Identity(FunctionName("f"), FunctionVersion("1"), .init("another")),
            InvocableFunction.Identity(FunctionName("f"), FunctionVersion("2"), .init("2")),
            InvocableFunction.Identity(FunctionName("g"), FunctionVersion("1"), .init("3")),
        ]
        fixture.snapshots.kept = [identity] + strangers
        try await plane.recover()
        #expect(fixture.snapshots.kept == [identity])
        _ = try await plane.deleteFunction(DeleteFunctionRequest(functionName: "f", qualifier: "1"))
        #expect(fixture.snapshots.kept.isEmpty)
        fixture.snapshots.kept = [identity, strangers[2]]
        _ = try await plane.deleteFunction(DeleteFunctionRequest(functionName: "f"))
        #expect(fixture.snapshots.kept == [strangers[2]])
    }

    @Test func aSnapshotOfAVersionThatIsDeletedMeanwhileIsRemoved() async throws {
        try await publish()
        fixture.snapshots.outcome = .made
        fixture.snapshots.onOrder = { [plane] _ in
            _ = try? await plane.deleteFunction(DeleteFunctionRequest(functionName: "f", qualifier: "1"))
        }
        #expect(try await fixture.settle(1, of: "f") == nil)
        #expect(fixture.snapshots.kept.isEmpty && fixture.snapshots.orders.count == 1)
    }

    @Test func identitiesAreReadAsTheyAreWritten() {
        let identity = InvocableFunction.Identity(FunctionName("f-_1"), FunctionVersion("12"), .init("a-b"))
        #expect(InvocableFunction.Identity("\(identity)") == identity)
        for text in ["", "f", "f:1", "f:1:c:d"] { #expect(InvocableFunction.Identity(text) == nil) }
    }
}

/// Snapshots that are made as a test says.
final class ToldSnapshots: SnapshotMaker {
    private struct State {
        var outcome = SnapshotOutcome.unavailable
        var onOrder: (@Sendable (InvocableFunction) async -> Void)?
        var orders: [InvocableFunction.Identity] = []
        var kept: [InvocableFunction.Identity] = []
    }

    private let state = Mutex(State())

    var outcome: SnapshotOutcome {
        get { state.withLock { $0.outcome } }
        set { state.withLock { $0.outcome = newValue } }
    }

    var onOrder: (@Sendable (InvocableFunction) async -> Void)? {
        get { state.withLock { $0.onOrder } }
        set { state.withLock { $0.onOrder = newValue } }
    }

    var kept: [InvocableFunction.Identity] {
        get { state.withLock { $0.kept } }
        set { state.withLock { $0.kept = newValue } }
    }

    var orders: [InvocableFunction.Identity] { state.withLock { $0.orders } }

    func makeSnapshot(of function: InvocableFunction) async -> SnapshotOutcome {
        await onOrder?(function)
        return state.withLock { state in
            state.orders.append(function.identity)
            if state.outcome == .made { state.kept.append(function.identity) }
            return state.outcome
        }
    }

    func stopMaking() {}
    func snapshots() -> [InvocableFunction.Identity] { kept }
    func removeSnapshot(of version: InvocableFunction.Identity) {
        state.withLock { $0.kept.removeAll { $0 == version } }
    }
}
