package import LambdaAPI
package import NIOCore

/// What a runtime receives as the answer to `next`: one event and its context. Source: `spec/runtime-api.md` section 1.
package struct InvocationEvent: Sendable {
    /// The invoke's request id.
    package var requestID: RequestID
    /// When the invoke must be over, in milliseconds since 1970.
    package var deadlineMilliseconds: Int64
    /// The ARN exactly as the caller qualified it.
    package var invokedFunctionARN: String
    /// The X-Ray trace header.
    package var traceHeader: String
    /// The caller's client context as JSON text, decoded from base64.
    package var clientContext: String?
    /// The event itself, at most 6 MiB.
    package var payload: ByteBuffer
    /// Names this delivery of the event: what a runtime echoes of it tells an answer from a late one, even where a
    /// request id comes twice.
    package var invocationID: String
    /// Whether the caller takes the response as it comes.
    package var acceptsStream: Bool

    package init(
        requestID: RequestID,
        deadlineMilliseconds: Int64,
        invokedFunctionARN: String,
        traceHeader: String,
        clientContext: String?,
        payload: ByteBuffer,
        invocationID: String,
        acceptsStream: Bool
    ) {
        self.requestID = requestID
        self.deadlineMilliseconds = deadlineMilliseconds
        self.invokedFunctionARN = invokedFunctionARN
        self.traceHeader = traceHeader
        self.clientContext = clientContext
        self.payload = payload
        self.invocationID = invocationID
        self.acceptsStream = acceptsStream
    }
}

/// What a runtime posts: a response, or an error document of its own.
package struct RuntimeDocument: Sendable {
    /// The body, byte for byte.
    package var body: ByteBuffer
    /// The body's content type as the runtime gave it.
    package var contentType: String?
    /// What the runtime calls an error: for the platform's own records, or, behind a streamed response, for the caller.
    package var errorType: String?

    package init(body: ByteBuffer, contentType: String? = nil, errorType: String? = nil) {
        self.body = body
        self.contentType = contentType
        self.errorType = errorType
    }
}
