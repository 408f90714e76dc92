import ControlPlane
import FunctionURL
import Identity
import IdentityAPI
import Invocation
import LambdaAPI
import MetadataStore
import NIOCore
import NIOHTTP1
import Telemetry
import Worker

/// What a request to a function's URL does, from a complete request to a complete answer. Source:
/// `spec/control-plane.md` section 5.
struct FunctionURLService: Sendable {
    let access: AccessControl
    let urls: FunctionURLDirectory
    let functions: FunctionDirectory
    let invoker: any FunctionInvoker
    let locality: Locality
    let domain: FunctionURLDomain
    let errors: ErrorMapping

    /// A request as far as it is known before its URL is.
    struct Call: Sendable {
        let requestID = RequestID.random()
        let address: FunctionURLAddress
        let head: HTTPRequestHead
        var body: ByteBuffer
        let connection: FunctionURLRequest.Connection
        let streamed: NIOLoopBound<StreamedURLAnswer>
        let trace: XRayTraceHeader

        /// Whether the answer can be streamed: one to HEAD tells the length of a body that does not follow.
        var takesStream: Bool { head.method != .HEAD }
    }

    /// Never fails: every error is an answer.
    ///
    /// - Returns: The whole answer, or nil once it has been streamed.
    func respond(to call: Call, on eventLoop: any EventLoop) -> EventLoopFuture<InvokeResponse?> {
        if let target = urls.cached(call.address.id) {
            return answer(call, run(call, target, on: eventLoop))
        }
        let response = eventLoop.makeFutureWithTask { [urls] in
            try await urls.resolve(call.address.id)
        }
        .flatMap { target -> EventLoopFuture<InvokeResponse?> in
            guard let target else { return eventLoop.makeSucceededFuture(Self.edge(.unknownURL, call, nil)) }
            return run(call, target, on: eventLoop)
        }
        return answer(call, response)
    }

    /// Every error on the way, from the directories or from the invoke, is an answer.
    private func answer(
        _ call: Call,
        _ response: EventLoopFuture<InvokeResponse?>
    ) -> EventLoopFuture<InvokeResponse?> {
        response.flatMapErrorThrowing { error in
            let error = errors.lambdaError(error, requestID: call.requestID)
            switch error.httpStatus {
            case 429: return Self.edge(.throttled, call, nil)
            case 413: return Self.edge(.payloadTooLarge, call, nil)
            default: return InvokeResponse(error, requestID: call.requestID)
            }
        }
    }

