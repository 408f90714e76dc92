import NIOCore

/// The end of a connection's pipeline: cuts what comes into messages, greets, and sees to it that the other side is alive.
final class LinkHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The link's own messages.
    enum Kind {
        static let greeting: UInt8 = 0
        static let ping: UInt8 = 1
        static let pong: UInt8 = 2
    }

    private var user: (any LinkUser)?
    private let isDialler: Bool
    private let silenceMax: TimeAmount
    private var link: Link?
    private var inbound: ByteBuffer?
    private var isGreeted = false
    /// By the clock of the event loop.
    private var heardAt: NIODeadline = .distantPast
    private var watch: Scheduled<Void>?
    private var error: LinkError?
    private let opened: EventLoopPromise<Link>?

    /// - Parameters:
    ///   - opened: Completed with the link once both sides have greeted, or with why they have not.
    ///   - silenceMax: How long nothing may be heard before the connection counts as lost.
    init(isDialler: Bool, silenceMax: TimeAmount, opened: EventLoopPromise<Link>? = nil) {
        self.isDialler = isDialler
        self.silenceMax = silenceMax
        self.opened = opened
    }

    /// The connection is there, and the other side is who it should be. What it has sent so far is looked at now.
    func start(_ channel: any Channel, user: any LinkUser) {
        guard error == nil else { return }
        self.user = user
        let link = Link(channel: channel, isDialler: isDialler)
        self.link = link
        link.send(Kind.greeting, LinkGreeting.spoken.body)
        heardAt = channel.eventLoop.now
        armWatch(on: channel.eventLoop)
        read()
    }

    /// There will be no link.
    func refuse(_ error: any Error) {
        end(LinkError(.unreachable, "the other host is not to be talked to", cause: error))
    }

    private func armWatch(on eventLoop: any EventLoop) {
        let interval = TimeAmount.nanoseconds(max(1, silenceMax.nanoseconds / 3))
        watch = eventLoop.assumeIsolated().scheduleTask(in: interval) { [weak self] in self?.watchOver() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        heardAt = context.eventLoop.now
        if inbound == nil || inbound?.readableBytes == 0 { inbound = bytes } else { inbound?.writeBuffer(&bytes) }
        read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(LinkError(.closed, "the other host closed the connection"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(LinkError(.closed, "the connection failed", cause: error))
        context.close(promise: nil)
    }

    private func read() {
        guard let link else { return }
        do throws(LinkError) {
            while var buffer = inbound {
                // Alone in the buffer while it is cut, so that nothing is copied.
                inbound = nil
                let frame = try LinkFrame.read(from: &buffer)
                if buffer.readableBytes > 0 { inbound = buffer }
                guard let frame else { return }
                try receive(frame, link)
            }
        } catch {
            end(error)
            link.close()
        }
    }

    private func receive(_ frame: LinkFrame, _ link: Link) throws(LinkError) {
        switch frame.kind {
        case Kind.greeting where !isGreeted:
            _ = try LinkGreeting.spoken.version(with: try LinkGreeting(frame.body))
            isGreeted = true
            user?.linkOpened(link)
            opened?.succeed(link)
        case _ where !isGreeted:
            throw LinkError(.malformed, "the other host does not speak the protocol between hosts")
        case Kind.ping:
            link.send(Kind.pong)
        case ..<LinkFrame.firstKind:
            break
        default:
            if !link.receive(frame) { user?.received(frame, over: link) }
        }
    }

    private func watchOver() {
        guard let link else { return }
        let silence = link.eventLoop.now - heardAt
        if silence >= silenceMax {
            end(LinkError(.silent, "nothing was heard for \(silence.nanoseconds / 1_000_000) ms"))
            link.close()
        } else {
            if silence >= .nanoseconds(silenceMax.nanoseconds / 3) { link.send(Kind.ping) }
            armWatch(on: link.eventLoop)
        }
    }

    private func end(_ error: LinkError) {
        guard self.error == nil else { return }
        self.error = error
        watch?.cancel()
        watch = nil
        let link = link.take()
        link?.ended(error)
        if isGreeted, let link {
            user?.linkEnded(link, error)
        } else {
            opened?.fail(LinkError(.unreachable, "the other host did not answer", cause: error))
        }
    }
}
