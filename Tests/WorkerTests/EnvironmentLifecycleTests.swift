import NIOCore
import RuntimeAPI
import TestSupport
import Testing

@testable import Worker

struct EnvironmentLifecycleTests {
    private typealias Lifecycle = EnvironmentLifecycle<Int, Int>

    private func idleEnvironment() -> Lifecycle {
        var lifecycle = Lifecycle()
        _ = lifecycle.sandboxBecameReady(deadline: 10)
        _ = lifecycle.everybodyBecameReady()
        return lifecycle
    }

    private func stoppedEnvironment() -> Lifecycle {
        var lifecycle = idleEnvironment()
        _ = lifecycle.failed(.runtimeExit(.status(1)))
        _ = lifecycle.processesEnded()
        return lifecycle
    }

    private func unexpected(_ sourceLocation: SourceLocation = #_sourceLocation) {
        Issue.record("another action was expected", sourceLocation: sourceLocation)
    }

    @Test func frozenEnvironmentIsThawedForAnInvoke() {
        var lifecycle = idleEnvironment()
        guard case .freeze = lifecycle.idledLongEnough() else { return unexpected() }
        guard case .thawAndDeliver = lifecycle.invoked(1, deadline: 20) else { return unexpected() }
    }

    @Test func aTemplateEndsWithItsSnapshot() {
        var lifecycle = Lifecycle(isTemplate: true)
        _ = lifecycle.sandboxBecameReady(deadline: 10)
        guard case .takeSnapshot = lifecycle.everybodyBecameReady() else { return unexpected() }
        // Its processes are lost with its sandbox, which is no news, and it needs as long as it needs.
        guard case .none = lifecycle.failed(.host(reason: "lost")) else { return unexpected() }
        guard case .none = lifecycle.timerFired(now: 100), case .none = lifecycle.retired() else { return unexpected() }
        guard case .refuse = lifecycle.invoked(1, deadline: 200) else { return unexpected() }
        #expect(!lifecycle.hasEnded)
        let ended = lifecycle.snapshotEnded()
        #expect(ended && lifecycle.hasEnded)
    }

    @Test func aTemplateThatFailsEndsWithoutAnotherAttempt() {
        var lifecycle = Lifecycle(isTemplate: true)
        _ = lifecycle.sandboxBecameReady(deadline: 10)
        guard case .reset(.initialisation, .timeout) = lifecycle.timerFired(now: 10) else { return unexpected() }
        guard case .end = lifecycle.processesEnded() else { return unexpected() }
        let saved = lifecycle.snapshotEnded()
        #expect(!saved)
    }

    @Test func aRestorationThatFailsIsTheEnd() {
        for failure in [Lifecycle.Failure.timeout, .runtimeExit(.status(1)), .host(reason: "")] {
            var lifecycle = Lifecycle()
            let isWanted = lifecycle.sandboxWasRestored(deadline: 10)
            #expect(isWanted && lifecycle.isRestoring && lifecycle.deadline == 10)
            guard case .end(.restoration, _) = lifecycle.failed(failure) else { return unexpected() }
            #expect(lifecycle.hasEnded)
        }
    }

    @Test func aCopyDoesNotOutliveAFailure() {
        var lifecycle = Lifecycle()
        _ = lifecycle.sandboxWasRestored(deadline: 10)
        guard case .reportRestored = lifecycle.everybodyBecameReady() else { return unexpected() }
        guard case .deliver = lifecycle.invoked(1, deadline: 20) else { return unexpected() }
        guard case .reset(.caller(1), .timeout) = lifecycle.timerFired(now: 20) else { return unexpected() }
        guard case .end = lifecycle.processesEnded() else { return unexpected() }
    }

