import ControlPlane
import EventQueue
import Foundation
import Invocation
import LambdaAPI
import NIOCore
import NIOHTTP1
import Worker

/// What the Invoke operation does, from a complete request to a complete answer. Source: `spec/invoke.md`.
///
/// Everything that a warm invoke needs is in memory: a function that has been invoked before is found without leaving
/// the event loop.
struct InvokeService: Sendable {
    let access: AccessControl
    let browsers: BrowserGuard
    let functions: FunctionDirectory
    let invoker: any FunctionInvoker
    let events: EventQueue
    let locality: Locality
    let errors: ErrorMapping

    /// Never fails: every error is an answer.
    ///
    /// - Parameter streamed: Takes the answer as it comes, if the caller wants that.
    /// - Returns: The whole answer, or nil once it has been streamed.
    func respond(
        to route: InvokeRoute,
        _ head: HTTPRequestHead,
        _ body: ByteBuffer,
        from client: AccessControl.Circumstances,
        on eventLoop: any EventLoop,
        streamingTo streamed: StreamedResponse? = nil
    ) -> EventLoopFuture<InvokeResponse?> {
        var requestID = RequestID.random()
        do throws(LambdaError) {
            requestID = try self.requestID(of: head, default: requestID)
            let reference = try FunctionReference(route.functionName, qualifier: route.qualifier, in: locality)
            var call = Call(
                requestID: requestID,
                reference: reference,
                head: head,
                route: route,
                body: body,
                trace: XRayTraceHeader(caller: head.headers.first(name: "X-Amzn-Trace-Id")),
                streamed: streamed.map { NIOLoopBound($0, eventLoop: eventLoop) }
            )
            if !access.authenticator.isOpen {
                guard let body = try access.admitAtOnce(head, body, to: reference, route.operation.action, client)
                else {
                    return answer(call, runAfterAdmission(call, client, on: eventLoop))
                }
                call.body = body
            }
            return answer(call, try runAdmitted(call, on: eventLoop))
        } catch {
            return eventLoop.makeSucceededFuture(InvokeResponse(error, requestID: requestID))
        }
    }

    /// One invoke, as far as it is known before its function is.
    private struct Call: Sendable {
        let requestID: RequestID
        let reference: FunctionReference
        let head: HTTPRequestHead
        let route: InvokeRoute
        var body: ByteBuffer
        var trace: XRayTraceHeader
        let streamed: NIOLoopBound<StreamedResponse>?

        /// What the function receives.
        var event: ByteBuffer { body.readableBytes > 0 ? body : InvokeService.emptyEvent }

        /// This with the trace that the function is invoked with.
        func with(_ trace: XRayTraceHeader) -> Call {
            var call = self
            call.trace = trace
            return call
        }
    }

