package import LambdaAPI
package import NIOCore

/// An asynchronous invocation as a producer asks for it: a caller of Invoke, a schedule, a destination.
package struct EventInvocation: Sendable {
    /// Names the invocation, in all of its attempts.
    package var requestID: RequestID
    /// The function, with the qualifier that it is invoked by.
    package var reference: FunctionReference
    /// The event, JSON of at most 1 MiB.
    package var payload: ByteBuffer
    /// The client context as JSON text.
    package var clientContext: String?
    /// The X-Ray trace header, without this invocation in its lineage.
    package var traceHeader: String
    /// The function's settings at this moment, for the case that it is deleted before the event has run; nil if they are not
    /// known.
    package var settings: EventSettings?

    package init(
        requestID: RequestID,
        reference: FunctionReference,
        payload: ByteBuffer,
        clientContext: String? = nil,
        traceHeader: String,
        settings: EventSettings? = nil
    ) {
        self.requestID = requestID
        self.reference = reference
        self.payload = payload
        self.clientContext = clientContext
        self.traceHeader = traceHeader
        self.settings = settings
    }
}