    @Test func busyEnvironmentIsNeverFrozen() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        guard case .none = lifecycle.idledLongEnough() else { return unexpected() }
    }

    @Test func timeoutFailsTheInvokeAtItsDeadlineAndNotBefore() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        guard case .none = lifecycle.timerFired(now: 19) else { return unexpected() }
        guard case .reset(.caller(1), .timeout) = lifecycle.timerFired(now: 20) else { return unexpected() }
    }

    @Test func timeoutAfterTheAnswerOnlyResetsTheEnvironment() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        _ = lifecycle.answered()
        guard case .reset(.answered(1), .timeout) = lifecycle.timerFired(now: 20) else { return unexpected() }
    }

    @Test func failedInitialisationIsTriedAgainInTheInvoke() {
        var lifecycle = Lifecycle()
        _ = lifecycle.sandboxBecameReady(deadline: 10)
        guard case .reset(.initialisation, .runtimeExit(.status(3))) = lifecycle.failed(.runtimeExit(.status(3)))
        else { return unexpected() }
        guard case .refuse = lifecycle.invoked(1, deadline: 20) else { return unexpected() }
        guard case .reportStopped = lifecycle.processesEnded() else { return unexpected() }
        guard case .initialise = lifecycle.invoked(1, deadline: 20) else { return unexpected() }
        guard case .deliver(1) = lifecycle.everybodyBecameReady() else { return unexpected() }
        guard case .answer(1) = lifecycle.answered() else { return unexpected() }
    }

    @Test func failedInitialisationAheadOfInvokesIsTheEndWhereItIsToBe() {
        var lifecycle = Lifecycle(endsAfterFailedInitialisation: true)
        _ = lifecycle.sandboxBecameReady(deadline: 10)
        guard case .reset(.initialisation, .timeout) = lifecycle.timerFired(now: 10) else { return unexpected() }
        guard case .end = lifecycle.processesEnded() else { return unexpected() }
        #expect(lifecycle.hasEnded)
    }

    @Test func failureAfterAnInitialisationThatHadToSucceedIsNotTheEnd() {
        var lifecycle = Lifecycle(endsAfterFailedInitialisation: true)
        _ = lifecycle.sandboxBecameReady(deadline: 10)
        _ = lifecycle.everybodyBecameReady()
        _ = lifecycle.failed(.runtimeExit(.status(1)))
        guard case .reportStopped = lifecycle.processesEnded() else { return unexpected() }
    }

    @Test func initialisationThatFailsInTheInvokeFailsTheInvoke() {
        var lifecycle = stoppedEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        guard case .reset(.caller(1), .runtimeExit) = lifecycle.failed(.runtimeExit(.status(1))) else {
            return unexpected()
        }
        guard case .reportStopped = lifecycle.processesEnded() else { return unexpected() }
    }

    @Test func initialisationInTheInvokeHasTheInvokesDeadline() {
        var lifecycle = stoppedEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        _ = lifecycle.everybodyBecameReady()
        #expect(lifecycle.deadline == 20)
    }

    @Test func environmentWithoutMemoryLeftIsNotUsedAgain() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        guard case .end(.caller(1), .runtimeExit(.outOfMemory)) = lifecycle.failed(.runtimeExit(.outOfMemory)) else {
            return unexpected()
        }
        #expect(lifecycle.hasEnded)
    }

    @Test func exitsDuringAResetAreNoNews() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        _ = lifecycle.failed(.extensionExit(errorType: "Extension.Crash", .status(1)))
        guard case .none = lifecycle.failed(.runtimeExit(.signal(9))) else { return unexpected() }
    }

    @Test func lostSandboxEndsAReset() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.failed(.runtimeExit(.signal(9)))
        guard case .end(.nobody, .host) = lifecycle.failed(.host(reason: "gone")) else { return unexpected() }
        guard case .none = lifecycle.processesEnded() else { return unexpected() }
    }

    @Test func retiredEnvironmentFinishesItsInvokeFirst() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        guard case .none = lifecycle.retired() else { return unexpected() }
        _ = lifecycle.answered()
        guard case .finishAndShutDown(1) = lifecycle.everybodyBecameReady() else { return unexpected() }
        guard case .end = lifecycle.processesEnded() else { return unexpected() }
    }

    @Test func idleEnvironmentIsThawedForItsShutdown() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.idledLongEnough()
        guard case .shutDown(thawing: true) = lifecycle.retired() else { return unexpected() }
        guard case .none = lifecycle.retired() else { return unexpected() }
        guard case .end = lifecycle.processesEnded() else { return unexpected() }
    }

    @Test func abortedEnvironmentFailsItsInvokeAtOnce() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        guard case .end(.caller(1), .aborted) = lifecycle.failed(.aborted) else { return unexpected() }
    }

    @Test func environmentRetiredWhileBeingMadeStartsNoProcess() {
        var lifecycle = Lifecycle()
        guard case .end = lifecycle.retired() else { return unexpected() }
        #expect(lifecycle.sandboxBecameReady(deadline: 10) == false)
    }

    /// Events in any order and as late as they like: each invoke is answered exactly once and finished exactly once, none
    /// is taken while another is under way, and nothing happens after the end.
    @Test(arguments: 0..<300 as Range<UInt64>)
    func randomEventsAnswerAndFinishEachInvokeOnce(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var walk = Walk(isTemplate: seed.isMultiple(of: 4))
        for _ in 0..<300 { walk.takeStep(using: &random) }
    }

    /// A lifecycle, and what it has been told and has answered.
    private struct Walk {
        private let isTemplate: Bool
        private var lifecycle: Lifecycle
        private var isRestored = false
        private var isSaving = false
        private var clock = 0
        private var current: Int?
        private var isAnswered = false
        private var isEnding = false
        private var ends = 0
        private var next = 0

        init(isTemplate: Bool) {
            self.isTemplate = isTemplate
            lifecycle = Lifecycle(isTemplate: isTemplate)
        }

        mutating func takeStep(using random: inout SeededGenerator) {
            clock += 1
            let hadEnded = lifecycle.hasEnded
            switch Int.random(in: 0..<13, using: &random) {
            case 12:
                if isTemplate {
                    guard lifecycle.snapshotEnded() else { break }
                    #expect(isSaving && !hadEnded)
                    (isSaving, ends) = (false, ends + 1)
                } else if lifecycle.sandboxWasRestored(deadline: clock + 40) {
                    #expect(!hadEnded)
                    isRestored = true
                }
            case 0:
                if lifecycle.sandboxBecameReady(deadline: clock + 40) { #expect(!hadEnded) }
            case 1, 2:
                ready(hadEnded)
            case 3, 4, 5:
                invoke(hadEnded)
            case 6, 7:
                guard case .answer(let invocation) = lifecycle.answered() else { break }
                #expect(invocation == current && !isAnswered)
                isAnswered = true
            case 8:
                take(lifecycle.timerFired(now: clock), hadEnded)
            case 9:
                stop(hadEnded)
            case 10:
                if case .freeze = lifecycle.idledLongEnough() { #expect(current == nil && !hadEnded) }
            default:
                fail(hadEnded, using: &random)
            }
            #expect(ends <= 1)
            #expect(lifecycle.hasEnded == (ends == 1))
        }

        private mutating func ready(_ hadEnded: Bool) {
            switch lifecycle.everybodyBecameReady() {
            case .finish(let invocation), .finishAndShutDown(let invocation):
                #expect(invocation == current && isAnswered)
                current = nil
            case .deliver(let invocation):
                #expect(invocation == current && !isAnswered)
            case .reportInitialised:
                #expect(current == nil && !hadEnded && !isRestored && !isTemplate)
            case .reportRestored:
                #expect(current == nil && !hadEnded && isRestored)
            case .takeSnapshot:
                #expect(current == nil && !hadEnded && isTemplate)
                isSaving = true
            case .none:
                break
            }
        }

        private mutating func invoke(_ hadEnded: Bool) {
            next += 1
            if case .refuse = lifecycle.invoked(next, deadline: clock + 30) { return }
            #expect(current == nil && !hadEnded && !isEnding)
            (current, isAnswered) = (next, false)
        }

        private mutating func fail(_ hadEnded: Bool, using random: inout SeededGenerator) {
            switch Int.random(in: 0..<40, using: &random) {
            case 0: take(lifecycle.failed(.aborted), hadEnded)
            case 1: take(lifecycle.failed(.host(reason: "")), hadEnded)
            case 2: take(lifecycle.failed(.runtimeExit(.outOfMemory)), hadEnded)
            case 3:
                switch lifecycle.retired() {
                case .end: (isEnding, ends) = (true, ends + 1)
                case .shutDown: isEnding = true
                case .none: break
                }
            default: take(lifecycle.failed(.runtimeExit(.status(1))), hadEnded)
            }
        }

        private mutating func stop(_ hadEnded: Bool) {
            switch lifecycle.processesEnded() {
            case .reportStopped: #expect(current == nil && !hadEnded && !isRestored && !isTemplate)
            case .end: ends += 1
            case .none: break
            }
        }

        private mutating func take(_ action: Lifecycle.FailureAction, _ hadEnded: Bool) {
            let concern: Lifecycle.Concern
            switch action {
            case .none:
                return
            case .reset(let concerned, _):
                concern = concerned
            case .end(let concerned, _):
                ends += 1
                concern = concerned
            }
            #expect(!hadEnded)
            switch concern {
            case .nobody, .initialisation:
                #expect(current == nil)
            case .restoration:
                #expect(current == nil && isRestored && ends == 1)
            case .caller(let invocation):
                #expect(invocation == current && !isAnswered)
            case .answered(let invocation):
                #expect(invocation == current && isAnswered)
            }
            current = nil
        }
    }
}
