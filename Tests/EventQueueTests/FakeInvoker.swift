import Invocation
import LambdaAPI
import NIOCore
import Worker

/// Runs no functions: what they answer, a test says.
final class FakeInvoker: FunctionInvoker {
    /// An invoke that waits for its answer.
    struct Attempt: Sendable {
        let request: InvokeRequest
        fileprivate let promise: EventLoopPromise<InvokeResult>

        var name: String { request.function.name.rawValue }
        var payload: String { String(buffer: request.payload) }

        func succeed(_ payload: String = "null") { answer(payload, isFunctionError: false) }

        /// The function has thrown.
        func fail(_ payload: String = #"{"errorMessage": "it broke"}"#) { answer(payload, isFunctionError: true) }

        /// Nothing has run.
        func refuse(_ code: InvokeFailure.Code) { promise.fail(InvokeFailure(code, "refused")) }

        private func answer(_ payload: String, isFunctionError: Bool) {
            promise.succeed(
                InvokeResult(
                    payload: ByteBuffer(string: payload),
                    contentType: nil,
                    isFunctionError: isFunctionError
                )
            )
        }
    }

    private let attempts = Mailbox<Attempt>()
    private let answer: (@Sendable (Attempt) -> Void)?

    /// - Parameter answer: Answers each attempt at once; nil for a test that takes them from ``next()``.
    init(answer: (@Sendable (Attempt) -> Void)? = nil) {
        self.answer = answer
    }

    func invoke(
        _ request: InvokeRequest,
        streamingTo stream: ResponseStream?,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResult> {
        let attempt = Attempt(request: request, promise: eventLoop.makePromise())
        if let answer { answer(attempt) } else { attempts.send(attempt) }
        return attempt.promise.futureResult
    }

    /// The next attempt, as soon as there is one.
    func next() async -> Attempt { await attempts.next() }

    /// Whether no attempt waits to be taken.
    var isIdle: Bool { attempts.isEmpty }
}
