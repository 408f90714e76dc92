import TestSupport
import Testing

@testable import Worker

struct ShutdownSequenceTests {
    private typealias Action = ShutdownSequence.Action

    @Test func withoutExtensionsEverythingIsKilledAtOnce() {
        var sequence = ShutdownSequence(isAnyRegistered: false, extensions: [("unregistered", false)])
        #expect(sequence.begin(isRuntimeRunning: true) == [.complete])
        #expect(sequence.budgetExpired() == [])
    }

    @Test func internalExtensionsGiveTheRuntimeAShareOf500Milliseconds() {
        var sequence = ShutdownSequence(isAnyRegistered: true, extensions: [])
        #expect(
            sequence.begin(isRuntimeRunning: true)
                == [.startBudgetTimer(milliseconds: 500), .terminateRuntime, .startRuntimeTimer(milliseconds: 150)]
        )
        #expect(sequence.runtimeExited() == [.complete])
    }

    @Test func extensionsAreToldOnceTheRuntimeHasEnded() {
        var sequence = ShutdownSequence(
            isAnyRegistered: true,
            extensions: [("a", true), ("b", true), ("quiet", false)]
        )
        #expect(
            sequence.begin(isRuntimeRunning: true)
                == [.startBudgetTimer(milliseconds: 2000), .terminateRuntime, .startRuntimeTimer(milliseconds: 600)]
        )
        #expect(sequence.runtimeExited() == [.kill(["quiet"]), .notify(["a", "b"])])
        #expect(sequence.runtimeTimeExpired() == [])
        #expect(sequence.extensionExited("quiet") == [])
        #expect(sequence.extensionExited("b") == [])
        #expect(sequence.extensionExited("a") == [.complete])
    }

    @Test func runtimeThatIgnoresTheRequestIsKilled() {
        var sequence = ShutdownSequence(isAnyRegistered: true, extensions: [("a", true)])
        _ = sequence.begin(isRuntimeRunning: true)
        #expect(sequence.runtimeTimeExpired() == [.killRuntime, .notify(["a"])])
        #expect(sequence.runtimeExited() == [])
        #expect(sequence.budgetExpired() == [.complete])
    }

    @Test func afterACrashOfTheRuntimeExtensionsAreToldAtOnce() {
        var sequence = ShutdownSequence(isAnyRegistered: true, extensions: [("a", true)])
        #expect(
            sequence.begin(isRuntimeRunning: false) == [.startBudgetTimer(milliseconds: 2000), .notify(["a"])]
        )
    }

    @Test func extensionThatEndsBeforeItIsToldIsNotWaitedFor() {
        var sequence = ShutdownSequence(isAnyRegistered: true, extensions: [("a", true)])
        _ = sequence.begin(isRuntimeRunning: true)
        #expect(sequence.extensionExited("a") == [])
        #expect(sequence.runtimeExited() == [.complete])
    }

    /// Whatever happens in whatever order, the sequence is completed exactly once, and at the latest with its budget.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func isCompletedOnce(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let names = ["a", "b", "c"]
        var sequence = ShutdownSequence(
            isAnyRegistered: Int.random(in: 0..<4, using: &random) > 0,
            extensions: names.map { ($0, Bool.random(using: &random)) }
        )
        var completions = 0
        func take(_ actions: [Action]) {
            completions += actions.count { $0 == .complete }
            if completions > 0 { #expect(actions.isEmpty || actions.last == .complete) }
        }
        take(sequence.begin(isRuntimeRunning: Bool.random(using: &random)))
        for _ in 0..<20 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: take(sequence.runtimeExited())
            case 1: take(sequence.runtimeTimeExpired())
            default: take(sequence.extensionExited(names.randomElement(using: &random) ?? ""))
            }
        }
        take(sequence.budgetExpired())
        #expect(completions == 1)
    }
}
