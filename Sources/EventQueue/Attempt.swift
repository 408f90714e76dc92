import Invocation
import LambdaAPI
import MetadataStore
import NIOCore
import Worker

/// What came of one attempt at a function's event.
struct AttemptResult: Sendable {
    /// How far it came.
    enum Ending: Sendable, Equatable {
        /// The function has answered.
        case answered(Answer, isError: Bool)
        /// There is no such function, version or alias.
        case missing(message: String)
        /// A limit of concurrency, or no room for another environment.
        case throttled
        /// The service could not run the function.
        case serviceFailed(reason: String)
        /// The function's reserved concurrency is 0.
        case stopped
        /// The function has taken part in the chain that led here too often.
        case looping
        /// The event was too old.
        case tooOld
        /// The service ends; nothing has run.
        case shutDown
    }

    /// A function's response or error document.
    struct Answer: Sendable, Equatable {
        var payload: [UInt8]
        var version: FunctionVersion
    }

    var ending: Ending
    /// Those in force, or those of the moment when the event was accepted if the function is gone.
    var settings: EventSettings
    /// The X-Ray trace header that the function saw, or would have.
    var traceHeader: String
}

/// Attempts events of functions, on the path of all invokes.
struct Attempter: Sendable {
    let targets: any EventTargets
    let invoker: any FunctionInvoker
    let locality: Locality
    let retryDelay: Int
    let now: @Sendable () -> Timestamp

    /// Attempts an event. Never fails. Must be called on the event loop.
    func attempt(_ event: QueuedEvent, on eventLoop: any EventLoop) -> EventLoopFuture<AttemptResult> {
        guard case .function(let name) = event.lane else {
            preconditionFailure("only a function's events are attempted")
        }
        let reference = FunctionReference(name, qualifier: event.content.qualifier)
        if let target = targets.knownTarget(of: reference) {
            return attempt(event, reference, target, on: eventLoop)
        }
        return eventLoop.makeFutureWithTask { [targets] in
            try await targets.target(of: reference)
        }
        .flatMap { attempt(event, reference, $0, on: eventLoop) }
        .flatMapErrorThrowing { error in
            let isMissing = (error as? LambdaError)?.code == .resourceNotFoundException
            return AttemptResult(
                ending: isMissing ? .missing(message: missing(reference)) : .serviceFailed(reason: "\(error)"),
                settings: event.invocationDetails.settings,
                traceHeader: event.content.traceHeader
            )
        }
    }

    private func missing(_ reference: FunctionReference) -> String {
        "Function not found: \(reference.qualifiedARN(in: locality))"
    }

    private func attempt(
        _ event: QueuedEvent,
        _ reference: FunctionReference,
        _ target: EventTarget,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<AttemptResult> {
        let (trace, invocations) = XRayTraceHeader(caller: event.content.traceHeader).entering(target.function)
        let result = { @Sendable (ending: AttemptResult.Ending) in
            AttemptResult(ending: ending, settings: target.settings, traceHeader: trace.description)
        }
        guard !target.isStopped else { return eventLoop.makeSucceededFuture(result(.stopped)) }
        guard invocations <= Lineage.invocationsMax || target.allowsLoop else {
            return eventLoop.makeSucceededFuture(result(.looping))
        }
        guard !AttemptRules(target.settings, retryDelay: retryDelay).isTooOld(event, at: now()) else {
            return eventLoop.makeSucceededFuture(result(.tooOld))
        }
        let request = InvokeRequest(
            requestID: event.content.requestID,
            function: target.function,
            invokedFunctionARN: reference.arn(in: locality),
            payload: ByteBuffer(bytes: event.content.payload),
            clientContext: event.content.clientContext,
            traceHeader: trace.description,
            wantsLogTail: false
        )
        let version = target.function.version
        return invoker.invoke(request, on: eventLoop).map { answer in
            let payload = Array(answer.payload.readableBytesView)
            return result(.answered(.init(payload: payload, version: version), isError: answer.isFunctionError))
        }
        .flatMapErrorThrowing { error in
            switch error {
            case is ThrottledInvoke: result(.throttled)
            case let failure as InvokeFailure where failure.code == .shuttingDown: result(.shutDown)
            case let failure as InvokeFailure
            where [.capacityExhausted, .scalingTooFast].contains(failure.code): result(.throttled)
            default: result(.serviceFailed(reason: "\(error)"))
            }
        }
    }
}

extension FunctionReference {
    /// The ARN with a qualifier, be it that of the unpublished version, as records have it.
    func qualifiedARN(in locality: Locality) -> String {
        locality.functionARN(name, qualifier: qualifier ?? .latest)
    }
}
