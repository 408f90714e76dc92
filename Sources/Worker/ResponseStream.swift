package import NIOCore

/// Takes a response that is streamed. Called on the caller's event loop.
package protocol ResponseStreamReader: AnyObject {
    /// The response begins. Called once, before the first chunk; not at all if the response is not streamed.
    func responseBegan(contentType: String?)
    /// A part of the response. The reader calls ``ResponseStream/consumed(bytes:)`` once it is rid of it.
    func responseReceived(_ chunk: ByteBuffer)
}

/// Carries the chunks of one streamed response from the environment's event loop to the caller's, and holds the
/// environment back while the caller has not kept up.
///
/// ## Concurrency
/// The writing half belongs to the environment's event loop, the reading half to the caller's, which may be the same one.
///
/// JUSTIFICATION: the stream passes between two event loops together with its invoke.
/// SAFETY: `reader` is touched on the caller's loop only; `pendingBytes`, `isHeldBack`, `onDrained`, `onConsumed` and `writer` on
/// the environment's only, which ``open(on:contentType:onDrained:)`` names before the first chunk.
package final class ResponseStream: @unchecked Sendable {
    /// How much may be under way before the environment is held back, and from when on it may go on, in bytes.
    private static let pendingBytesMax = 256 << 10
    private static let pendingBytesLow = 64 << 10

    private let readerLoop: any EventLoop
    private weak var reader: (any ResponseStreamReader)?

    private var writerLoop: (any EventLoop)?
    private var pendingBytes = 0
    private var isHeldBack = false
    private var onDrained: (() -> Void)?
    private var onConsumed: ((Int) -> Void)?

    /// - Parameter eventLoop: The caller's.
    package init(on eventLoop: any EventLoop) {
        readerLoop = eventLoop
    }

    // MARK: The caller's half

    /// Names who takes the response; held weakly. A response that nobody takes is dropped.
    package func setReader(_ reader: any ResponseStreamReader) {
        readerLoop.preconditionInEventLoop()
        self.reader = reader
    }

    /// The caller is rid of so much.
    package func consumed(bytes: Int) {
        guard let writerLoop else { return }
        if writerLoop.inEventLoop {
            drained(bytes)
        } else {
            writerLoop.execute { self.drained(bytes) }
        }
    }

    // MARK: The environment's half

    /// Begins the response.
    ///
    /// - Parameter onDrained: Called when more may come after ``write(_:)`` has said that it may not.
    func open(on eventLoop: any EventLoop, contentType: String?, onDrained: @escaping () -> Void) {
        eventLoop.preconditionInEventLoop()
        writerLoop = eventLoop
        self.onDrained = onDrained
        onReaderLoop {
            $0.responseBegan(contentType: contentType)
        } orElse: {
        }
    }

    /// Begins a response that comes from another host, which holds its environment back itself.
    ///
    /// - Parameter onConsumed: Called with how many bytes the caller is rid of, on `eventLoop`.
    package func open(on eventLoop: any EventLoop, contentType: String?, onConsumed: @escaping (Int) -> Void) {
        self.onConsumed = onConsumed
        open(on: eventLoop, contentType: contentType, onDrained: {})
    }

    /// Passes a chunk on.
    ///
    /// - Returns: Whether more may come at once.
    @discardableResult
    package func write(_ chunk: ByteBuffer) -> Bool {
        let bytes = chunk.readableBytes
        pendingBytes += bytes
        onReaderLoop {
            $0.responseReceived(chunk)
        } orElse: {
            self.consumed(bytes: bytes)
        }
        isHeldBack = pendingBytes > Self.pendingBytesMax
        return !isHeldBack
    }

    /// Whether the caller has kept up.
    var hasRoom: Bool { pendingBytes <= Self.pendingBytesMax }

    /// Ends the response; nobody is called any more.
    package func close() {
        onDrained = nil
        onConsumed = nil
    }

    private func drained(_ bytes: Int) {
        pendingBytes -= bytes
        onConsumed?(bytes)
        guard isHeldBack, pendingBytes <= Self.pendingBytesLow else { return }
        isHeldBack = false
        onDrained?()
    }

    private func onReaderLoop(
        _ body: @escaping @Sendable (any ResponseStreamReader) -> Void,
        orElse: @escaping @Sendable () -> Void
    ) {
        let work: @Sendable () -> Void = {
            if let reader = self.reader { body(reader) } else { orElse() }
        }
        if readerLoop.inEventLoop { work() } else { readerLoop.execute(work) }
    }
}
