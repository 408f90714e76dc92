import NIOCore
import RuntimeAPI

/// Why an environment ended before it was ever ready; what an invoke that waited for it is told.
package struct InitialisationFailure: Sendable {
    private enum Cause {
        case reported(RuntimeDocument)
        case platform(FailureDocument)
        case host(String)
    }

    private let cause: Cause

    /// The runtime posted this error document.
    static func reported(_ document: RuntimeDocument) -> InitialisationFailure {
        InitialisationFailure(cause: .reported(document))
    }

    /// The runtime exited or took too long.
    static func platform(_ document: FailureDocument) -> InitialisationFailure {
        InitialisationFailure(cause: .platform(document))
    }

    /// The host could not make the environment. The reason is for the operator's log only.
    static func host(_ reason: String) -> InitialisationFailure {
        InitialisationFailure(cause: .host(reason))
    }

    /// What the REPORT line says.
    var document: FailureDocument {
        switch cause {
        case .reported(let document):
            FailureDocument(errorType: document.errorType ?? "Runtime.Unknown", message: "", status: .error)
        case .platform(let document): document
        case .host: .sandboxFailure
        }
    }

    /// Answers the invoke: with the function's own error, or with a failure of the service.
    func complete(_ invoke: Invoke, logTail: [UInt8]?) {
        switch cause {
        case .reported(let document):
            invoke.promise.succeed(
                InvokeResult(
                    payload: document.body,
                    contentType: document.contentType,
                    isFunctionError: true,
                    logTail: logTail
                )
            )
        case .platform(let document):
            invoke.promise.succeed(
                InvokeResult(
                    payload: document.payload(for: invoke.request.requestID),
                    contentType: nil,
                    isFunctionError: true,
                    logTail: logTail
                )
            )
        case .host(let reason):
            invoke.promise.fail(InvokeFailure(.environmentFailed, reason))
        }
    }
}
