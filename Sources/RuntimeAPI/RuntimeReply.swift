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
        self.init(status) { json in
            json.member("errorMessage", message)
            json.member("errorType", errorType)
        }
    }

    private init(_ status: HTTPResponseStatus, _ members: (inout JSONWriter) -> Void) {
        self.init(status, json: String(decoding: JSONWriter.document(members), as: UTF8.self) + "\n")
    }

    /// An answer was taken.
    static let accepted = RuntimeReply(.accepted, json: #"{"status":"OK"}"# + "\n")

    /// The runtime is a copy.
    static let restored: RuntimeReply = {
        var reply = RuntimeReply(.ok, json: "")
        reply.headers = ["Content-Length": "0"]
        return reply
    }()

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

    static let invokeTimeout = RuntimeReply(.gone, errorType: "InvokeTimeout", message: "Invoke timeout")
    static let invalidResponseMode = RuntimeReply(
        .badRequest,
        errorType: "InvalidFunctionResponseMode",
        message: "Invalid function response mode"
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

    // MARK: Extensions

    /// A request of an extension is refused.
    static func refused(_ errorType: String, _ message: String) -> RuntimeReply {
        RuntimeReply(.forbidden, errorType: errorType, message: message)
    }

    static func badRequest(_ errorType: String, _ message: String) -> RuntimeReply {
        RuntimeReply(.badRequest, errorType: errorType, message: message)
    }

    /// An extension has registered.
    static func registered(_ settings: RuntimeAPISettings, identifier: String, tellsAccount: Bool) -> RuntimeReply {
        var reply = RuntimeReply(.ok) { json in
            json.member("functionName", settings.functionName)
            json.member("functionVersion", settings.functionVersion)
            json.member("handler", settings.handler)
            if tellsAccount { json.member("accountId", settings.accountID) }
        }
        reply.headers.add(name: "Lambda-Extension-Identifier", value: identifier)
        return reply
    }

    /// The answer to an extension's request for the next event.
    static func notice(_ notice: ExtensionNotice) -> RuntimeReply {
        var reply = RuntimeReply(.ok) { json in
            json.member("eventType", notice.event.rawValue)
            switch notice {
            case .invoke(let event):
                json.member("deadlineMs", Int(event.deadlineMilliseconds))
                json.member("requestId", event.requestID.rawValue)
                json.member("invokedFunctionArn", event.invokedFunctionARN)
                json.member("tracing", TracingContext(header: event.traceHeader))
            case .shutdown(let reason, let deadlineMilliseconds):
                json.member("shutdownReason", reason.rawValue)
                json.member("deadlineMs", Int(deadlineMilliseconds))
            }
        }
        reply.headers.add(name: "Lambda-Extension-Event-Identifier", value: RequestID.random().rawValue)
        return reply
    }

    /// A subscription to telemetry was taken.
    static let subscribed = RuntimeReply(.ok, json: #""OK""#)

    // MARK: Metadata

    static let unauthorised = RuntimeReply(
        .unauthorized,
        errorType: "Unauthorized",
        message: "The Authorization header must bear AWS_LAMBDA_METADATA_TOKEN"
    )

    /// The environment's access keys.
    static func credentials(_ credentials: RuntimeAPISettings.Credentials) -> RuntimeReply {
        RuntimeReply(.ok) { json in
            json.member("AccessKeyId", credentials.accessKeyID)
            json.member("SecretAccessKey", credentials.secretAccessKey)
            json.member("Token", credentials.sessionToken)
            json.member("Expiration", credentials.expiration().zuluText)
        }
    }

    /// As on Lambda, without a body that would say more.
    static let unknownToken = RuntimeReply(.notFound, errorType: "NotFound", message: "Unknown authorization token")

    static func metadata(availabilityZoneID: String) -> RuntimeReply {
        var reply = RuntimeReply(.ok) { $0.member("AvailabilityZoneID", availabilityZoneID) }
        reply.headers.add(name: "Cache-Control", value: "private, max-age=43200, immutable")
        return reply
    }

    /// The answer to `next`.
    static func event(_ event: InvocationEvent) -> RuntimeReply {
        var headers = HTTPHeaders()
        headers.reserveCapacity(9)
        headers.add(name: "Content-Type", value: "application/json")
        headers.add(name: "Lambda-Runtime-Aws-Request-Id", value: event.requestID.rawValue)
        headers.add(name: "Lambda-Runtime-Deadline-Ms", value: String(event.deadlineMilliseconds))
        headers.add(name: "Lambda-Runtime-Invoked-Function-Arn", value: event.invokedFunctionARN)
        headers.add(name: "Lambda-Runtime-Trace-Id", value: event.traceHeader)
        headers.add(name: "Lambda-Runtime-Invocation-Id", value: event.invocationID)
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
