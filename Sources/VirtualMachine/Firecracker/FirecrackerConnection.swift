import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// The API socket of one Firecracker process. Every question has a deadline.
final class FirecrackerConnection: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<FirecrackerHandler>
    private let patience: Duration

    private init(channel: any Channel, handler: NIOLoopBound<FirecrackerHandler>, patience: Duration) {
        self.channel = channel
        self.handler = handler
        self.patience = patience
    }

    /// - Parameter socket: A connection with the API's socket; owned by this from here on.
    static func open(
        _ socket: CInt,
        on loop: any EventLoop,
        patience: Duration
    ) async throws(VirtualMachineError) -> FirecrackerConnection {
        do {
            let (channel, handler) = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHTTPClientHandlers()
                        try pipeline.addHandler(FirecrackerHandler())
                    }
                }
                .withConnectedSocket(socket)
                .flatMapThrowing { channel in
                    let handler = try channel.pipeline.syncOperations.handler(type: FirecrackerHandler.self)
                    return (channel, NIOLoopBound(handler, eventLoop: loop))
                }.get()
            return FirecrackerConnection(channel: channel, handler: handler, patience: patience)
        } catch {
            throw VirtualMachineError(.startFailed, "failed to reach Firecracker: \(error)")
        }
    }

    /// Has something carried out.
    ///
    /// - Parameter more: How much longer it may take than other things.
    func perform(_ request: FirecrackerRequest, more: Duration = .zero) async throws(VirtualMachineError) {
        let handler = handler
        try await FirecrackerHandler.Reply.outcome(on: channel.eventLoop, within: patience + more) {
            handler.value.perform(request, $0)
        } deadlinePassed: {
            handler.value.deadlinePassed($0)
        }
    }

    func close() {
        channel.close(mode: .all, promise: nil)
    }
}

/// Carries requests and answers between the socket and the session. On its channel's event loop.
final class FirecrackerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    typealias Reply = DeadlinedReply<VirtualMachineError>

    /// The longest answer that is taken in. Firecracker's own are a few hundred bytes.
    static let answerBytesMax = 64 << 10

    private var session = FirecrackerSession<Reply>()
    private var status: Int?
    private var body: [UInt8] = []
    private var context: ChannelHandlerContext?

    func perform(_ request: FirecrackerRequest, _ reply: Reply) {
        run(session.ask(request, reply))
    }

    /// A process that does not answer one question will be asked no other.
    func deadlinePassed(_ reply: Reply) {
        reply.complete(.failure(VirtualMachineError(.timedOut, "Firecracker did not answer in time")))
        context?.close(promise: nil)
    }

    private func run(_ actions: [FirecrackerSession<Reply>.Action]) {
        for action in actions {
            switch action {
            case .send(let request): send(request)
            case .answered(let reply, let failure): reply.complete(failure.map { .failure($0) } ?? .success(()))
            }
        }
    }

    private func send(_ request: FirecrackerRequest) {
        guard let context else { return }
        let body = request.body
        let head = HTTPRequestHead(
            version: .http1_1,
            method: HTTPMethod(rawValue: request.method.rawValue),
            uri: request.path,
            headers: [
                "Host": "localhost", "Accept": "application/json", "Content-Type": "application/json",
                "Content-Length": "\(body.count)",
            ]
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = Int(head.status.code)
            body = []
        case .body(let bytes):
            body.append(contentsOf: bytes.readableBytesView)
            if body.count > Self.answerBytesMax {
                fail(VirtualMachineError(.refused, "Firecracker sent more than \(Self.answerBytesMax) bytes"), context)
            }
        case .end:
            guard let status else { return }
            self.status = nil
            do throws(VirtualMachineError) {
                run(try session.answerReceived(status: status, body: body))
            } catch {
                fail(error, context)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(VirtualMachineError(.refused, "Firecracker sent what is not of its protocol"), context)
    }

    /// What nobody can make sense of is no answer to anything that waits for one.
    private func fail(_ error: VirtualMachineError, _ context: ChannelHandlerContext) {
        for reply in session.close() { reply.complete(.failure(error)) }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        let gone = VirtualMachineError(.gone, "the virtual machine has ended")
        for reply in session.close() { reply.complete(.failure(gone)) }
    }
}
