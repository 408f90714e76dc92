import LambdaAPI
import Logging
import MetadataStore
import NIOCore
import ServiceClients
import Telemetry

// What is done with the results of attempts and deliveries.
extension EventQueue {
    /// How long a destination is tried that does not answer, in milliseconds.
    private static let deliveryAgeMax = 3_600_000
    /// The longest time between two attempts at it, in seconds.
    private static let deliveryPauseMax = 60

    /// An attempt at a function's event has ended.
    func settle(_ event: QueuedEvent, of name: FunctionName, _ result: AttemptResult) {
        if case .shutDown = result.ending {
            settle(event)
            return
        }
        if case .missing(let message) = result.ending, event.invocationDetails.isRecord {
            return delivered(event, nil, DestinationSender.Failure(mayPass: false, description: message))
        }
        let reference = FunctionReference(name, qualifier: event.content.qualifier)
        let settlement = Settlement(
            of: event,
            result,
            functionARN: reference.qualifiedARN(in: dependencies.locality),
            functionName: name,
            retryDelay: retryDelay,
            at: dependencies.clock.now()
        )
        log(event, name, result, settlement)
        settle(event, to: settlement.next, followers: settlement.followers, wasThrottled: settlement.wasThrottled) {
            $0.count(settlement)
        }
    }

    /// An event was not begun since the service ends; the store has it as it was.
    private func settle(_ event: QueuedEvent) {
        update { state, now in
            state.dispatcher.stop()
            return state.dispatcher.finished(.init(event), wasThrottled: false, at: now)
        }
        abandon(event)
    }

    private func log(_ event: QueuedEvent, _ name: FunctionName, _ result: AttemptResult, _ settlement: Settlement) {
        guard settlement.condition != .success else { return }
        var metadata: Logger.Metadata = [
            LogKey.requestID: "\(event.content.requestID)", LogKey.functionName: "\(name)",
        ]
        if case .serviceFailed(let reason) = result.ending { metadata[LogKey.error] = "\(reason)" }
        guard let condition = settlement.condition else {
            metadata[LogKey.reason] = "\(result.ending.errorMessage)"
            return dependencies.logger.debug("an event is attempted again", metadata: metadata)
        }
        metadata[LogKey.reason] = "\(condition.rawValue)"
        metadata[LogKey.count] = "\(event.attempts + 1)"
        dependencies.logger.warning("an event ended without success", metadata: metadata)
    }

    // MARK: Destinations

    /// Sends a message to its destination, and settles it.
    func deliver(_ event: QueuedEvent, on eventLoop: any EventLoop) {
        guard let delivery = Delivery(event) else {
            let error = DestinationSender.Failure(mayPass: false, description: "its record cannot be read")
            return delivered(event, nil, error)
        }
        eventLoop.makeFutureWithTask { [sender] in
            do throws(DestinationSender.Failure) {
                try await sender.send(delivery, of: event)
                return DestinationSender.Failure?.none
            } catch {
                return error
            }
        }
        .whenSuccess { self.delivered(event, delivery, $0) }
    }

    private func delivered(_ event: QueuedEvent, _ delivery: Delivery?, _ failure: DestinationSender.Failure?) {
        guard let failure else {
            return settle(event, to: nil, followers: [], wasThrottled: false) { $0.destinationsDelivered += 1 }
        }
        var metadata: Logger.Metadata = [
            LogKey.requestID: "\(event.content.requestID)", LogKey.item: "\(event.lane)",
            LogKey.error: "\(failure)",
        ]
        if let delivery { metadata[LogKey.functionName] = "\(delivery.functionName)" }
        let now = dependencies.clock.now()
        var next = event
        next.deferrals += 1
        let pause = AttemptRules.deferral(next.deferrals, max: Self.deliveryPauseMax)
        next.due = Timestamp(milliseconds: now.milliseconds + pause)
        if failure.mayPass, next.due.milliseconds <= event.accepted.milliseconds + Self.deliveryAgeMax {
            dependencies.logger.warning("a destination is tried again", metadata: metadata)
            settle(event, to: next, followers: [], wasThrottled: true) { _ in }
            return
        }
        dependencies.logger.error("a message to a destination was given up", metadata: metadata)
        settle(event, to: nil, followers: [], wasThrottled: false) { metrics in
            if case .deadLetter = delivery?.form {
                metrics.deadLetterErrors += 1
            } else {
                metrics.destinationDeliveryFailures += 1
            }
        }
    }
}

extension QueueMetrics {
    /// Counts what came of an attempt.
    fileprivate mutating func count(_ settlement: Settlement) {
        switch settlement.condition {
        case .success: asyncEventsSucceeded += 1
        case nil where settlement.wasThrottled: asyncEventsThrottled += 1
        case nil: asyncEventsRetried += 1
        case .recursiveInvocation:
            recursiveInvocationsDropped += 1
            asyncEventsDropped += 1
        case .retriesExhausted, .eventAgeExceeded, .zeroReservedConcurrency:
            asyncEventsDropped += 1
        }
    }
}
