package import NIOCore

/// Where the outcome of one question goes that somebody waits for, once, however often it is completed. Confined to an event loop.
package final class DeadlinedReply<Failure: Error> {
    private var continuation: CheckedContinuation<Result<Void, Failure>, Never>?
    private var deadline: Scheduled<Void>?

    private init(_ continuation: CheckedContinuation<Result<Void, Failure>, Never>) {
        self.continuation = continuation
    }

    package func complete(_ result: Result<Void, Failure>) {
        deadline?.cancel()
        deadline = nil
        continuation?.resume(returning: result)
        continuation = nil
    }

    /// Asks, and waits for the outcome. Cancellation does not shorten the wait.
    ///
    /// - Parameters:
    ///   - patience: How long the outcome may take.
    ///   - ask: Called on the event loop.
    ///   - deadlinePassed: Called on the event loop when there is no outcome by then; it is to complete the reply.
    package static func outcome(
        on loop: any EventLoop,
        within patience: Duration,
        _ ask: @escaping @Sendable (DeadlinedReply) -> Void,
        deadlinePassed: @escaping @Sendable (DeadlinedReply) -> Void
    ) async throws(Failure) {
        let result = await withCheckedContinuation { continuation in
            loop.execute {
                let reply = DeadlinedReply(continuation)
                reply.deadline = loop.assumeIsolated().scheduleTask(in: TimeAmount(patience)) { deadlinePassed(reply) }
                ask(reply)
            }
        }
        try result.get()
    }
}
