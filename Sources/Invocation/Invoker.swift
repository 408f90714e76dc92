package import NIOCore
package import Worker
package import WorkerManager

/// The one path on which functions are invoked, whoever asks for it.
///
/// A synchronous invoke is run at most once: it is never retried here, because nobody can tell how far the function
/// had come.
package final class Invoker: Sendable {
    private let workerManager: WorkerManager

    package init(workerManager: WorkerManager) {
        self.workerManager = workerManager
    }

    /// Runs a function and returns what came of it.
    ///
    /// - Parameters:
    ///   - stream: Takes the response as it comes, from functions that stream it.
    ///   - eventLoop: The caller's, on which this must be called and the result arrives.
    /// - Returns: The function's result or error document; fails with ``InvokeFailure`` when the function was not run.
    package func invoke(
        _ request: InvokeRequest,
        streamingTo stream: ResponseStream? = nil,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<InvokeResult> {
        let promise = eventLoop.makePromise(of: InvokeResult.self)
        workerManager.submit(Invoke(request: request, promise: promise, stream: stream))
        return promise.futureResult
    }
}
