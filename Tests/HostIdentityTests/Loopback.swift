import HostIdentity
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// What secures one end of a connection: its result is the peer, as far as this end asks who it is.
typealias Securing = @Sendable (any Channel) throws -> EventLoopFuture<HostIdentity>?

/// The application of one end: it says its greeting at once, and notes down what it hears.
final class End: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct State {
        var text = ""
        var errors: [any Error] = []
        var hasEnded = false
        var waiting: [(text: String?, continuation: CheckedContinuation<Bool, Never>)] = []
    }

    private let greeting: String
    private let state = Mutex(State())

    init(greeting: String) {
        self.greeting = greeting
    }

    var text: String { state.withLock { $0.text } }
    var errors: [any Error] { state.withLock { $0.errors } }
    var codes: [HostIdentityError.Code] { errors.compactMap { ($0 as? HostIdentityError)?.code } }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: greeting)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        state.withLock { $0.text += String(buffer: unwrapInboundIn(data)) }
        wake()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        state.withLock { $0.errors.append(error) }
        context.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        state.withLock { $0.hasEnded = true }
        wake()
    }

    /// Waits until a text was heard; false if the connection has ended before.
    func hears(_ text: String) async -> Bool { await wait(for: text) }

    /// Waits until the connection has ended.
    func ends() async { _ = await wait(for: nil) }

    private func wait(for text: String?) async -> Bool {
        await withCheckedContinuation { continuation in
            state.withLock { $0.waiting.append((text, continuation)) }
            wake()
        }
    }

    private func wake() {
        let due = state.withLock { state -> [(CheckedContinuation<Bool, Never>, Bool)] in
            let all = state.waiting.map { waiting in
                (waiting, waiting.text.map { state.text.contains($0) } ?? state.hasEnded)
            }
            state.waiting = all.filter { !$0.1 && !state.hasEnded }.map(\.0)
            return all.filter { $0.1 || state.hasEnded }.map { ($0.0.continuation, $0.1) }
        }
        for (continuation, isGood) in due { continuation.resume(returning: isGood) }
    }
}

/// A listener on the loopback interface.
final class Listener: Sendable {
    let channel: any Channel
    private let accepted: AsyncStream<(any Channel, End, EventLoopFuture<HostIdentity>?)>

    init(_ secure: @escaping Securing) async throws {
        let (accepted, continuation) = AsyncStream.makeStream(
            of: (any Channel, End, EventLoopFuture<HostIdentity>?).self
        )
        self.accepted = accepted
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    do {
                        let end = End(greeting: "from the listener")
                        let peer = try secure(channel)
                        try channel.pipeline.syncOperations.addHandler(end)
                        continuation.yield((channel, end, peer))
                    } catch {
                        continuation.finish()
                        throw error
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { channel.localAddress?.port ?? 0 }

    func next() async -> (channel: any Channel, end: End, peer: EventLoopFuture<HostIdentity>?) {
        for await one in accepted { return one }
        fatalError("the listener has ended")
    }

    func close() async throws { try await channel.close() }
}

/// One connection over the loopback interface, with both its ends.
struct Loopback {
    let accepted: (channel: any Channel, end: End, peer: EventLoopFuture<HostIdentity>?)
    let dialled: (channel: any Channel, end: End, peer: EventLoopFuture<HostIdentity>?)
    /// A listener that is for this connection only.
    private var listener: Listener?

    /// Connects to a listener.
    init(to listener: Listener, _ secure: @escaping Securing) async throws {
        let end = End(greeting: "from the dialler")
        let peer = Mutex<EventLoopFuture<HostIdentity>?>(nil)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let future = try secure(channel)
                    peer.withLock { $0 = future }
                    try channel.pipeline.syncOperations.addHandler(end)
                }
            }
            .connect(host: "127.0.0.1", port: listener.port).get()
        dialled = (channel, end, peer.withLock { $0 })
        accepted = await listener.next()
    }

    /// A connection of its own listener.
    init(accepting: @escaping Securing, dialling: @escaping Securing) async throws {
        let listener = try await Listener(accepting)
        try await self.init(to: listener, dialling)
        self.listener = listener
    }

    /// Waits until both ends have heard each other; false if one was closed before.
    func isEstablished() async -> Bool {
        let accepted = await accepted.end.hears("from the dialler")
        let dialled = await dialled.end.hears("from the listener")
        return accepted && dialled
    }

    /// Sends a text from each end to the other; false if one does not get it.
    func carries(_ text: String) async -> Bool {
        dialled.channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        accepted.channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        let accepted = await accepted.end.hears(text)
        let dialled = await dialled.end.hears(text)
        return accepted && dialled
    }

    /// Waits until both ends are closed.
    func ends() async {
        await accepted.end.ends()
        await dialled.end.ends()
        try? await listener?.close()
    }

    func close() async throws {
        dialled.channel.close(promise: nil)
        await ends()
    }
}

extension HostCredentials {
    func accepting(_ roles: HostRole...) -> Securing {
        { self.secure($0, allowing: Set(roles)) }
    }

    func dialling(_ host: String) -> Securing {
        { self.secure($0, expecting: try HostIdentity(host)) }
    }

    func dialling(any role: HostRole) -> Securing {
        { self.secure($0, expecting: role) }
    }
}

extension LawlessPeer {
    var accepting: Securing {
        { channel in
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: try context()))
            return nil
        }
    }

    var dialling: Securing {
        { channel in
            let handler = try NIOSSLClientHandler(context: try context(), serverHostname: nil)
            try channel.pipeline.syncOperations.addHandler(handler)
            return nil
        }
    }
}
