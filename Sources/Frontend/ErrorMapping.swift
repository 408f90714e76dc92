import Identity
import Invocation
import LambdaAPI
import Logging
import NIOCore
import NIOHTTP1
import Telemetry
import Worker

/// The one place where the errors of the rooms behind the frontend become those of the API.
struct ErrorMapping: Sendable {
    let logger: Logger

    /// The API's error for any other. What is not known here is a defect: the caller is told nothing of it, and it is
    /// logged with its causes.
    func lambdaError(_ error: any Error, requestID: RequestID) -> LambdaError {
        let mapped = mapped(error)
        if mapped.httpStatus >= 500, mapped.code != .notImplemented {
            logger.error(
                "request failed inside",
                metadata: [LogKey.requestID: "\(requestID)", LogKey.error: "\(mapped.cause ?? error)"]
            )
        }
        return mapped
    }

    private func mapped(_ error: any Error) -> LambdaError {
        switch error {
        case let error as LambdaError: error
        case let error as AuthenticationError: LambdaError(error)
        case let error as InvokeFailure: Self.lambdaError(error)
        case let error as ThrottledInvoke: .tooManyRequests(error.reason)
        default: .service(cause: error)
        }
    }

    private static func lambdaError(_ failure: InvokeFailure) -> LambdaError {
        switch failure.code {
        case .capacityExhausted: .tooManyRequests(.concurrentInvocationLimitExceeded, retryAfterSeconds: 1)
        case .scalingTooFast: .tooManyRequests(.functionInvocationRateLimitExceeded, retryAfterSeconds: 1)
        case .restorationFailed: LambdaError(.snapStartException, failure.message)
        case .restorationTimedOut: LambdaError(.snapStartTimeoutException, failure.message)
        default: .service(cause: failure)
        }
    }
}

extension InvokeResponse {
    /// The answer that tells an error.
    init(_ error: LambdaError, requestID: RequestID) {
        let body = ByteBuffer(bytes: error.body)
        var headers: HTTPHeaders = [
            "x-amzn-RequestId": requestID.rawValue,
            "Content-Type": "application/json",
            "Content-Length": String(body.readableBytes),
        ]
        for (name, value) in error.headers {
            headers.add(name: name, value: value)
        }
        self.init(status: HTTPResponseStatus(statusCode: error.httpStatus), headers: headers, body: body)
    }
}
