import Glibc
import NIOCore
import NIOPosix

/// Connects with a socket of the guest's by the unix socket that Firecracker has for them: it is told `CONNECT` with a port, and
/// says `OK` with a number of its own once the guest has accepted, or else hangs up. What follows is between the two ends.
enum GuestSocket {
    /// The port at which the agent listens: of those that only a guest's root may listen at.
    static let agentPort = 1023

    /// One attempt. What comes after the answer stays in the socket.
    ///
    /// - Parameter socket: A connection with Firecracker's socket. Closed unless the guest has accepted.
    /// - Returns: Whether the guest has accepted.
    static func accept(_ socket: CInt, on loop: any EventLoop, within patience: Duration) async -> Bool {
        // The channel closes its own copy, and what it has set of the socket is undone.
        let copy = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        let isAccepted = copy >= 0 ? await answer(copy, on: loop, within: patience) : false
        guard isAccepted, fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) & ~O_NONBLOCK) == 0 else {
            close(socket)
            return false
        }
        return true
    }

    private static func answer(_ socket: CInt, on loop: any EventLoop, within patience: Duration) async -> Bool {
        let promise = loop.makePromise(of: Void.self)
        do {
            let channel = try await ClientBootstrap(group: loop)
                // Byte for byte: those of the guest's are somebody else's to read.
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1))
                .channelOption(.maxMessagesPerRead, value: 1)
                .channelOption(.autoRead, value: false)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(GuestSocketHandler(promise))
                    }
                }
                .withConnectedSocket(socket).get()
            let deadline = loop.scheduleTask(in: TimeAmount(patience)) { channel.close(promise: nil) }
            defer { deadline.cancel() }
            let isAccepted = (try? await promise.futureResult.get()) != nil
            try? await channel.close()
            return isAccepted
        } catch {
            promise.fail(error)
            return false
        }
    }
}

private final class GuestSocketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The longest answer there is: a number of 32 bits after `OK`.
    private static let answerBytesMax = 16

    private let promise: EventLoopPromise<Void>
    private var answer: [UInt8] = []

    struct Refused: Error {}

    init(_ promise: EventLoopPromise<Void>) {
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        let request = context.channel.allocator.buffer(string: "CONNECT \(GuestSocket.agentPort)\n")
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        answer.append(contentsOf: unwrapInboundIn(data).readableBytesView)
        if answer.last != UInt8(ascii: "\n") {
            if answer.count < Self.answerBytesMax { context.read() } else { context.close(promise: nil) }
        } else if String(decoding: answer, as: UTF8.self).wholeMatch(of: /OK [0-9]+\n/) != nil {
            promise.succeed()
        } else {
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(Refused())
    }
}
