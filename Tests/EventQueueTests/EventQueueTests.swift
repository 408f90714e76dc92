import Invocation
import LambdaAPI
import MetadataStore
import Testing
import Worker

@testable import EventQueue

/// Attempts at events: who is invoked with what, when again, and what ends an event.
@Suite(.timeLimit(.minutes(10)))
struct EventQueueTests {
    private static let unreachable = "arn:aws:sqs:us-east-1:000000000000:q"

    // MARK: Attempts

    @Test func eventIsRunAsItWasSentAndIsGone() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f", qualifier: "live", version: FunctionVersion("3"))
        let id = try await harness.accept("f", qualifier: "live", #"{"n": 1}"#)
        let attempt = await harness.invoker.next()
        #expect(attempt.request.requestID == id)
        #expect(attempt.payload == #"{"n": 1}"#)
        #expect(attempt.request.invokedFunctionARN == "arn:aws:lambda:us-east-1:000000000000:function:f:live")
        #expect(attempt.request.function.version == FunctionVersion("3"))
        #expect(attempt.request.clientContext == #"{"custom": {}}"#)
        #expect(attempt.request.traceHeader.hasPrefix("Root=1-2-3;"))
        attempt.succeed()
        let change = await harness.store.nextOutcome()
        #expect(change.removed.count == 1 && change.appended.isEmpty)
        #expect(try await harness.queue.report().lines == [])
        #expect(try await harness.metrics() == QueueMetrics(asyncEventsReceived: 1, asyncEventsSucceeded: 1))
    }

    @Test func functionIsAskedForWhereItIsNotKnown() async throws {
        let harness = try await QueueHarness.begun(FakeTargets(areUnknown: true))
        harness.targets.add("f")
        let id = try await harness.accept()
        #expect(await harness.invoker.next().request.requestID == id)
    }

    @Test func functionThatFailsIsTriedAgainAfterOneAndTwoMinutes() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        let id = try await harness.accept()
        for (count, seconds) in [(1, 60), (2, 120)] {
            let attempt = await harness.invoker.next()
            #expect(attempt.request.requestID == id)
            attempt.fail()
            #expect(await harness.store.nextOutcome().postponed.map(\.attempts) == [count])
            #expect(await harness.clock.advanceToNextCall() == seconds * 1000)
        }
        let last = await harness.invoker.next()
        #expect(last.request.requestID == id)
        last.fail()
        #expect(await harness.store.nextOutcome().removed.count == 1)
        #expect(harness.clock.now() == .test(seconds: 180))
        #expect(try await harness.depth() == 0)
        let metrics = try await harness.metrics()
        #expect(metrics == QueueMetrics(asyncEventsReceived: 1, asyncEventsRetried: 2, asyncEventsDropped: 1))
    }

    @Test(arguments: [InvokeFailure.Code.scalingTooFast, .capacityExhausted, .environmentFailed])
    func throttledEventsBackOff(code: InvokeFailure.Code) async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f", EventSettings(retriesMax: 0, ageSecondsMax: 1200, onFailure: Self.unreachable))
        let id = try await harness.accept()
        for (count, seconds) in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].enumerated() {
            let attempt = await harness.invoker.next()
            #expect(attempt.request.requestID == id)
            attempt.refuse(code)
            let postponed = await harness.store.nextOutcome().postponed
            #expect(postponed.map(\.attempts) == [0], "a throttle uses up no attempt")
            #expect(postponed.map(\.deferrals) == [count + 1])
            #expect(await harness.clock.advanceToNextCall() == seconds * 1000)
        }
        // The next attempt would come after the 20 minutes that the event has.
        await harness.invoker.next().refuse(code)
        let end = await harness.store.nextOutcome()
        #expect(end.removed.count == 1 && end.appended.map(\.lane) == [.queue])
        #expect(harness.clock.now() == .test(seconds: 1111))
        #expect(try await harness.metrics().asyncEventsThrottled == 11)
    }

    @Test func storeOfFunctionsThatFailsIsWaitedFor() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f", EventSettings(retriesMax: 0))
        harness.targets.fail(with: LambdaError(.serviceException, "no store"))
        let id = try await harness.accept()
        #expect(await harness.store.nextOutcome().postponed.map(\.deferrals) == [1])
        harness.targets.fail(with: nil)
        await harness.clock.advanceToNextCall()
        #expect(await harness.invoker.next().request.requestID == id)
    }

    // MARK: Functions that change

    @Test func nextAttemptHasWhatIsInForceThen() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        try await harness.accept(settings: EventSettings())
        await harness.invoker.next().fail()
        _ = await harness.store.nextOutcome()
        harness.targets.add("f", EventSettings(retriesMax: 1, onFailure: Self.unreachable))
        await harness.clock.advanceToNextCall()
        await harness.invoker.next().fail()
        let end = await harness.store.nextOutcome()
        #expect(end.removed.count == 1 && end.appended.map(\.lane) == [.queue])
    }

    /// It is as if each attempt failed, by the settings that the function had.
    @Test func functionThatIsGoneFails() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        let settings = EventSettings(retriesMax: 1, deadLetterTarget: Self.unreachable)
        try await harness.accept(settings: settings)
        await harness.invoker.next().fail()
        _ = await harness.store.nextOutcome()
        harness.targets.remove("f")
        await harness.clock.advanceToNextCall()
        let end = await harness.store.nextOutcome()
        #expect(end.removed.count == 1)
        let letter = try #require(end.appended.first.map { QueuedEvent(id: EventID(0), $0) })
        let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
        #expect(Delivery(letter)?.form == .deadLetter(status: 404, message: message))
        #expect(harness.invoker.isIdle)
    }

    // MARK: Events that do not run

    @Test func reservationOfNothingEndsAnEvent() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f", EventSettings(onFailure: Self.unreachable), isStopped: true)
        try await harness.accept()
        let end = await harness.store.nextOutcome()
        #expect(end.removed.count == 1 && end.appended.map(\.lane) == [.queue])
        #expect(harness.invoker.isIdle)
        #expect(try await harness.metrics().asyncEventsDropped == 1)
    }

    @Test(arguments: [false, true])
    func seventeenthInvocationInAChainIsDroppedUnlessItMayLoop(allowsLoop: Bool) async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f", allowsLoop: allowsLoop)
        var traceHeader = "Root=1-2-3"
        for _ in 0..<Lineage.invocationsMax {
            try await harness.accept(traceHeader: traceHeader)
            let attempt = await harness.invoker.next()
            traceHeader = attempt.request.traceHeader
            attempt.succeed()
            _ = await harness.store.nextOutcome()
        }
        try await harness.accept(traceHeader: traceHeader)
        if allowsLoop { await harness.invoker.next().succeed() }
        #expect(await harness.store.nextOutcome().removed.count == 1)
        #expect(try await harness.metrics().recursiveInvocationsDropped == (allowsLoop ? 0 : 1))
        #expect(harness.invoker.isIdle)
    }

    @Test func eventThatHasBecomeTooOldIsNotRun() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f", EventSettings(retriesMax: 2, ageSecondsMax: 600))
        try await harness.accept()
        await harness.invoker.next().fail()
        _ = await harness.store.nextOutcome()
        // The service was down when the event's time came.
        let next = try await harness.restarted()
        harness.clock.advance(seconds: 601)
        next.queue.begin()
        #expect(await next.store.nextOutcome().removed.count == 1)
        #expect(next.invoker.isIdle)
        #expect(try await next.metrics().asyncEventsDropped == 1)
    }
}
