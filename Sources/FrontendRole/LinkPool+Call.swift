import HostLink
import NIOCore

extension LinkPool {
    /// Makes a call that has one answer.
    ///
    /// - Parameter timeout: How long the answer may take, with the connection if there is none.
    /// - Returns: The answer.
    /// - Throws: ``HostLink/LinkError``: `.unreachable` if nothing was sent, `.closed` if the connection has ended before an
    ///   answer came, `.silent` if none came in time.
    func call(
        _ kind: UInt8,
        _ body: ByteBuffer,
        to address: HostAddress,
        timeout: TimeAmount,
        on eventLoop: any EventLoop
    ) async throws(LinkError) -> LinkFrame {
        let promise = eventLoop.makePromise(of: LinkFrame.self)
        let deadline = eventLoop.scheduleTask(in: timeout) {
            promise.fail(LinkError(.silent, "no answer came within \(timeout.nanoseconds / 1_000_000_000) s"))
        }
        eventLoop.execute { [self] in
            link(to: address, on: eventLoop).assumeIsolated().whenComplete { result in
                switch result {
                case .failure(let error):
                    promise.fail(LinkError(.unreachable, "it cannot be reached", cause: error))
                case .success(let link):
                    let call = SingleAnswerCall(promise, link)
                    call.number = link.begin(kind, body, call)
                    if call.number == nil { promise.fail(LinkError(.closed, "the connection has ended")) }
                }
            }
        }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        do {
            return try await withTaskCancellationHandler {
                try await promise.futureResult.get()
            } onCancel: {
                promise.fail(LinkError(.silent, "the answer was not waited for"))
            }
        } catch let error as LinkError {
            throw error
        } catch {
            throw LinkError(.unreachable, "it cannot be asked", cause: error)
        }
    }
}

/// One call on its way. Confined to its link's event loop.
private final class SingleAnswerCall: LinkCall {
    var number: UInt32?
    private let promise: EventLoopPromise<LinkFrame>
    private let link: Link

    init(_ promise: EventLoopPromise<LinkFrame>, _ link: Link) {
        self.promise = promise
        self.link = link
        // Whoever has waited for long enough hears nothing more.
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            if let number { link.end(number) }
        }
    }

    func received(_ frame: LinkFrame) {
        promise.succeed(frame)
    }

    func linkEnded(_ error: LinkError) {
        promise.fail(LinkError(.closed, "the connection has ended", cause: error))
    }
}
