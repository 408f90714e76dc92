import Frontend
import NIOCore
import NIOPosix
import Testing

struct FrontDoorTests {
    /// Answers each byte with itself.
    private final class Echo: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(data, promise: nil)
        }
    }

    /// Hears the first that comes.
    private final class Ear: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let heard: EventLoopPromise<String>

        init(_ heard: EventLoopPromise<String>) {
            self.heard = heard
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            heard.succeed(String(buffer: unwrapInboundIn(data)))
        }

        func channelInactive(context: ChannelHandlerContext) {
            heard.fail(ChannelError.eof)
        }
    }

    private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()

    private func listen() async throws -> any Channel {
        try await ServerBootstrap(group: eventLoop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
    }

    private func connect(to address: SocketAddress, _ heard: EventLoopPromise<String>? = nil) async throws
        -> any Channel
    {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.milliseconds(300))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let heard { try channel.pipeline.syncOperations.addHandler(Ear(heard)) }
                }
            }
            .connect(to: address)
            .get()
    }

    @Test func whoeverIsInStaysAndNobodyComesInAfterwards() async throws {
        let listener = try await listen()
        let address = try #require(listener.localAddress)
        let door = FrontDoor()
        door.opened(listener)
        let heard = eventLoop.makePromise(of: String.self)
        let client = try await connect(to: address, heard)
        try await door.close()
        await #expect(throws: (any Error).self) { _ = try await connect(to: address) }
        try await listener.close()
        await #expect(throws: (any Error).self) { _ = try await connect(to: address) }
        try await client.writeAndFlush(ByteBuffer(string: "a"))
        #expect(try await heard.futureResult.get() == "a")
        try await client.close()
    }

    @Test func doorThatWasNeverOpenedClosesAtOnce() async throws {
        try await FrontDoor().close()
    }
}
