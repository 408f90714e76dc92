import LambdaAPI
import MetadataStore
import Testing
import Worker

@testable import EventQueue

/// What came of events on its way to destinations.
@Suite(.timeLimit(.minutes(10)))
struct EventQueueDeliveryTests {
    private static let queueARN = "arn:aws:sqs:us-east-1:000000000000:q"
    private static let settings = EventSettings(retriesMax: 0, onFailure: queueARN)

    /// Has a function fail for good, and returns once its record is queued.
    private func failForGood(_ harness: QueueHarness) async throws -> RequestID {
        harness.targets.add("f", Self.settings)
        let id = try await harness.accept()
        await harness.invoker.next().fail()
        let end = await harness.store.nextOutcome()
        #expect(end.removed.count == 1 && end.appended.map(\.lane) == [.queue])
        return id
    }

    @Test func recordIsSentAndGone() async throws {
        try await FakeService.run { service, url in
            let harness = try await QueueHarness.begun(sqs: url)
            let id = try await failForGood(harness)
            let sent = await service.requests.next().document
            let body: String = try sent.required("MessageBody")
            #expect(body.contains(id.rawValue) && body.contains("RetriesExhausted"))
            #expect(await harness.store.nextOutcome().removed.count == 1)
            #expect(try await harness.depth() == 0)
            #expect(try await harness.metrics().destinationsDelivered == 1)
        }
    }

    @Test func destinationThatIsDownIsTriedForAnHour() async throws {
        try await FakeService.run(answering: .unavailable) { service, url in
            let harness = try await QueueHarness.begun(sqs: url)
            _ = try await failForGood(harness)
            var seconds = 0
            for pause in [1, 2, 4, 8, 16, 32] + [Int](repeating: 60, count: 58) {
                _ = await service.requests.next()
                #expect(await harness.store.nextOutcome().postponed.count == 1)
                #expect(await harness.clock.advanceToNextCall() == pause * 1000)
                seconds += pause
            }
            #expect(seconds == 3543)
            #expect(await harness.store.nextOutcome().removed.count == 1)
            #expect(try await harness.depth() == 0)
            #expect(try await harness.metrics().destinationDeliveryFailures == 1)
        }
    }

    @Test func destinationThatComesBackHasItsRecordFromTheNextProcess() async throws {
        try await FakeService.run(answering: .unavailable) { service, url in
            let harness = try await QueueHarness.begun(sqs: url)
            let id = try await failForGood(harness)
            _ = await service.requests.next()
            _ = await harness.store.nextOutcome()
            let next = try await harness.restarted()
            service.answer(.sent)
            next.queue.begin()
            next.clock.advance(seconds: 1)
            let body: String = try await service.requests.next().document.required("MessageBody")
            #expect(body.contains(id.rawValue))
            #expect(await next.store.nextOutcome().removed.count == 1)
            #expect(next.invoker.isIdle, "the function does not run again for it")
        }
    }

    @Test func destinationThatIsNotThereIsGivenUp() async throws {
        try await FakeService.run(answering: .missing) { _, url in
            let harness = try await QueueHarness.begun(sqs: url)
            _ = try await failForGood(harness)
            #expect(await harness.store.nextOutcome().removed.count == 1)
            #expect(try await harness.depth() == 0)
            #expect(try await harness.metrics().destinationDeliveryFailures == 1)
        }
    }

    @Test func serviceThatIsNotConfiguredIsGivenUp() async throws {
        let harness = try await QueueHarness.begun()
        _ = try await failForGood(harness)
        #expect(await harness.store.nextOutcome().removed.count == 1)
        #expect(try await harness.metrics().destinationDeliveryFailures == 1)
    }

    // MARK: Functions

    @Test func functionIsInvokedWithTheRecord() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f", EventSettings(onSuccess: "arn:aws:lambda:us-east-1:000000000000:function:g"))
        harness.targets.add("g")
        let id = try await harness.accept()
        await harness.invoker.next().succeed(#""done""#)
        let record = await harness.invoker.next()
        #expect(record.name == "g" && record.request.requestID != id)
        #expect(record.payload.contains(id.rawValue) && record.payload.contains(#""responsePayload":"done""#))
        record.succeed()
        _ = await harness.store.nextOutcome()
        #expect(await harness.store.nextOutcome().appended.isEmpty)
        let metrics = try await harness.metrics()
        #expect(metrics.asyncEventsSucceeded == 2 && metrics.destinationDeliveryFailures == 0)
    }

    /// The record cannot be delivered; that is no event of a function which failed.
    @Test func functionThatIsGoneIsADestinationThatFails() async throws {
        let harness = try await QueueHarness.begun()
        harness.targets.add("f", EventSettings(onSuccess: "arn:aws:lambda:us-east-1:000000000000:function:g"))
        try await harness.accept()
        await harness.invoker.next().succeed()
        #expect(await harness.store.nextOutcome().appended.map(\.lane) == [.g])
        #expect(await harness.store.nextOutcome().removed.count == 1)
        let metrics = try await harness.metrics()
        #expect(metrics.destinationDeliveryFailures == 1 && metrics.asyncEventsDropped == 0)
        #expect(try await harness.depth() == 0)
    }
}
