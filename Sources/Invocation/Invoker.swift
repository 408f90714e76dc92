package import NIOCore
package import Worker
package import WorkerManager

/// Who runs functions, here or on other hosts.
package protocol FunctionInvoker: Sendable {
    /// Runs a function and returns what came of it.
    ///
    /// - Parameters:
    ///   - stream: Takes the response as it comes, from functions that stream it.
    ///   - eventLoop: The caller's, on which this must be called and the result arrives.
    /// - Returns: The function's result or error document; fails with ``InvokeFailure`` or ``ThrottledInvoke`` when the
    ///   function was not run.
    func invoke(
        _ request: InvokeRequest,
        streamingTo stream: ResponseStream?,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResult>
}

extension FunctionInvoker {
    /// Runs a function whose response is wanted whole.
    package func invoke(_ request: InvokeRequest, on eventLoop: any EventLoop) -> EventLoopFuture<InvokeResult> {
        invoke(request, streamingTo: nil, on: eventLoop)
    }
}

/// The one path on which functions are invoked, whoever asks for it: admitted first, then given to an environment.
///
/// A synchronous invoke is run at most once: it is never retried here, because nobody can tell how far the function
/// had come.
package final class Invoker: FunctionInvoker {
    /// What is configured of the account.
    package struct Settings: Sendable {
        /// How many invokes may run at once.
        package var concurrency: Int
        /// How many invokes per second each unit of concurrency allows; nil for no limit.
        package var requestsPerSecond: Int?
        /// Whether other managers admit invokes of the account, too; see ``ConcurrencyLimiter/shareChanged(to:)``.
        package var isShared = false
        /// Told that an invoke begins to wait for some concurrency. It must not block.
        package var onWaiting: @Sendable () -> Void = {}

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
            isShared: settings.isShared,
            onWaiting: settings.onWaiting,
            run: { workerManager.submit($0) }
        )
    }

    package func invoke(
        _ request: InvokeRequest,
        streamingTo stream: ResponseStream?,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResult> {
        let promise = eventLoop.makePromise(of: InvokeResult.self)
        limiter.submit(Invoke(request: request, caller: .result(promise, stream: stream), observer: limiter))
        return promise.futureResult
    }

    /// Sets an environment apart for an invoke whose caller brings the event there itself.
    ///
    /// - Parameters:
    ///   - request: What is asked for; its payload is not looked at.
    ///   - eventLoop: The caller's, on which this must be called and the reservation arrives.
    /// - Returns: The environment; fails as ``invoke(_:streamingTo:on:)`` does.
    package func reserve(_ request: InvokeRequest, on eventLoop: any EventLoop) -> EventLoopFuture<Reservation> {
        let promise = eventLoop.makePromise(of: Reservation.self)
        limiter.submit(Invoke(request: request, caller: .reservation(promise), observer: limiter))
        return promise.futureResult
    }
}
