package import LambdaAPI
package import NIOCore

/// One synchronous invoke on its way: what is asked, and who waits for what.
package struct Invoke: Sendable {
    /// What the caller waits for. Promises are completed exactly once; their event loop is the caller's.
    package enum Caller: Sendable {
        /// What the function does, or why it was not run. A caller who wants the response as it comes, from a function
        /// that streams it, brings the stream.
        case result(EventLoopPromise<InvokeResult>, stream: ResponseStream?)
        /// An environment on another host, to which the caller brings the event itself.
        case reservation(EventLoopPromise<Reservation>)
        /// Nothing: the caller was given its environment by somebody else, and the invoke is only counted.
        case nobody(any EventLoop)
    }

    /// What the caller asked for.
    package let request: InvokeRequest
    /// Who waits.
    package let caller: Caller

    /// Told when the invoke is over.
    private let observer: (any InvokeObserver)?

    package init(request: InvokeRequest, caller: Caller, observer: (any InvokeObserver)? = nil) {
        self.request = request
        self.caller = caller
        self.observer = observer
    }

    /// The caller's, on which it is answered.
    package var eventLoop: any EventLoop {
        switch caller {
        case .result(let promise, _): promise.futureResult.eventLoop
        case .reservation(let promise): promise.futureResult.eventLoop
        case .nobody(let eventLoop): eventLoop
        }
    }

    /// Takes the response as it comes; nil if it is wanted whole.
    var stream: ResponseStream? {
        guard case .result(_, let stream) = caller else { return nil }
        return stream
    }

    /// No environment works for the invoke any more. To be called exactly once, before the caller is told of a failure or,
    /// when it has been answered already, as soon as the environment has finished.
    package func finished() {
        observer?.invokeFinished(request.function)
    }

    /// The invoke is not run, and was not counted.
    package func fail(_ error: any Error) {
        switch caller {
        case .result(let promise, _): promise.fail(error)
        case .reservation(let promise): promise.fail(error)
        case .nobody: break
        }
    }

    /// The invoke is not run.
    package func refuse(_ failure: InvokeFailure) {
        finished()
        fail(failure)
    }

    /// What came of it.
    func complete(_ result: InvokeResult) {
        guard case .result(let promise, let stream) = caller else {
            preconditionFailure("an environment of this host was given an invoke whose caller reserves one elsewhere")
        }
        stream?.close()
        promise.succeed(result)
    }
}

/// Told that invokes are over: each of them once, whether or not it was run. Called from any thread.
package protocol InvokeObserver: AnyObject, Sendable {
    /// No environment works for an invoke of this function any more.
    func invokeFinished(_ function: InvocableFunction)
}

/// What a caller asks for when it invokes a function.
package struct InvokeRequest: Sendable {
    /// Names the invoke, in logs and for the function.
    package let requestID: RequestID
    /// The function version to run.
    package let function: InvocableFunction
    /// The ARN exactly as the caller qualified it.
    package let invokedFunctionARN: String
    /// The event, at most 6 MiB of JSON.
    package let payload: ByteBuffer
    /// The client context as JSON text.
    package let clientContext: String?
    /// The X-Ray trace header that the function sees.
    package let traceHeader: String
    /// Whether the caller wants the end of the log.
    package let wantsLogTail: Bool

    package init(
        requestID: RequestID,
        function: InvocableFunction,
        invokedFunctionARN: String,
        payload: ByteBuffer,
        clientContext: String?,
        traceHeader: String,
        wantsLogTail: Bool
    ) {
        self.requestID = requestID
        self.function = function
        self.invokedFunctionARN = invokedFunctionARN
        self.payload = payload
        self.clientContext = clientContext
        self.traceHeader = traceHeader
        self.wantsLogTail = wantsLogTail
    }
}

/// What came of an invoke that reached the function.
package struct InvokeResult: Sendable {
    /// The response or the error document, as the runtime or the platform made it; empty if it was streamed.
    package var payload: ByteBuffer
    /// The payload's content type, where the runtime gave one.
    package var contentType: String?
    /// Whether the payload is an error document.
    package var isFunctionError: Bool
    /// What went wrong after the response had begun to be streamed.
    package var streamError: StreamError?
    /// The end of the log, if it was asked for.
    package var logTail: [UInt8]?

    /// Why a response that had begun did not come to its end.
    package struct StreamError: Sendable, Equatable {
        /// The error's type, as the runtime or the platform calls it.
        package let code: String
        /// The error document, or what there is in its place.
        package let details: String

        package init(code: String, details: String) {
            self.code = code
            self.details = details
        }
    }

    package init(payload: ByteBuffer, contentType: String?, isFunctionError: Bool, logTail: [UInt8]? = nil) {
        self.payload = payload
        self.contentType = contentType
        self.isFunctionError = isFunctionError
        self.logTail = logTail
    }
}

/// Why an invoke never reached its function.
package struct InvokeFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it is.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case capacityExhausted, scalingTooFast, environmentFailed, restorationFailed, restorationTimedOut
            case shuttingDown, moved, unreachable
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// The host has no memory left for another environment.
        package static let capacityExhausted = Code(.capacityExhausted)
        /// Environments of the function have been started at the highest rate that is allowed.
        package static let scalingTooFast = Code(.scalingTooFast)
        /// No environment could be made; the message says why.
        package static let environmentFailed = Code(.environmentFailed)
        /// The function reported that it cannot go on from its snapshot, or ended when it was to.
        package static let restorationFailed = Code(.restorationFailed)
        /// Its restoration took longer than it may.
        package static let restorationTimedOut = Code(.restorationTimedOut)
        /// The service is about to stop.
        package static let shuttingDown = Code(.shuttingDown)
        /// Another manager assigns the function's invokes now.
        package static let moved = Code(.moved)
        /// Whoever assigns the function's invokes, or its environment, could not be reached.
        package static let unreachable = Code(.unreachable)
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
