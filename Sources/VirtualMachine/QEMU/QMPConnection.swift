import CSandbox
import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// The control socket of one QEMU process. Every question has a deadline.
final class QMPConnection: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<QMPHandler>
    private let patience: Duration

    private init(channel: any Channel, handler: NIOLoopBound<QMPHandler>, patience: Duration) {
        self.channel = channel
        self.handler = handler
        self.patience = patience
    }

    /// Waits until the process takes commands.
    ///
    /// - Parameter socket: Our end of the control socket; owned by the connection from here on.
    static func open(
        _ socket: CInt,
        on loop: any EventLoop,
        patience: MachinePatience
    ) async throws(VirtualMachineError) -> QMPConnection {
        // NIO sends no descriptors beside bytes; those few lines go out by a copy of the socket.
        let sender = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        do {
            let (channel, handler) = try await ClientBootstrap(group: loop)
                // Not once it is connected: a greeting that came until then would be lost.
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(QMPHandler(sender: sender))
                    }
                }
                .withConnectedSocket(socket)
                .flatMapThrowing { channel in
                    let handler = try channel.pipeline.syncOperations.handler(type: QMPHandler.self)
                    return (channel, NIOLoopBound(handler, eventLoop: loop))
                }.get()
            let connection = QMPConnection(channel: channel, handler: handler, patience: patience.answer)
            try await connection.wait(patience.start) { $0.whenOpen($1) }
            return connection
        } catch let error as VirtualMachineError {
            throw error
        } catch {
            throw VirtualMachineError(.startFailed, "failed to reach QEMU: \(error)")
        }
    }

    /// Has a command carried out.
    func perform(_ command: QMPCommand) async throws(VirtualMachineError) {
        try await wait(patience) { $0.perform(command, $1) }
    }

    /// Has a state written or read, and waits until that is done.
    func migrate(_ command: QMPCommand) async throws(VirtualMachineError) {
        try await wait(patience) { $0.migrate(command, $1) }
    }

    func close() {
        channel.close(mode: .all, promise: nil)
    }

    private func wait(
        _ patience: Duration,
        _ ask: @escaping @Sendable (QMPHandler, QMPHandler.Reply) -> Void
    ) async throws(VirtualMachineError) {
        let handler = handler
        try await QMPHandler.Reply.outcome(on: channel.eventLoop, within: patience) {
            ask(handler.value, $0)
        } deadlinePassed: {
            handler.value.deadlinePassed($0)
        }
    }
}

/// Carries lines between the socket and the session. On its channel's event loop.
final class QMPHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    typealias Reply = DeadlinedReply<VirtualMachineError>

    private enum Token {
        case command(Reply)
        /// The answer is only that it has begun.
        case migration(Reply)
    }

    private let sender: CInt
    private var session = QMPSession<Token>()
    private var isOpen = false
    private var isClosed = false
    private var opening: Reply?
    private var migration: Reply?
    private var context: ChannelHandlerContext?

    init(sender: CInt) {
        self.sender = sender
    }

    deinit {
        close(sender)
    }

    // MARK: Questions

    func whenOpen(_ reply: Reply) {
        if isClosed { return reply.complete(.failure(gone)) }
        if isOpen { return reply.complete(.success(())) }
        opening = reply
    }

    func perform(_ command: QMPCommand, _ reply: Reply) {
        run(session.command(command, .command(reply)))
    }

    func migrate(_ command: QMPCommand, _ reply: Reply) {
        guard migration == nil else {
            return reply.complete(.failure(VirtualMachineError(.refused, "a state is being written or read already")))
        }
        migration = reply
        run(session.command(command, .migration(reply)))
    }

    /// A process that does not answer one question will be asked no other.
    func deadlinePassed(_ reply: Reply) {
        reply.complete(.failure(VirtualMachineError(.timedOut, "QEMU did not answer in time")))
        context?.close(promise: nil)
    }

    private var gone: VirtualMachineError { VirtualMachineError(.gone, "the virtual machine has ended") }

    private func run(_ actions: [QMPSession<Token>.Action]) {
        for action in actions {
            switch action {
            case .send(let line, let descriptor?):
                let bytes = Array(line.utf8)
                if sb_send_with_descriptor(sender, bytes, bytes.count, descriptor) != bytes.count {
                    context?.close(promise: nil)
                }
            case .send(let line, nil):
                guard let context else { continue }
                context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: line)), promise: nil)
            case .opened:
                isOpen = true
                opening?.complete(.success(()))
                opening = nil
            case .answered(.command(let reply), let failure):
                reply.complete(
                    failure.map { .failure(VirtualMachineError(.refused, "QEMU refused: \($0)")) } ?? .success(())
                )
            case .answered(.migration, nil):
                break
            case .answered(.migration, let failure?):
                finishMigration(.failure(VirtualMachineError(.refused, "QEMU refused: \(failure)")))
            case .migrationChanged(let status):
                if status == "completed" { finishMigration(.success(())) }
                if status == "failed" {
                    finishMigration(.failure(VirtualMachineError(.incompatible, "QEMU could not take over the state")))
                }
            }
        }
    }

    private func finishMigration(_ result: Result<Void, VirtualMachineError>) {
        migration?.complete(result)
        migration = nil
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            run(try session.bytesReceived(unwrapInboundIn(data).readableBytesView))
        } catch {
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        self.context = nil
        for token in session.close() {
            if case .command(let reply) = token { reply.complete(.failure(gone)) }
        }
        opening?.complete(
            .failure(VirtualMachineError(.startFailed, "the process behind the machine ended at its start"))
        )
        opening = nil
        finishMigration(.failure(gone))
    }
}
