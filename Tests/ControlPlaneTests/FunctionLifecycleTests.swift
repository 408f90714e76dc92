import LambdaAPI
import MetadataStore
import TestSupport
import Testing

@testable import ControlPlane

struct FunctionLifecycleTests {
    private static func definition(_ id: String) -> FunctionDefinition {
        FunctionDefinition(
            configurationID: id,
            codeHash: "aa",
            codeSize: 1,
            runtime: "python3.11",
            handler: "h",
            role: "r",
            description: "",
            timeoutSeconds: 3,
            memoryMegabytes: 128,
            ephemeralStorageMegabytes: 512,
            environment: nil,
            architecture: "x86_64",
            tracingMode: "PassThrough",
            logging: .init(format: "Text", applicationLevel: nil, systemLevel: nil, group: "g")
        )
    }

    private static func created() -> FunctionRecord {
        FunctionLifecycle.created(
            FunctionName("f"),
            definition("1"),
            tags: [:],
            revisionID: "r0",
            at: Timestamp(milliseconds: 0)
        )
    }

    private static let reason = FunctionStatus.Reason(code: "InvalidRuntime", text: "not installed")

    @Test func newFunctionIsPendingAndRunsNothing() {
        let lifecycle = FunctionLifecycle(Self.created())
        #expect(lifecycle.record.status.state == .pending)
        #expect(lifecycle.record.status.stateReason?.text == "The function is being created.")
        #expect(lifecycle.record.status.lastUpdate == nil)
        #expect(lifecycle.invocable == nil)
    }

    @Test func functionThatSucceedsIsActiveUnderAnotherRevision() throws {
        let record = try FunctionLifecycle(Self.created()).succeeded(revisionID: "r1")
        #expect(record.status == FunctionStatus(state: .active, lastUpdate: .successful))
        #expect(record.revisionID == "r1")
        #expect(FunctionLifecycle(record).invocable?.configurationID == "1")
    }

    @Test func updateRunsTheOldDefinitionUntilItSucceeds() throws {
        let active = try FunctionLifecycle(Self.created()).succeeded(revisionID: "r1")
        let updating = try FunctionLifecycle(active).updateStarted(
            Self.definition("2"),
            revisionID: "r2",
            at: Timestamp(milliseconds: 5)
        )
        #expect(updating.definition.configurationID == "2")
        #expect(FunctionLifecycle(updating).invocable?.configurationID == "1")
        #expect(throws: FunctionLifecycle.Refusal.updateInProgress) {
            try FunctionLifecycle(updating).updateStarted(
                Self.definition("3"),
                revisionID: "r3",
                at: Timestamp(milliseconds: 6)
            )
        }
        let done = try FunctionLifecycle(updating).succeeded(revisionID: "r4")
        #expect(FunctionLifecycle(done).invocable?.configurationID == "2")
    }

    @Test func updateThatFailsLeavesTheFunctionAsItWas() throws {
        let active = try FunctionLifecycle(Self.created()).succeeded(revisionID: "r1")
        let updating = try FunctionLifecycle(active).updateStarted(
            Self.definition("2"),
            revisionID: "r2",
            at: Timestamp(milliseconds: 5)
        )
        let failed = try FunctionLifecycle(updating).failed(Self.reason, revisionID: "r3")
        #expect(failed.status.state == .active)
        #expect(failed.status.lastUpdate == .failed)
        #expect(failed.definition.configurationID == "1")
        #expect(FunctionLifecycle(failed).invocable?.configurationID == "1")
    }

    @Test func failedFunctionCanBeUpdatedIntoAnActiveOne() throws {
        let failed = try FunctionLifecycle(Self.created()).failed(Self.reason, revisionID: "r1")
        #expect(failed.status.state == .failed)
        #expect(failed.status.stateReason == Self.reason)
        let updating = try FunctionLifecycle(failed).updateStarted(
            Self.definition("2"),
            revisionID: "r2",
            at: Timestamp(milliseconds: 5)
        )
        let done = try FunctionLifecycle(updating).succeeded(revisionID: "r3")
        #expect(FunctionLifecycle(done).invocable?.configurationID == "2")
    }

    /// However creations and updates interleave: every transition has its own revision, a function that has been active
    /// once can always be invoked, and what is invoked was a success.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func randomTransitionsNeverRunWhatHasNotSucceeded(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var record = Self.created()
        var revisions: Set<String> = [record.revisionID]
        var succeeded: Set<String> = []
        var wasActive = false
        for step in 1...100 {
            let lifecycle = FunctionLifecycle(record)
            let target = record.definition.configurationID
            let next: FunctionRecord?
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                next = try? lifecycle.updateStarted(
                    Self.definition("\(step)"),
                    revisionID: "r\(step)",
                    at: Timestamp(milliseconds: step)
                )
                #expect((next == nil) == lifecycle.isUnderway)
            case 1:
                next = try? lifecycle.succeeded(revisionID: "r\(step)")
                #expect((next != nil) == lifecycle.isUnderway)
                if next != nil { succeeded.insert(target) }
            default:
                next = try? lifecycle.failed(Self.reason, revisionID: "r\(step)")
                #expect((next != nil) == lifecycle.isUnderway)
            }
            guard let next else { continue }
            record = next
            #expect(revisions.insert(record.revisionID).inserted)
            let invocable = FunctionLifecycle(record).invocable
            wasActive = wasActive || invocable != nil
            #expect((invocable != nil) == wasActive)
            if let invocable { #expect(succeeded.contains(invocable.configurationID)) }
        }
    }
}
