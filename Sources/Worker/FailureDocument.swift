import LambdaAPI
import NIOCore

/// The error documents that the platform itself gives to callers. Source: `spec/invoke.md` section 4.
struct FailureDocument: Equatable {
    /// The error's type, as it stands in the document and in the REPORT line.
    let errorType: String
    /// The message, without the request id in front.
    let message: String
    /// What the REPORT line calls it: `timeout` or `error`.
    let status: Status

    enum Status: String {
        case timeout
        case error
    }

    /// An invoke, or the initialisation, exceeded its time; `seconds` is the configured limit, not what it took.
    static func timeout(seconds: Int) -> FailureDocument {
        FailureDocument(
            errorType: "Sandbox.Timedout",
            message: "Error: Task timed out after \(seconds).00 seconds",
            status: .timeout
        )
    }

    /// The runtime's process ended.
    static func exit(_ exit: RuntimeExit) -> FailureDocument {
        switch exit {
        case .withoutReason:
            FailureDocument(
                errorType: "Runtime.ExitError",
                message: "Error: Runtime exited without providing a reason",
                status: .error
            )
        case .status(let status):
            FailureDocument(
                errorType: "Runtime.ExitError",
                message: "Error: Runtime exited with error: exit status \(status)",
                status: .error
            )
        case .signal(let signal):
            FailureDocument(
                errorType: "Runtime.ExitError",
                message: "Error: Runtime exited with error: signal: \(signalDescription(signal))",
                status: .error
            )
        case .outOfMemory:
            FailureDocument(
                errorType: "Runtime.OutOfMemory",
                message: "Error: Runtime exited with error: signal: killed",
                status: .error
            )
        case .notExecutable(let path, let reason):
            FailureDocument(
                errorType: "Runtime.InvalidEntrypoint",
                message: "Error: fork/exec \(path): \(reason)",
                status: .error
            )
        case .noBootstrap(let candidates):
            FailureDocument(
                errorType: "Runtime.InvalidEntrypoint",
                message: "Error: Couldn't find valid bootstrap(s): [\(candidates.joined(separator: " "))]",
                status: .error
            )
        }
    }

    /// An extension's process ended, or could not be started.
    static func extensionExit(errorType: String, _ exit: RuntimeExit) -> FailureDocument {
        let reason =
            switch exit {
            case .withoutReason: "exit code 0"
            case .status(let status): "exit status \(status)"
            case .signal(let signal): "signal: \(signalDescription(signal))"
            case .outOfMemory: "signal: killed"
            case .notExecutable(let path, let reason): "fork/exec \(path): \(reason)"
            case .noBootstrap: "no such file or directory"
            }
        return FailureDocument(errorType: errorType, message: "Error: \(reason)", status: .error)
    }

    /// The runtime closed its connection in the middle of a streamed response.
    static let truncatedResponse = FailureDocument(
        errorType: "Runtime.TruncatedResponse",
        message: "Error: the response was truncated",
        status: .error
    )

    /// The runtime asked for a way to respond that does not exist.
    static let invalidResponseMode = FailureDocument(
        errorType: "Runtime.InvalidResponseModeHeader",
        message: "Error: Invalid function response mode",
        status: .error
    )

    /// The environment went away under the function by no fault of its own.
    static let sandboxFailure = FailureDocument(
        errorType: "Sandbox.Failure",
        message: "Error: the execution environment failed",
        status: .error
    )

    /// The document's bytes.
    func payload(for requestID: RequestID) -> ByteBuffer {
        ByteBuffer(
            bytes: JSONWriter.document { document in
                document.member("errorType", errorType)
                document.member("errorMessage", "RequestId: \(requestID) \(message)")
            }
        )
    }

    /// The response was larger than callers may be sent; the limit is in bytes.
    static func responseTooLarge(limit: Int) -> ByteBuffer {
        ByteBuffer(
            string:
                #"{"errorMessage":"Response payload size exceeded maximum allowed payload size (\#(limit) bytes).","#
                + #""errorType":"\#(responseTooLargeType)"}"#
        )
    }

    static let responseTooLargeType = "Function.ResponseSizeTooLarge"

    /// A streamed response was larger than it may be.
    static let streamTooLarge = FailureDocument(
        errorType: responseTooLargeType,
        message: "Error: Response payload size exceeded maximum allowed payload size "
            + "(\(Limits.streamedResponseMax.bytes) bytes).",
        status: .error
    )

    /// A signal in the words of Go's runtime, which Lambda's messages use.
    private static func signalDescription(_ signal: Int) -> String {
        switch signal {
        case 1: "hangup"
        case 2: "interrupt"
        case 3: "quit"
        case 4: "illegal instruction"
        case 5: "trace/breakpoint trap"
        case 6: "aborted"
        case 7: "bus error"
        case 8: "floating point exception"
        case 9: "killed"
        case 10: "user defined signal 1"
        case 11: "segmentation fault"
        case 12: "user defined signal 2"
        case 13: "broken pipe"
        case 14: "alarm clock"
        case 15: "terminated"
        case 31: "bad system call"
        default: "signal \(signal)"
        }
    }
}