    private func runAfterAdmission(
        _ call: Call,
        _ client: AccessControl.Circumstances,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResponse?> {
        eventLoop.makeFutureWithTask { [access] in
            try await access.admit(call.head, call.body, to: call.reference, call.route.operation.action, client)
        }
        .flatMap { body in
            var admitted = call
            admitted.body = body
            do throws(LambdaError) {
                return try runAdmitted(admitted, on: eventLoop)
            } catch {
                return eventLoop.makeFailedFuture(error)
            }
        }
    }

    private func runAdmitted(
        _ call: Call,
        on eventLoop: any EventLoop
    ) throws(LambdaError) -> EventLoopFuture<InvokeResponse?> {
        let options = try InvokeOptions(call.head.headers, of: call.route.operation)
        try checkPayload(call.body, of: call.route.operation, max: options.payloadMax)
        if let function = functions.cached(call.reference) { return run(call, options, function, on: eventLoop) }
        return eventLoop.makeFutureWithTask { [functions] in
            try await functions.resolve(call.reference)
        }
        .flatMap { run(call, options, $0, on: eventLoop) }
    }

    /// Every error on the way, from the directory or from the invoke, is an answer.
    private func answer(
        _ call: Call,
        _ response: EventLoopFuture<InvokeResponse?>
    ) -> EventLoopFuture<InvokeResponse?> {
        response.flatMapErrorThrowing {
            InvokeResponse(errors.lambdaError($0, requestID: call.requestID), requestID: call.requestID)
        }
    }

    private func run(
        _ call: Call,
        _ options: InvokeOptions,
        _ function: InvocableFunction,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResponse?> {
        switch options.invocationType {
        case .dryRun:
            return eventLoop.makeSucceededFuture(
                InvokeResponse(status: .noContent, headers: Self.headers(of: call), body: ByteBuffer())
            )
        case .event:
            return accept(call, options, on: eventLoop)
        case .requestResponse:
            return runNow(call, options, function, on: eventLoop)
        }
    }

    /// Keeps the event; the function has been found, and its latest code runs when the event's turn has come.
    private func accept(
        _ call: Call,
        _ options: InvokeOptions,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResponse?> {
        let invocation = EventInvocation(
            requestID: call.requestID,
            reference: call.reference,
            payload: call.event,
            clientContext: options.clientContext,
            traceHeader: call.trace.description,
            settings: functions.eventSettings(call.reference)
        )
        return events.accept(invocation, on: eventLoop).map {
            let body = ByteBuffer(string: call.route.operation == .invokeAsync ? #"{"Status":202}"# : "")
            var headers = Self.headers(of: call)
            headers.add(name: "Content-Length", value: String(body.readableBytes))
            if body.readableBytes > 0 { headers.add(name: "Content-Type", value: "application/json") }
            return InvokeResponse(status: .accepted, headers: headers, body: body)
        }
        .flatMapErrorThrowing { error in
            throw LambdaError(
                .serviceException,
                "The event was not accepted because it could not be stored.",
                cause: error
            )
        }
    }

    private func runNow(
        _ call: Call,
        _ options: InvokeOptions,
        _ function: InvocableFunction,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResponse?> {
        let (trace, invocations) = call.trace.entering(function)
        let call = call.with(trace)
        guard invocations <= Lineage.invocationsMax || functions.allowsLoop(function.name) else {
            return eventLoop.makeFailedFuture(LambdaError.recursiveInvocation)
        }
        let request = InvokeRequest(
            requestID: call.requestID,
            function: function,
            invokedFunctionARN: call.reference.arn(in: locality),
            payload: call.event,
            clientContext: options.clientContext,
            traceHeader: call.trace.description,
            wantsLogTail: options.wantsLogTail
        )
        guard let streamed = call.streamed else {
            return invoker.invoke(request, on: eventLoop).map { Self.response(to: call, function, $0) }
        }
        var headers = Self.headers(of: call)
        headers.add(name: "X-Amz-Executed-Version", value: function.version.rawValue)
        streamed.value.prepare(headers)
        return invoker.invoke(request, streamingTo: streamed.value.stream, on: eventLoop).map { result in
            streamed.value.complete(result)
            return nil
        }
    }

    /// What a function receives when the caller sends nothing.
    private static let emptyEvent = ByteBuffer(string: "{}")

    private static func headers(of call: Call) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers.reserveCapacity(8)
        headers.add(name: "x-amzn-RequestId", value: call.requestID.rawValue)
        headers.add(name: "X-Amzn-Trace-Id", value: call.trace.description)
        return headers
    }

    private static func response(
        to call: Call,
        _ function: InvocableFunction,
        _ result: InvokeResult
    ) -> InvokeResponse {
        var headers = headers(of: call)
        headers.add(name: "Content-Type", value: result.contentType ?? "application/json")
        headers.add(name: "Content-Length", value: String(result.payload.readableBytes))
        headers.add(name: "X-Amzn-Remapped-Content-Length", value: "0")
        headers.add(name: "X-Amz-Executed-Version", value: function.version.rawValue)
        if result.isFunctionError {
            headers.add(name: "X-Amz-Function-Error", value: "Unhandled")
        }
        if let tail = result.logTail {
            headers.add(name: "X-Amz-Log-Result", value: Data(tail).base64EncodedString())
        }
        return InvokeResponse(status: .ok, headers: headers, body: result.payload)
    }

    private func requestID(of head: HTTPRequestHead, default fallback: RequestID) throws(LambdaError) -> RequestID {
        guard let text = head.headers.first(name: "x-amzn-RequestId") else { return fallback }
        guard let requestID = RequestID(parsing: text) else {
            throw .invalidRequestContent("The x-amzn-RequestId header must be a UUID.")
        }
        return requestID
    }

    /// The answer to an event that is larger than allowed.
    static let payloadTooLarge = LambdaError.requestEntityTooLarge(
        limit: Limits.requestPayloadMax,
        operation: "InvokeFunction"
    )

    private func checkPayload(
        _ body: ByteBuffer,
        of operation: InvokeRoute.Operation,
        max sizeMax: ByteCount
    ) throws(LambdaError) {
        guard body.readableBytes > 0 else {
            guard operation == .invokeAsync else { return }
            // The model requires a body of this operation alone.
            throw .validation(["Value null at 'invokeArgs' failed to satisfy constraint: Member must not be null"])
        }
        guard body.readableBytes <= sizeMax.bytes else {
            throw .requestEntityTooLarge(limit: sizeMax, operation: "InvokeFunction")
        }
        let violation = body.withUnsafeReadableBytes { bytes -> JSONSyntax.Violation? in
            do throws(JSONSyntax.Violation) {
                try JSONSyntax.check(bytes)
                return nil
            } catch {
                return error
            }
        }
        if let violation {
            throw .invalidPayload(violation.message)
        }
    }
}
