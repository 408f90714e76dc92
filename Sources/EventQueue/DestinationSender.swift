import LambdaAPI
import MetadataStore
import ServiceClients

/// Sends messages to destinations, one attempt each.
struct DestinationSender: Sendable {
    let services: ServiceDirectory

    /// Why a message was not taken.
    struct Failure: Error, CustomStringConvertible {
        /// Whether the same message may be taken later.
        var mayPass: Bool
        var description: String
    }

    /// Sends a delivery to its destination.
    ///
    /// - Throws: ``Failure``, also for a destination of a service that no address is configured of.
    func send(_ delivery: Delivery, of event: QueuedEvent) async throws(Failure) {
        guard case .destination(let arn) = event.lane else {
            preconditionFailure("only a destination's messages are sent")
        }
        let body = String(decoding: event.content.payload, as: UTF8.self)
        let requestID = event.content.requestID
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        do throws(ServiceError) {
            switch parts.count == 6 ? parts[2] : "" {
            case "sqs":
                try await client(services.sqs, "sqs-endpoint").sendMessage(
                    to: arn,
                    body: body,
                    attributes: delivery.attributes(requestID: requestID),
                    traceHeader: event.content.traceHeader.isEmpty ? nil : event.content.traceHeader
                )
            case "sns":
                try await client(services.sns, "sns-endpoint").publish(
                    to: arn,
                    message: body,
                    attributes: delivery.attributes(requestID: requestID)
                )
            case "events":
                try await client(services.eventBridge, "events-endpoint").putEvents(busEvent(delivery, arn, body))
            case "s3":
                try await client(services.s3, "s3-endpoint").putObject(
                    bucket: String(parts[5]),
                    key: delivery.objectKey(requestID: requestID),
                    body: event.content.payload
                )
            default:
                throw ServiceError.invalidAddress("'\(arn)' is not a destination")
            }
        } catch {
            throw Failure(mayPass: error.mayPass, description: "\(error)")
        }
    }

    private func busEvent(_ delivery: Delivery, _ arn: String, _ body: String) -> EventBridgeClient.Event {
        let wasSuccess = delivery.form == .record(wasSuccess: true)
        return EventBridgeClient.Event(
            busARN: arn,
            source: "lambda",
            detailType: "Lambda Function Invocation Result - \(wasSuccess ? "Success" : "Failure")",
            detail: body,
            resources: [arn, delivery.functionARN],
            time: delivery.time
        )
    }

    private func client<Client>(_ client: Client?, _ key: String) throws(ServiceError) -> Client {
        guard let client else { throw .invalidAddress("no address of the service is configured; set \(key)") }
        return client
    }
}
