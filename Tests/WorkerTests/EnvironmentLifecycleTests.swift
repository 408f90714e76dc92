import NIOCore
import RuntimeAPI
import TestSupport
import Testing

@testable import Worker

struct EnvironmentLifecycleTests {
    private typealias Lifecycle = EnvironmentLifecycle<Int, Int>

    private func idleEnvironment() -> Lifecycle {
        var lifecycle = Lifecycle()
        _ = lifecycle.runtimeStarting(deadline: 10)
        _ = lifecycle.runtimeBecameReady()
        return lifecycle
    }

    @Test func frozenEnvironmentIsThawedForAnInvoke() {
        var lifecycle = idleEnvironment()
        guard case .freeze = lifecycle.idledLongEnough() else {
            Issue.record("an idle environment was not frozen")
            return
        }
        guard case .thawAndDeliver = lifecycle.invoked(1, deadline: 20) else {
            Issue.record("a frozen environment was not thawed")
            return
        }
    }

    @Test func busyEnvironmentIsNeverFrozen() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        guard case .none = lifecycle.idledLongEnough() else {
            Issue.record("a busy environment was frozen")
            return
        }
    }

    @Test func timeoutFailsTheInvokeAtItsDeadlineAndNotBefore() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        guard case .none = lifecycle.timerFired(now: 19) else {
            Issue.record("the invoke timed out before its deadline")
            return
        }
        guard case .failAndEnd(1, .timeout) = lifecycle.timerFired(now: 20) else {
            Issue.record("the invoke did not time out")
            return
        }
    }

    @Test func timeoutAfterTheAnswerOnlyEndsTheEnvironment() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        _ = lifecycle.answered()
        guard case .finishAndEnd(1, .timeout) = lifecycle.timerFired(now: 20) else {
            Issue.record("the environment did not end")
            return
        }
    }

    @Test func exitDuringInitialisationIsAnInitialisationFailure() {
        var lifecycle = Lifecycle()
        _ = lifecycle.runtimeStarting(deadline: 10)
        guard case .end(.initialisationExit(.status(3))) = lifecycle.runtimeExited(.status(3)) else {
            Issue.record("the exit was not taken as a failure of the initialisation")
            return
        }
    }

    @Test func retiredEnvironmentFinishesItsInvokeFirst() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        guard case .none = lifecycle.retired() else {
            Issue.record("a busy environment was ended")
            return
        }
        _ = lifecycle.answered()
        guard case .finishAndEnd(1, .retired) = lifecycle.runtimeBecameReady() else {
            Issue.record("the environment outlived its retirement")
            return
        }
    }

    @Test func abortedEnvironmentFailsItsInvokeAtOnce() {
        var lifecycle = idleEnvironment()
        _ = lifecycle.invoked(1, deadline: 20)
        guard case .failAndEnd(1, .aborted) = lifecycle.aborted() else {
            Issue.record("a busy environment did not end")
            return
        }
    }

    @Test func environmentRetiredWhileBeingMadeStartsNoRuntime() {
        var lifecycle = Lifecycle()
        _ = lifecycle.retired()
        #expect(lifecycle.runtimeStarting(deadline: 10) == false)
    }

    /// Events in any order and as late as they like: each invoke is answered exactly once and finished exactly once, and
    /// nothing happens after the end.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func randomEventsAnswerAndFinishEachInvokeOnce(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var lifecycle = Lifecycle()
        var clock = 0
        var current: Int?
        var isAnswered = false
        var hasInitialised = false
        var ends = 0
        var next = 0
        for _ in 0..<300 {
            clock += 1
            let hadEnded = lifecycle.hasEnded
            var action: Lifecycle.EndAction = .none
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                if lifecycle.runtimeStarting(deadline: clock + 40) { #expect(!hadEnded) }
            case 1, 2:
                switch lifecycle.runtimeBecameReady() {
                case .finish(let invocation):
                    #expect(invocation == current && isAnswered)
                    current = nil
                case .finishAndEnd(let invocation, _):
                    #expect(invocation == current && isAnswered)
                    (current, ends) = (nil, ends + 1)
                case .reportInitialised:
                    #expect(!hasInitialised)
                    hasInitialised = true
                case .none:
                    break
                }
            case 3, 4, 5:
                next += 1
                if case .refuse = lifecycle.invoked(next, deadline: clock + 30) { continue }
                #expect(current == nil && !hadEnded)
                (current, isAnswered) = (next, false)
            case 6, 7:
                guard case .answer(let invocation) = lifecycle.answered() else { continue }
                #expect(invocation == current && !isAnswered)
                isAnswered = true
            case 8:
                action = lifecycle.timerFired(now: clock)
            default:
                if case .freeze = lifecycle.idledLongEnough() { #expect(current == nil && !hadEnded) }
                guard Int.random(in: 0..<20, using: &random) == 0 else { continue }
                action = Bool.random(using: &random) ? lifecycle.retired() : lifecycle.runtimeExited(.signal(9))
            }
            switch action {
            case .none:
                break
            case .end:
                #expect(current == nil)
                ends += 1
            case .failAndEnd(let invocation, _):
                #expect(invocation == current && !isAnswered)
                (current, ends) = (nil, ends + 1)
            case .finishAndEnd(let invocation, _):
                #expect(invocation == current && isAnswered)
                (current, ends) = (nil, ends + 1)
            }
            #expect(ends <= 1)
            #expect(lifecycle.hasEnded == (ends == 1))
        }
    }
}