    private func run(
        _ call: Call,
        _ target: FunctionURLTarget,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResponse?> {
        let cors = target.url.cors.map { CORSPolicy($0) }
        if let preflight = cors?.preflightAnswer(method: call.head.method, headers: call.head.headers) {
            return eventLoop.makeSucceededFuture(InvokeResponse(preflight, to: call))
        }
        guard target.isAlive else { return eventLoop.makeSucceededFuture(Self.edge(.forbidden, call, cors)) }
        guard target.url.authType != .none else {
            guard isAllowed(call, target, access.anybody) else {
                return eventLoop.makeSucceededFuture(Self.edge(.forbidden, call, cors))
            }
            return run(call, target, cors, caller: nil, on: eventLoop)
        }
        return eventLoop.makeFutureWithTask {
            try? await access.authenticate(call.head, call.body)
        }
        .flatMap { signed -> EventLoopFuture<InvokeResponse?> in
            guard let signed, isAllowed(call, target, signed.caller) else {
                return eventLoop.makeSucceededFuture(Self.edge(.forbidden, call, cors))
            }
            var call = call
            call.body = signed.body
            return run(call, target, cors, caller: signed.caller, on: eventLoop)
        }
    }

    private func run(
        _ call: Call,
        _ target: FunctionURLTarget,
        _ cors: CORSPolicy?,
        caller: Caller?,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResponse?> {
        let request = FunctionURLRequest(
            address: call.address,
            domainName: domain.name(of: call.address.id),
            head: call.head,
            body: call.body,
            connection: call.connection,
            caller: caller.map { FunctionURLRequest.Caller($0, in: locality) },
            requestID: call.requestID,
            traceHeader: call.trace.description,
            accountID: locality.accountID,
            time: .now()
        )
        let event = JSONWriter.bytes(of: FunctionURLEvent(request))
        guard event.count <= Limits.requestPayloadMax.bytes else {
            return eventLoop.makeSucceededFuture(Self.edge(.payloadTooLarge, call, cors))
        }
        let invoke: @Sendable (InvocableFunction) -> EventLoopFuture<InvokeResponse?> = { function in
            self.invoke(function, ByteBuffer(bytes: event), call, target, cors, on: eventLoop)
        }
        if let function = functions.cached(target.reference) { return invoke(function) }
        return eventLoop.makeFutureWithTask { [functions] in
            try await functions.resolve(target.reference)
        }
        .flatMap(invoke)
    }

    private func invoke(
        _ function: InvocableFunction,
        _ event: ByteBuffer,
        _ call: Call,
        _ target: FunctionURLTarget,
        _ cors: CORSPolicy?,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResponse?> {
        // The event has the trace as it came.
        let (trace, invocations) = call.trace.entering(function)
        guard invocations <= Lineage.invocationsMax || functions.allowsLoop(function.name) else {
            return eventLoop.makeFailedFuture(LambdaError.recursiveInvocation)
        }
        let request = InvokeRequest(
            requestID: call.requestID,
            function: function,
            invokedFunctionARN: target.reference.arn(in: locality),
            payload: event,
            clientContext: nil,
            traceHeader: trace.description,
            wantsLogTail: false
        )
        guard target.url.invokeMode == .responseStream, call.takesStream else {
            return invoker.invoke(request, on: eventLoop).map { result in
                let response = FunctionURLResponse(
                    result: result.payload,
                    contentType: result.contentType,
                    isFunctionError: result.isFunctionError
                )
                return InvokeResponse(response, to: call, cors)
            }
        }
        call.streamed.value.prepare { head in InvokeResponse(head, to: call, cors) }
        return invoker.invoke(request, streamingTo: call.streamed.value.stream, on: eventLoop).map { result in
            call.streamed.value.complete(result)
        }
    }

    /// Whether the caller may do what a request through the URL does: invoke the URL, and invoke the function by it.
    private func isAllowed(_ call: Call, _ target: FunctionURLTarget, _ caller: Caller) -> Bool {
        let client = AccessControl.Circumstances(
            sourceIP: call.connection.sourceIP,
            userAgent: call.head.headers.first(name: "User-Agent")
        )
        return ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"].allSatisfy { action in
            let demand = AccessControl.Demand(
                action: action,
                resource: target.reference.arn(in: locality),
                context: PolicyContext([
                    "lambda:FunctionUrlAuthType": [target.url.authType.rawValue],
                    "lambda:InvokedViaFunctionUrl": ["true"],
                ])
            )
            return (try? access.check(demand, target.policy, by: caller, client)) != nil
        }
    }

    private static func edge(_ answer: EdgeAnswer, _ call: Call, _ cors: CORSPolicy?) -> InvokeResponse {
        InvokeResponse(answer.response, to: call, cors)
    }
}

extension InvokeResponse {
    /// A function URL's answer, framed and with the headers that every answer has.
    init(_ response: FunctionURLResponse, to call: FunctionURLService.Call, _ cors: CORSPolicy? = nil) {
        self.init(response.head, to: call, cors)
        body = response.body
        headers.replaceOrAdd(name: "Content-Length", value: String(response.body.readableBytes))
    }

    /// The head of an answer whose body follows.
    init(_ head: FunctionURLResponseHead, to call: FunctionURLService.Call, _ cors: CORSPolicy?) {
        var headers = head.headers
        cors?.apply(to: &headers, origin: call.head.headers.first(name: "Origin"))
        headers.replaceOrAdd(name: "x-amzn-RequestId", value: call.requestID.rawValue)
        headers.replaceOrAdd(name: "X-Amzn-Trace-Id", value: call.trace.description)
        self.init(status: head.status, headers: headers, body: ByteBuffer())
    }
}

extension FunctionURLRequest.Caller {
    /// A caller as the event tells of it.
    fileprivate init(_ caller: Caller, in locality: Locality) {
        let identity = caller.identity(in: locality)
        self.init(
            accessKey: caller.accessKeyID ?? "",
            accountID: locality.accountID,
            callerID: identity.userID,
            userARN: identity.arn,
            userID: identity.userID
        )
    }
}
