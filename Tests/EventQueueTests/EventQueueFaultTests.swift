import LambdaAPI
import MetadataStore
import Synchronization
import Testing
import Worker

@testable import EventQueue

/// Events in a process that ends, under a store that fails, and in the hands of operators.
@Suite(.timeLimit(.minutes(10)))
struct EventQueueFaultTests {
    // MARK: Ends and starts

    @Test func eventsOfAProcessThatEndedAreAttemptedByTheNext() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        let failed = try await harness.accept()
        await harness.invoker.next().fail()
        _ = await harness.store.nextOutcome()
        let underway = try await harness.accept()
        #expect(await harness.invoker.next().request.requestID == underway)
        let next = try await harness.restarted()
        #expect(try await next.depth() == 2)
        next.queue.begin()
        let again = await next.invoker.next()
        #expect(again.request.requestID == underway, "nobody knows whether it has run")
        again.succeed()
        #expect(await next.store.nextOutcome().removed.count == 1)
        harness.clock.advance(seconds: 60)
        let retried = await next.invoker.next()
        #expect(retried.request.requestID == failed)
        retried.fail()
        #expect(await next.store.nextOutcome().postponed.map(\.attempts) == [2], "its attempts are remembered")
    }

    /// A process that was thought dead settles nothing, and begins nothing more.
    @Test func processThatReturnsLateLeavesEventsToTheNext() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        let id = try await harness.accept()
        let late = await harness.invoker.next()
        let next = try await harness.restarted()
        late.succeed()
        #expect(await harness.store.refused.next().removed.count == 1)
        #expect(try await next.depth() == 1)
        next.queue.begin()
        let again = await next.invoker.next()
        #expect(again.request.requestID == id)
        again.succeed()
        _ = await next.store.nextOutcome()
        #expect(try await next.depth() == 0)
        await harness.queue.drain()
        #expect(harness.invoker.isIdle)
    }

    @Test func outcomeUnderAnEarlierLeaseDoesNotEndALaterOne() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        try await harness.accept()
        harness.store.failWrites(true)
        await harness.invoker.next().succeed()
        _ = await harness.store.refused.next()
        // The leases end while the outcome waits for the store, and this process is the next to have them.
        let leases = harness.queue.state.withLock { Array($0.leases.values) }
        try await harness.store.release(leases)
        harness.queue.lose(leases.map(\.shard))
        try await harness.queue.tendLeases(.init(owner: "test"))
        let again = await harness.invoker.next()
        harness.store.failWrites(false)
        await harness.clock.advanceToNextCall()
        _ = await harness.store.refused.next()
        #expect(harness.queue.state.withLock { $0.leases.count } == leases.count)
        again.succeed()
        #expect(await harness.store.nextOutcome().removed.count == 1)
        #expect(try await harness.depth() == 0)
    }

    @Test func nothingRunsBeforeTheQueueBegins() async throws {
        let next = try await QueueHarness.begun().restarted()
        next.targets.add("f")
        let id = try await next.accept()
        #expect(try await next.queue.report().lines.map(\.inFlight) == [0])
        next.queue.begin()
        #expect(await next.invoker.next().request.requestID == id)
    }

    /// Stops the queue, and does not wait for what is underway.
    private func stop(_ queue: EventQueue) async {
        let drain = Task { await queue.drain() }
        drain.cancel()
        await drain.value
    }

    @Test func drainWaitsForWhatIsUnderwayAndBeginsNothing() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        try await harness.accept()
        let first = await harness.invoker.next()
        await stop(harness.queue)
        let second = try await harness.accept()
        first.succeed()
        await harness.queue.drain()
        #expect(harness.invoker.isIdle)
        let next = try await harness.restarted()
        #expect(try await next.depth() == 1)
        next.queue.begin()
        #expect(await next.invoker.next().request.requestID == second)
    }

    @Test func drainIsGivenUpWhenItsTaskIsCancelled() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        try await harness.accept()
        let attempt = await harness.invoker.next()
        await stop(harness.queue)
        attempt.succeed()
        #expect(await harness.store.nextOutcome().removed.count == 1)
    }

    @Test func eventThatTheServiceDidNotBeginAnyMoreStays() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        let id = try await harness.accept()
        await harness.invoker.next().refuse(.shuttingDown)
        await harness.queue.drain()
        let next = try await harness.restarted()
        next.queue.begin()
        #expect(await next.invoker.next().request.requestID == id)
        #expect(try await harness.metrics().asyncEventsThrottled == 0)
    }

    // MARK: A store that fails

    @Test func eventThatCannotBeStoredIsNotAccepted() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        harness.store.failWrites(true)
        let error = await #expect(throws: MetadataStoreError.self) { try await harness.accept() }
        #expect(error?.code == .unavailable)
        #expect(try await harness.depth() == 0)
        harness.store.failWrites(false)
        let id = try await harness.accept()
        #expect(await harness.invoker.next().request.requestID == id)
        #expect(try await harness.metrics().asyncEventsReceived == 1)
    }

    @Test func outcomeThatCannotBeStoredIsTriedAgainEachSecond() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        try await harness.accept()
        harness.store.failWrites(true)
        await harness.invoker.next().succeed()
        for _ in 0..<3 {
            #expect(await harness.store.refused.next().removed.count == 1)
            #expect(try await harness.depth() == 1)
            #expect(await harness.clock.advanceToNextCall() == 1000)
        }
        _ = await harness.store.refused.next()
        harness.store.failWrites(false)
        await harness.clock.advanceToNextCall()
        #expect(await harness.store.nextOutcome().removed.count == 1)
        #expect(harness.invoker.isIdle, "it has run already")
        #expect(try await harness.metrics().asyncEventsSucceeded == 1)
    }

    @Test func storeThatCannotBeReadIsReadAgain() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        let id = try await harness.accept()
        let next = try await harness.restarted()
        next.store.failReads(true)
        next.queue.begin()
        for _ in 0..<3 { #expect(await next.clock.advanceToNextCall() == 1000) }
        next.store.failReads(false)
        await next.clock.advanceToNextCall()
        #expect(await next.invoker.next().request.requestID == id)
    }

    // MARK: Operators

    @Test func purgeDropsWhatWaitsAndLeavesWhatRuns() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        harness.targets.add("g")
        for name in ["f", "g", "f"] {
            try await harness.accept(name)
            await harness.invoker.next().fail()
            _ = await harness.store.nextOutcome()
        }
        try await harness.accept()
        let running = await harness.invoker.next()
        #expect(try await harness.queue.purge(FunctionName("f")) == 2)
        #expect(try await harness.queue.purge(FunctionName("f")) == 0)
        let lines = try await harness.queue.report().lines
        #expect(lines.map(\.lane) == [.f, .g])
        #expect(lines.map(\.depth) == [1, 1] && lines.map(\.inFlight) == [1, 0])
        running.succeed()
        _ = await harness.store.nextOutcome()
        harness.clock.advance(seconds: 60)
        #expect(await harness.invoker.next().name == "g")
        let next = try await harness.restarted()
        #expect(try await next.queue.report().lines.map(\.lane) == [.g])
    }

    @Test func purgeOfVeryManyEventsTakesAll() async throws {
        let harness = try await QueueHarness.begun().restarted()
        let count = 2 * EventQueue.purgeMax + 1
        try await withThrowingTaskGroup { group in
            for _ in 0..<count { group.addTask { try await harness.accept() } }
            try await group.waitForAll()
        }
        try await harness.accept("g")
        #expect(try await harness.queue.purge(FunctionName("f")) == count)
        #expect(try await harness.queue.report().lines.map(\.lane) == [.g])
        #expect(try await harness.restarted().queue.report().lines.map(\.depth) == [1])
    }

    @Test func purgeThatFailsIsTold() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        try await harness.accept()
        await harness.invoker.next().fail()
        _ = await harness.store.nextOutcome()
        harness.store.failWrites(true)
        await #expect(throws: MetadataStoreError.self) { try await harness.queue.purge(FunctionName("f")) }
        harness.store.failWrites(false)
        #expect(try await harness.depth() == 1)
        harness.clock.advance(seconds: 60)
        #expect(await harness.invoker.next().name == "f")
    }

    @Test func reportTellsWhatWaitsHowLongAndWhatRuns() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f")
        harness.targets.add("g")
        try await harness.accept("f")
        await harness.invoker.next().fail()
        _ = await harness.store.nextOutcome()
        harness.clock.advance(seconds: 10)
        for _ in 0..<2 { try await harness.accept("g") }
        for _ in 0..<2 { _ = await harness.invoker.next() }
        harness.clock.advance(seconds: 5)
        let lines = try await harness.queue.report().lines
        let expected = [
            QueueReport.Line(lane: .g, depth: 2, inFlight: 2, oldestAgeSeconds: 5),
            QueueReport.Line(lane: .f, depth: 1, inFlight: 0, oldestAgeSeconds: 15),
        ]
        #expect(lines == expected)
    }
}
