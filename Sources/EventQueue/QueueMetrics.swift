package import LambdaAPI

/// What has happened to events since the process started. Names are those of Lambda's metrics where it has one.
package struct QueueMetrics: Sendable, Equatable {
    /// Events that were accepted.
    package var asyncEventsReceived = 0
    /// Events whose function succeeded.
    package var asyncEventsSucceeded = 0
    /// Attempts that failed and were followed by another.
    package var asyncEventsRetried = 0
    /// Attempts that could not be made and were put off.
    package var asyncEventsThrottled = 0
    /// Events that ended without success.
    package var asyncEventsDropped = 0
    /// Those of them that were stopped in a loop.
    package var recursiveInvocationsDropped = 0
    /// Events and records that a destination has taken.
    package var destinationsDelivered = 0
    /// Dead letters that were given up.
    package var deadLetterErrors = 0
    /// Records that were given up.
    package var destinationDeliveryFailures = 0
}

extension QueueMetrics: JSONEncodable {
    package func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("AsyncEventsReceived", asyncEventsReceived)
            writer.member("AsyncEventsSucceeded", asyncEventsSucceeded)
            writer.member("AsyncEventsRetried", asyncEventsRetried)
            writer.member("AsyncEventsThrottled", asyncEventsThrottled)
            writer.member("AsyncEventsDropped", asyncEventsDropped)
            writer.member("RecursiveInvocationsDropped", recursiveInvocationsDropped)
            writer.member("DestinationsDelivered", destinationsDelivered)
            writer.member("DeadLetterErrors", deadLetterErrors)
            writer.member("DestinationDeliveryFailures", destinationDeliveryFailures)
        }
    }
}
