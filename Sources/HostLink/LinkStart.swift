import NIOCore
import NIOSSL

/// Stands behind TLS until the other side is known to be who it should be, and then gives its place to a ``LinkHandler``.
final class LinkStart: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let silenceMax: TimeAmount
    private let isDialler: Bool
    private let opened: EventLoopPromise<Link>?
    private let makeUser: (any Channel) throws -> any LinkUser
    private var deadline: Scheduled<Void>?
    private var isOver = false

    /// - Parameters:
    ///   - opened: Completed with the link, or with why there is none.
    ///   - makeUser: Tells who talks over the link, or throws if the other side is not to be talked to.
    init(
        silenceMax: TimeAmount,
        isDialler: Bool,
        opened: EventLoopPromise<Link>? = nil,
        makeUser: @escaping (any Channel) throws -> any LinkUser
    ) {
        self.silenceMax = silenceMax
        self.isDialler = isDialler
        self.opened = opened
        self.makeUser = makeUser
    }

    func handlerAdded(context: ChannelHandlerContext) {
        // Whoever connects and says nothing is not kept for ever.
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: silenceMax) { channel.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted = event as? TLSUserEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        guard !isOver else { return }
        isOver = true
        deadline?.cancel()
        do {
            let handler = LinkHandler(
                user: try makeUser(context.channel),
                isDialler: isDialler,
                silenceMax: silenceMax,
                opened: opened
            )
            try context.pipeline.syncOperations.addHandler(handler, position: .after(self))
            _ = handler.start(context.channel)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            opened?.fail(LinkError(.unreachable, "the other host is not to be talked to", cause: error))
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(nil)
        context.fireChannelInactive()
    }

    private func fail(_ error: (any Error)?) {
        guard !isOver else { return }
        isOver = true
        deadline?.cancel()
        opened?.fail(LinkError(.unreachable, "the connection was not accepted", cause: error))
    }
}
