package import NIOCore
package import Worker
package import WorkerManager

/// The one path on which functions are invoked, whoever asks for it: admitted first, then given to an environment.
///
/// A synchronous invoke is run at most once: it is never retried here, because nobody can tell how far the function
/// had come.
package final class Invoker: Sendable {
    /// What is configured of the account.
    package struct Settings: Sendable {
        /// How many invokes may run at once.
        package var concurrency: Int
        /// How many invokes per second each unit of concurrency allows; nil for no limit.
        package var requestsPerSecond: Int?

        package init(concurrency: Int, requestsPerSecond: Int?) {
            self.concurrency = concurrency
            self.requestsPerSecond = requestsPerSecond
        }
    }

    /// What admits the invokes.
    package let limiter: ConcurrencyLimiter

    package init(workerManager: WorkerManager, settings: Settings) {
        limiter = ConcurrencyLimiter(
            account: settings.concurrency,
            requestsPerSecond: settings.requestsPerSecond,
            run: { workerManager.submit($0) }
        )
    }

    /// Runs a function and returns what came of it.
    ///
    /// - Parameters:
    ///   - stream: Takes the response as it comes, from functions that stream it.
    ///   - eventLoop: The caller's, on which this must be called and the result arrives.
    /// - Returns: The function's result or error document; fails with ``InvokeFailure`` or ``ThrottledInvoke`` when the
    ///   function was not run.
    package func invoke(
        _ request: InvokeRequest,
        streamingTo stream: ResponseStream? = nil,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResult> {
        let promise = eventLoop.makePromise(of: InvokeResult.self)
        limiter.submit(Invoke(request: request, promise: promise, stream: stream, observer: limiter))
        return promise.futureResult
    }
}
