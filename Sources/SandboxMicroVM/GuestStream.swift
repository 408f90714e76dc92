import Glibc
import GuestProtocol
import NIOCore
import NIOPosix

/// The service's end of one stream: a descriptor, as a channel on the link's event loop.
///
/// From the guest to the descriptor, credit is given for what the descriptor has taken. The other way, no more is read than
/// can be sent.
final class GuestStream: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Kind {
        /// What a process prints: to the descriptor only.
        case output
        /// Both ways, over a socket.
        case connection
    }

    private let number: StreamNumber
    private let kind: Kind
    private weak var link: GuestLinkHandler?
    private var channel: (any Channel)?
    /// A descriptor that never makes anybody wait, a file or a device, which an event loop cannot watch; or -1.
    private var plain: CInt = -1
    /// What came from the guest before there was a channel; never more than a window.
    private var early: [ArraySlice<UInt8>] = []
    /// What came from the machine that this guest was copied of, which had its credit for that.
    private var earlier: [UInt8] = []
    private var hasEarlyEnd = false
    private var isReset = false
    /// What was read and could not be sent yet.
    private var unsent: ArraySlice<UInt8> = []
    private var hasReadEnd = false

    init(_ number: StreamNumber, _ kind: Kind, link: GuestLinkHandler) {
        self.number = number
        self.kind = kind
        self.link = link
    }

    deinit {
        if plain >= 0 { close(plain) }
    }

    /// Owns the descriptor.
    func open(_ descriptor: CInt, on loop: any EventLoop) {
        guard Self.canBeWatched(descriptor) else {
            if kind == .output {
                plain = descriptor
            } else {
                close(descriptor)
                link?.gaveUp(number)
            }
            return
        }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let opened: EventLoopFuture<any Channel> =
            switch kind {
            case .connection:
                ClientBootstrap(group: loop)
                    .channelOption(.autoRead, value: false)
                    .channelOption(.allowRemoteHalfClosure, value: true)
                    .channelInitializer { Self.add(bound, to: $0) }
                    .withConnectedSocket(descriptor)
            case .output:
                NIOPipeBootstrap(group: loop)
                    .channelInitializer { Self.add(bound, to: $0) }
                    .takingOwnershipOfDescriptor(output: descriptor)
            }
        opened.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel): bound.value.opened(channel)
            case .failure:
                close(descriptor)
                bound.value.link?.gaveUp(bound.value.number)
            }
        }
    }

    private static func canBeWatched(_ descriptor: CInt) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && [S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT)
    }

    private static func add(_ stream: NIOLoopBound<GuestStream>, to channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(stream.value) }
    }

    private func opened(_ channel: any Channel) {
        guard !isReset else { return channel.close(promise: nil) }
        self.channel = channel
        if !earlier.isEmpty { channel.writeAndFlush(channel.allocator.buffer(bytes: earlier), promise: nil) }
        earlier = []
        for bytes in early { deliver(bytes) }
        early = []
        if hasEarlyEnd { deliverEnd() }
        resume()
    }

    /// Whether something was read and could not be sent yet.
    var hasUnsent: Bool { !unsent.isEmpty }

    // MARK: The guest

    /// Has bytes written, before all others, that have been written for another guest. To be called before there is a channel.
    func deliverAgain(_ bytes: [UInt8]) {
        earlier = bytes
    }

    func deliver(_ bytes: ArraySlice<UInt8>) {
        if plain >= 0 {
            // What a full disk does not take is lost, as it is for any process.
            _ = bytes.withUnsafeBytes { write(plain, $0.baseAddress, $0.count) }
            link?.passedOn(bytes.count, of: number)
            return
        }
        guard let channel else {
            early.append(bytes)
            return
        }
        let count = bytes.count
        channel.writeAndFlush(channel.allocator.buffer(bytes: bytes)).assumeIsolated().whenSuccess { [weak self] in
            guard let self else { return }
            link?.passedOn(count, of: number)
        }
    }

    func deliverEnd() {
        guard let channel else {
            hasEarlyEnd = true
            return
        }
        // After all that was written before.
        if kind == .connection && !hasReadEnd {
            channel.close(mode: .output, promise: nil)
        } else {
            channel.close(promise: nil)
        }
    }

    func deliverReset() {
        isReset = true
        link = nil
        channel?.close(promise: nil)
    }

    /// More can be sent.
    func resume() {
        guard kind == .connection, let channel, let link else { return }
        while !unsent.isEmpty {
            let room = link.sendable(number)
            guard room > 0 else { return }
            link.send(unsent.prefix(room), on: number)
            unsent = unsent.dropFirst(room)
        }
        if hasReadEnd {
            link.ended(number)
        } else if link.sendable(number) > 0 {
            channel.read()
        }
    }

    // MARK: The descriptor

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unsent.append(contentsOf: unwrapInboundIn(data).readableBytesView)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        resume()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            hasReadEnd = true
            resume()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        channel = nil
        guard let link else { return }
        self.link = nil
        // Does nothing where both directions have ended.
        link.gaveUp(number)
    }
}
