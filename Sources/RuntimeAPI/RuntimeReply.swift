import LambdaAPI
import NIOCore
import NIOHTTP1

/// A complete answer of the Runtime API.
struct RuntimeReply {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    var body: ByteBuffer

    private init(_ status: HTTPResponseStatus, json: String) {
        self.status = status
        body = ByteBuffer(string: json)
        headers = ["Content-Type": "application/json", "Content-Length": "\(body.readableBytes)"]
    }

    private init(_ status: HTTPResponseStatus, errorType: String, message: String) {
        self.init(status, json: #"{"errorMessage":"\#(message)","errorType":"\#(errorType)"}"# + "\n")
    }

    /// An answer was taken.
    static let accepted = RuntimeReply(.accepted, json: #"{"status":"OK"}"# + "\n")

    static let pong: RuntimeReply = {
        var reply = RuntimeReply(.ok, json: "pong")
        reply.headers.replaceOrAdd(name: "Content-Type", value: "text/plain")
        return reply
    }()

    static let notFound = RuntimeReply(.notFound, errorType: "NotFound", message: "404 page not found")
    static let methodNotAllowed = RuntimeReply(
        .methodNotAllowed,
        errorType: "MethodNotAllowed",
        message: "405 method not allowed"
    )
    static let invalidRequestID = RuntimeReply(
        .badRequest,
        errorType: "InvalidRequestID",
        message: "Invalid request ID"
    )

    static func tooLarge(limit: Int) -> RuntimeReply {
        RuntimeReply(
            .payloadTooLarge,
            errorType: "RequestEntityTooLarge",
            message: "Exceeded maximum allowed payload size (\(limit) bytes)."
        )
    }

    static func invalidTransition(from: String, to: String) -> RuntimeReply {
        RuntimeReply(
            .forbidden,
            errorType: "InvalidStateTransition",
            message: "State transition from \(from) to \(to) failed for runtime. "
                + "Error: State transition is not allowed"
        )
    }

    /// The answer to `next`.
    static func event(_ event: InvocationEvent) -> RuntimeReply {
        var headers = HTTPHeaders()
        headers.reserveCapacity(8)
        headers.add(name: "Content-Type", value: "application/json")
        headers.add(name: "Lambda-Runtime-Aws-Request-Id", value: event.requestID.rawValue)
        headers.add(name: "Lambda-Runtime-Deadline-Ms", value: String(event.deadlineMilliseconds))
        headers.add(name: "Lambda-Runtime-Invoked-Function-Arn", value: event.invokedFunctionARN)
        headers.add(name: "Lambda-Runtime-Trace-Id", value: event.traceHeader)
        if let clientContext = event.clientContext {
            headers.add(name: "Lambda-Runtime-Client-Context", value: clientContext)
        }
        headers.add(name: "Content-Length", value: String(event.payload.readableBytes))
        return RuntimeReply(status: .ok, headers: headers, body: event.payload)
    }

    private init(status: HTTPResponseStatus, headers: HTTPHeaders, body: ByteBuffer) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
