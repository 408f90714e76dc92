package import NIOCore

/// A connection to another host, over which both sides send messages and make calls.
///
/// Either side begins calls; the numbers of those that the dialling side began are odd, of the others even.
///
/// ## Concurrency
/// Confined to the connection's event loop, but for ``eventLoop`` and ``close()``.
///
/// JUSTIFICATION: whoever keeps links of many event loops holds references to them in one place.
/// SAFETY: all mutable state is behind `eventLoop.preconditionInEventLoop()` at every entry.
package final class Link: @unchecked Sendable {
    /// Where the connection lives.
    package let eventLoop: any EventLoop

    private let channel: any Channel
    private var calls: [UInt32: any LinkCall] = [:]
    private var nextCall: UInt32
    private var isOpen = true
    private var isFlushScheduled = false
    private var outbound: ByteBuffer

    /// Up to this size bodies are copied behind their head, so that both are one record of TLS.
    private static let copiedBytesMax = 4096

    init(channel: any Channel, isDialler: Bool) {
        self.channel = channel
        eventLoop = channel.eventLoop
        nextCall = isDialler ? 1 : 2
        outbound = channel.allocator.buffer(capacity: 1024)
    }

    // MARK: Sending

    /// Sends a message. What is sent in one go is written together. After the link's end it is dropped.
    package func send(_ kind: UInt8, call: UInt32 = 0, _ body: ByteBuffer = ByteBuffer()) {
        eventLoop.preconditionInEventLoop()
        guard isOpen else { return }
        let frame = LinkFrame(kind: kind, call: call, body: body)
        if let body = frame.write(to: &outbound, copyingUpTo: Self.copiedBytesMax) {
            writeGathered()
            channel.write(body, promise: nil)
        }
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.assumeIsolated().execute { [self] in flush() }
    }

    /// Begins a call. The other side's messages that belong to it come to `call`, until ``end(_:)``.
    ///
    /// - Returns: The call's number; nil if the link has ended, and nothing was sent.
    package func begin(_ kind: UInt8, _ body: ByteBuffer, _ call: any LinkCall) -> UInt32? {
        eventLoop.preconditionInEventLoop()
        guard isOpen else { return nil }
        let number = nextCall
        // Two billion calls later the first is long over.
        nextCall = nextCall &+ 2
        if nextCall == 0 { nextCall = 2 }
        calls[number] = call
        send(kind, call: number, body)
        return number
    }

    /// A call that this side began is over: nothing more of it is heard.
    package func end(_ call: UInt32) {
        eventLoop.preconditionInEventLoop()
        calls[call] = nil
    }

    /// Ends the connection. May be called from anywhere.
    package func close() {
        channel.close(promise: nil)
    }

    private func writeGathered() {
        guard outbound.readableBytes > 0 else { return }
        channel.write(outbound, promise: nil)
        // The channel has the block until it is written; a small one is made anew each time.
        outbound = channel.allocator.buffer(capacity: 1024)
    }

    private func flush() {
        isFlushScheduled = false
        guard isOpen else { return }
        writeGathered()
        channel.flush()
    }

    /// Numbers calls from here on, as if those before it had been made.
    func skipCalls(to number: UInt32) { nextCall = number }

    // MARK: The connection's side

    /// Takes a message to the call that it belongs to.
    ///
    /// - Returns: False if it belongs to none that this side began.
    func receive(_ frame: LinkFrame) -> Bool {
        guard frame.call != 0, frame.call & 1 == nextCall & 1 else { return false }
        // One that has ended here may still be talked of by the other side.
        calls[frame.call]?.received(frame)
        return true
    }

    func ended(_ error: LinkError) {
        guard isOpen else { return }
        isOpen = false
        let calls = calls
        self.calls = [:]
        for call in calls.values { call.linkEnded(error) }
    }
}

/// One exchange that this side began. Called on the link's event loop.
package protocol LinkCall: AnyObject {
    /// The other side says something.
    func received(_ frame: LinkFrame)
    /// The link has ended before the call was over. Nothing more is heard.
    func linkEnded(_ error: LinkError)
}

/// Whoever talks over links. Called on a link's event loop.
package protocol LinkUser: AnyObject, Sendable {
    /// The other side is who it should be, and both speak the same version: messages may be sent.
    func linkOpened(_ link: Link)
    /// A message that belongs to no call that this side began.
    func received(_ frame: LinkFrame, over link: Link)
    /// Nothing more is heard. Calls that were under way have been told.
    func linkEnded(_ link: Link, _ error: LinkError)
}
