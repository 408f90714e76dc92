import Glibc
import GuestProtocol
import NIOCore
import NIOPosix
import Sandbox
import Synchronization
import VirtualMachine

/// The service's end of the link with one guest's agent.
///
/// What the agent says is taken for true only as far as ``GuestSession`` lets it be; the first thing that cannot be ends the
/// connection, which ends the sandbox. Every question has a deadline.
final class GuestConnection: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<GuestLinkHandler>
    private let patience: Duration
    private let memory: GuestLinkHandler.MemoryUsed

    private init(
        channel: any Channel,
        handler: NIOLoopBound<GuestLinkHandler>,
        memory: GuestLinkHandler.MemoryUsed,
        patience: Duration
    ) {
        self.channel = channel
        self.handler = handler
        self.memory = memory
        self.patience = patience
    }

    /// What the guest has said last of its memory.
    var memoryUsed: GuestMemory { memory.value.withLock { $0 } }

    /// - Parameters:
    ///   - socket: Our end of the machine's channel; owned by the connection from here on.
    ///   - standing: Where the conversation stands, for the copy of a guest that was spoken to before.
    ///   - isTemplate: Whether copies are to be made of the guest.
    ///   - makeConnection: Makes a connection to the Runtime API, for one that the function has made.
    ///   - onEnd: Called once, on the event loop, when the link is gone.
    static func open(
        _ socket: CInt,
        standing: GuestStanding?,
        isTemplate: Bool = false,
        on loop: any EventLoop,
        patience: Duration,
        makeConnection: @escaping @Sendable () async -> CInt?,
        onEnd: @escaping GuestLinkHandler.OnEnd
    ) async throws(SandboxError) -> GuestConnection {
        do {
            let (channel, handler, memory) = try await ClientBootstrap(group: loop)
                .channelOption(
                    .writeBufferWaterMark,
                    value: .init(low: GuestLinkHandler.outgoingBytesMax / 2, high: GuestLinkHandler.outgoingBytesMax)
                )
                // Not once it is connected: what came until then would be lost.
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = GuestLinkHandler(
                            standing: standing,
                            isTemplate: isTemplate,
                            makeConnection: makeConnection,
                            onEnd: onEnd
                        )
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .withConnectedSocket(socket)
                .flatMapThrowing { channel in
                    let handler = try channel.pipeline.syncOperations.handler(type: GuestLinkHandler.self)
                    return (channel, NIOLoopBound(handler, eventLoop: loop), handler.memory)
                }.get()
            let connection = GuestConnection(
                channel: channel,
                handler: handler,
                memory: memory,
                patience: patience
            )
            if standing == nil { try await connection.wait { $0.greet($1) } }
            return connection
        } catch let error as SandboxError {
            throw error
        } catch {
            throw SandboxError(.setUpFailed, "failed to reach a guest: \(error)")
        }
    }

    /// Has something done in the guest.
    func ask(_ request: GuestRequest) async throws(SandboxError) {
        try await wait { $0.ask(request, $1) }
    }

    /// Sets the guest's clock right, if its answers so far show that it is not.
    func adjustClock() async throws(SandboxError) {
        let handler = handler
        let correction = try? await channel.eventLoop.submit { handler.value.clock.takeCorrection() }.get()
        if let nanoseconds = correction { try await ask(.adjustClock(nanoseconds: nanoseconds)) }
    }

    /// Starts a process in the guest. The descriptors of `process` stay the caller's.
    func start(
        _ process: ProcessSpecification,
        onExit: @escaping @Sendable (ProcessExit) -> Void
    ) async throws(SandboxError) -> SandboxProcess {
        let box = StartedProcess()
        try await wait { $0.start(process, onExit: onExit, box, $1) }
        guard let number = box.number.withLock({ $0 }) else { throw SandboxError(.gone, "the guest has ended") }
        return number
    }

    final class StartedProcess: Sendable {
        let number = Mutex<SandboxProcess?>(nil)
    }

    /// A stream to a port of the guest's loopback interface, as a socket. It ends at once if nobody listens there.
    func connect(toPort port: UInt16) async throws(SandboxError) -> CInt {
        var ends: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw SandboxError(.refused, "failed to make a socket pair", errno: errno)
        }
        let (ours, theirs) = (ends[0], ends[1])
        let handler = handler
        let isConnected = try? await channel.eventLoop.submit { handler.value.connect(toPort: port, theirs) }.get()
        guard isConnected == true else {
            Glibc.close(ours)
            throw SandboxError(.gone, "the guest has ended, or has too many connections")
        }
        return ours
    }

    func signal(_ process: SandboxProcess, _ number: CInt) {
        guard let number = UInt8(exactly: number) else { return }
        let handler = handler
        channel.eventLoop.execute {
            handler.value.send(.signal(RequestNumber(rawValue: process.rawValue), number: number))
        }
    }

    /// How many streams live; nil when the guest has ended.
    func streamCount() async -> Int? {
        let handler = handler
        return try? await onLoop { handler.value.session.streams.count }
    }

    // MARK: Copies

    /// Lets the guest come to rest, for a moment at which where the conversation stands is all there is to know of it.
    ///
    /// - Parameters:
    ///   - pause: Stops the guest's processors.
    ///   - resume: Lets them go on.
    /// - Returns: Where the conversation stands with the guest, which is paused.
    /// - Throws: `.snapshotFailed` when something is under way whenever it is stopped.
    func rest(
        pause: () async throws -> Void,
        resume: () async throws -> Void
    ) async throws -> GuestStanding {
        let handler = handler
        try await onLoop { handler.value.endOwnConnections() }
        for attempt in 0..<Self.restAttempts {
            if attempt > 0 { try await Task.sleep(for: Self.restPause) }
            // When this is answered, all that was sent before it has been received.
            try await ask(.adjustClock(nanoseconds: 0))
            let sentCount = try await onLoop { handler.value.sentCount }
            try await pause()
            // What the guest has said until then is in our socket. A turn of the loop that begins now reads it.
            for _ in 0..<Self.turnsToReadAll { try await onLoop {} }
            if let standing = try await onLoop({ handler.value.standing(havingReceived: sentCount) }) {
                return standing
            }
            try await resume()
        }
        throw SandboxError(.snapshotFailed, "a guest does not come to rest")
    }

    private static let restAttempts = 50
    private static let restPause = Duration.milliseconds(20)
    /// One reads up to a megabyte; a guest cannot say more unanswered than ``GuestLink`` has windows for.
    private static let turnsToReadAll = 10

    private func onLoop<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws -> Value {
        do {
            return try await channel.eventLoop.submit(body).get()
        } catch {
            throw SandboxError(.gone, "the guest has ended")
        }
    }

    /// Connects what runs in the copy of a guest, before it is told anything.
    func goOn(
        from standing: GuestStanding,
        with processes: [SandboxProcess: CopiedProcess]
    ) async throws(SandboxError) {
        let handler = handler
        let isConnected = try? await channel.eventLoop.submit { handler.value.goOn(from: standing, with: processes) }
            .get()
        guard isConnected == true else {
            throw SandboxError(.setUpFailed, "the processes of a copied guest are not those that were to be connected")
        }
    }

    func close() {
        channel.close(mode: .all, promise: nil)
    }

    private func wait(
        _ ask: @escaping @Sendable (GuestLinkHandler, GuestLinkHandler.Reply) -> Void
    ) async throws(SandboxError) {
        let handler = handler
        try await GuestLinkHandler.Reply.outcome(on: channel.eventLoop, within: patience) {
            ask(handler.value, $0)
        } deadlinePassed: {
            handler.value.deadlinePassed($0)
        }
    }
}
