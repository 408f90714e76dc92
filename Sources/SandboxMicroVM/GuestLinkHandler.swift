import Glibc
import GuestProtocol
import NIOCore
import NIOPosix
import Sandbox
import Synchronization
import VirtualMachine

/// Carries messages between a guest's channel and the session, and bytes between streams and their descriptors. On its
/// channel's event loop, and so is all that it holds.
final class GuestLinkHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    typealias Reply = DeadlinedReply<SandboxError>

    /// How much may wait to be read by a guest: twice what all windows have room for. One that makes us answer and does not
    /// read the answers gets no further.
    static let outgoingBytesMax = 2 * GuestLink.streamsMax * GuestLink.windowBytes

    private(set) var session: GuestSession
    private var decoder: GuestMessageDecoder
    /// How many messages were sent to the guest.
    private(set) var sentCount = 0
    private var greeting: Reply?
    private var replies: [RequestNumber: Reply] = [:]
    private var askedAt: [RequestNumber: Int] = [:]
    var clock = GuestClock()
    private var exits: [RequestNumber: @Sendable (ProcessExit) -> Void] = [:]
    private var streams: [StreamNumber: GuestStream] = [:]
    /// What connects the processes that run, or are being started.
    private var processes: [RequestNumber: GuestStanding.ProcessStreams] = [:]
    /// Kept where copies are to be made of the guest.
    private var unanswered: UnansweredBytes?
    /// How many connections are being made to the Runtime API, also for streams that were given up meanwhile.
    private var connecting = 0
    private var context: ChannelHandlerContext?
    private let makeConnection: @Sendable () async -> CInt?
    private let onEnd: OnEnd
    private var violation: ProtocolViolation?
    /// What the guest has said last of its memory, for all threads.
    let memory = MemoryUsed()

    /// - Parameter violation: What the guest said that cannot be, if that was the reason.
    typealias OnEnd = @Sendable (_ violation: ProtocolViolation?) -> Void

    final class MemoryUsed: Sendable {
        let value = Mutex(GuestMemory(peakBytes: 0, kills: 0))
    }

    init(
        standing: GuestStanding?,
        isTemplate: Bool,
        makeConnection: @escaping @Sendable () async -> CInt?,
        onEnd: @escaping OnEnd
    ) {
        session = standing?.session ?? GuestSession()
        decoder = standing?.decoder ?? GuestMessageDecoder()
        unanswered = isTemplate ? UnansweredBytes() : nil
        self.makeConnection = makeConnection
        self.onEnd = onEnd
    }

    private var gone: SandboxError { SandboxError(.gone, "the guest has ended") }

    // MARK: Questions

    func greet(_ reply: Reply) {
        guard context != nil else { return reply.complete(.failure(gone)) }
        send(GuestSession.greeting)
        // It may have said hello before it was asked.
        if session.isOpen { return reply.complete(.success(())) }
        greeting = reply
    }

    func ask(_ request: GuestRequest, _ reply: Reply) {
        guard let message = session.ask(request), case .request(let number, _) = message else {
            return reply.complete(.failure(gone))
        }
        replies[number] = reply
        askedAt[number] = Self.now()
        send(message)
    }

    /// The host's clock, in nanoseconds since 1970.
    static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    func start(
        _ process: ProcessSpecification,
        onExit: @escaping @Sendable (ProcessExit) -> Void,
        _ box: GuestConnection.StartedProcess,
        _ reply: Reply
    ) {
        let start = session.start(hasChannel: process.channel != nil) { output, channel in
            GuestProcess(
                executable: process.executable,
                arguments: process.arguments,
                environment: process.environment,
                workingDirectory: process.workingDirectory,
                output: output,
                channel: channel
            )
        }
        guard let start else {
            let error = session.isOpen ? SandboxError(.execFailed, "too much for a guest to start", errno: E2BIG) : gone
            return reply.complete(.failure(error))
        }
        box.number.withLock { $0 = SandboxProcess(start.number.rawValue) }
        replies[start.number] = reply
        exits[start.number] = onExit
        processes[start.number] = GuestStanding.ProcessStreams(output: start.output, channel: start.channel)
        send(start.message)
        // Copies: the caller closes its own once the process runs.
        open(start.output, .output, fcntl(process.output, F_DUPFD_CLOEXEC, 0))
        if let channel = start.channel, let descriptor = process.channel {
            open(channel, .connection, fcntl(descriptor, F_DUPFD_CLOEXEC, 0))
        }
    }

    /// Connects what runs in the copy of a guest that was spoken to before: processes with what they have here, and what they ask
    /// with the Runtime API. Returns whether each process is connected.
    func goOn(from standing: GuestStanding, with processes: [SandboxProcess: CopiedProcess]) -> Bool {
        guard context != nil, standing.processes.count == processes.count else { return false }
        for (number, streams) in standing.processes {
            guard let process = processes[SandboxProcess(number.rawValue)] else { return false }
            self.processes[number] = streams
            exits[number] = process.onExit
            open(streams.output, .output, fcntl(process.output, F_DUPFD_CLOEXEC, 0))
            if let channel = streams.channel, let descriptor = process.channel {
                open(channel, .connection, fcntl(descriptor, F_DUPFD_CLOEXEC, 0))
            }
        }
        for (number, bytes) in standing.connections { connect(number, asking: bytes) }
        return true
    }

    /// Where the conversation stands.
    ///
    /// - Parameter sentCount: How many messages the guest has received for certain.
    /// - Returns: Nil if anything is under way.
    func standing(havingReceived sentCount: Int) -> GuestStanding? {
        guard sentCount == self.sentCount, session.isQuiet, session.streams.isEverythingPassedOn, connecting == 0,
            !streams.values.contains(where: \.hasUnsent),
            let connections = unanswered?.onConnections(where: { session.streams.contains($0) })
        else { return nil }
        let processStreams = processes.values.reduce(0) { $0 + ($1.channel == nil ? 1 : 2) }
        guard session.streams.count == processStreams + connections.count else { return nil }
        return GuestStanding(session: session, decoder: decoder, processes: processes, connections: connections)
    }

    /// Gives up the connections to ports of the guest.
    func endOwnConnections() {
        let channels = Set(processes.values.flatMap { [$0.output, $0.channel] })
        for (number, stream) in streams where number.opener == .host && !channels.contains(number) {
            stream.deliverReset()
            gaveUp(number)
        }
    }

    func deadlinePassed(_ reply: Reply) {
        reply.complete(.failure(SandboxError(.engineFailed, "a guest does not answer")))
        context?.close(promise: nil)
    }

    func send(_ message: HostMessage) {
        guard let context else { return }
        sentCount += 1
        var bytes: [UInt8] = []
        message.write(to: &bytes)
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: nil)
    }

    // MARK: Streams

    private func open(_ number: StreamNumber, _ kind: GuestStream.Kind, _ descriptor: CInt) {
        guard let context else {
            close(descriptor)
            return
        }
        let stream = GuestStream(number, kind, link: self)
        streams[number] = stream
        stream.open(descriptor, on: context.eventLoop)
    }

    /// Opens a stream to a port in the guest, and carries it over this descriptor. Owns the descriptor.
    ///
    /// - Returns: Whether there is room for it, and a guest.
    func connect(toPort port: UInt16, _ descriptor: CInt) -> Bool {
        guard context != nil, session.isOpen, let number = session.streams.open() else {
            close(descriptor)
            return false
        }
        send(.stream(number, .open(port: port)))
        open(number, .connection, descriptor)
        return true
    }

    /// A connection that the function has made to the Runtime API.
    ///
    /// - Parameter bytes: What it has asked for already, of another than this machine.
    private func connect(_ number: StreamNumber, asking bytes: [UInt8] = []) {
        guard let context, connecting < GuestLink.streamsMax else { return gaveUp(number) }
        let stream = GuestStream(number, .connection, link: self)
        streams[number] = stream
        unanswered?.opened(number)
        unanswered?.received(bytes, on: number)
        stream.deliverAgain(bytes)
        connecting += 1
        let loop = context.eventLoop
        loop.makeFutureWithTask { [makeConnection] in await makeConnection() }
            .assumeIsolated()
            .whenComplete { [weak self] result in
                self?.connecting -= 1
                guard case .success(let descriptor?) = result else { return self?.gaveUp(number) ?? () }
                guard let self, streams[number] === stream else {
                    close(descriptor)
                    return
                }
                stream.open(descriptor, on: loop)
            }
    }

    func sendable(_ number: StreamNumber) -> Int { session.streams.sendable(number) }

    func send(_ bytes: ArraySlice<UInt8>, on number: StreamNumber) {
        unanswered?.answered(on: number)
        session.streams.sent(bytes.count, on: number)
        send(.stream(number, .data(bytes)))
    }

    func passedOn(_ count: Int, of number: StreamNumber) {
        if let credit = session.streams.passedOn(count, of: number) { send(.stream(number, .credit(credit))) }
    }

    func ended(_ number: StreamNumber) {
        if session.streams.ended(number) { send(.stream(number, .end)) }
    }

    func gaveUp(_ number: StreamNumber) {
        streams[number] = nil
        if session.streams.gaveUp(number) { send(.stream(number, .reset)) }
    }

    // MARK: The guest

    private func handle(_ event: GuestSession.Event) {
        switch event {
        case .greeted:
            greeting?.complete(.success(()))
            greeting = nil
        case .answered(let number, let failure):
            if let asked = askedAt.removeValue(forKey: number), failure == nil {
                clock.answered(asked: asked, at: Self.now(), showing: session.clock)
            }
            if failure != nil {
                exits[number] = nil
                if let process = processes.removeValue(forKey: number) {
                    for stream in [process.output, process.channel].compactMap(\.self) {
                        streams.removeValue(forKey: stream)?.deliverReset()
                    }
                }
            }
            replies.removeValue(forKey: number)?.complete(
                failure.map { failure in
                    let reason = String(cString: strerror(failure.errno))
                    return .failure(
                        SandboxError(
                            .execFailed,
                            "failed in a guest: \(failure.step): \(reason) (\(failure.errno))",
                            errno: failure.errno
                        )
                    )
                } ?? .success(())
            )
        case .exited(let number, let exit):
            processes[number] = nil
            exits.removeValue(forKey: number)?(ProcessExit(exit))
        case .memory(let used):
            memory.value.withLock { $0 = used }
        case .stream(let number, let action):
            handle(action, on: number)
        case .none:
            break
        }
    }

    private func handle(_ action: StreamTable.ReceivedAction, on number: StreamNumber) {
        switch action {
        case .connect: connect(number)
        case .refuse: send(.stream(number, .reset))
        case .deliver(let bytes):
            unanswered?.received(bytes, on: number)
            streams[number]?.deliver(bytes)
        case .deliverEnd: streams[number]?.deliverEnd()
        case .deliverReset: streams.removeValue(forKey: number)?.deliverReset()
        case .resume: streams[number]?.resume()
        case .none: break
        }
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data).readableBytesView)
        do {
            while let message = try decoder.next() { handle(try session.received(message)) }
        } catch {
            // Nothing that this guest says is worth anything any more.
            violation = error
            context.close(promise: nil)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard !context.channel.isWritable else { return }
        violation = ProtocolViolation("\(Self.outgoingBytesMax) bytes that it does not read")
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        _ = session.end()
        greeting?.complete(.failure(gone))
        greeting = nil
        for reply in replies.values { reply.complete(.failure(gone)) }
        replies = [:]
        for onExit in exits.values { onExit(.lost) }
        exits = [:]
        for stream in streams.values { stream.deliverReset() }
        streams = [:]
        onEnd(violation)
    }
}

extension ProcessExit {
    fileprivate init(_ exit: GuestExit) {
        self =
            switch exit {
            case .exited(let status): .exited(Int(status))
            case .signalled(let signal): .signalled(Int(signal))
            }
    }
}
