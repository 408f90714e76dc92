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

    package init(
        requestID: RequestID,
        deadlineMilliseconds: Int64,
        invokedFunctionARN: String,
        traceHeader: String,
        clientContext: String?,
        payload: ByteBuffer
    ) {
        self.requestID = requestID
        self.deadlineMilliseconds = deadlineMilliseconds
        self.invokedFunctionARN = invokedFunctionARN
        self.traceHeader = traceHeader
        self.clientContext = clientContext
        self.payload = payload
    }
}

/// What a runtime posts: a response, or an error document of its own.
package struct RuntimeDocument: Sendable {
    /// The body, byte for byte.
    package var body: ByteBuffer
    /// The body's content type as the runtime gave it.
    package var contentType: String?
    /// The `Lambda-Runtime-Function-Error-Type` header of an error.
    package var errorType: String?

    package init(body: ByteBuffer, contentType: String? = nil, errorType: String? = nil) {
        self.body = body
        self.contentType = contentType
        self.errorType = errorType
    }
}

/// What the runtime of one environment has done. Called on the environment's event loop, in the order of the requests.
package protocol RuntimeAPIDelegate: AnyObject {
    /// The runtime asked for the next event: it has initialised, or is done with the event before.
    func runtimeBecameReady()
    /// The runtime posted the response of the current event.
    func runtimeResponded(_ response: RuntimeDocument)
    /// The runtime posted an error for the current event.
    func runtimeFailed(_ error: RuntimeDocument)
    /// The runtime posted more than a response may hold.
    func runtimeExceededResponseSize()
    /// The runtime posted that it cannot initialise; it is about to exit.
    func runtimeFailedToInitialise(_ error: RuntimeDocument)
}
