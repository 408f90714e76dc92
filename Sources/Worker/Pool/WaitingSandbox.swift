import Glibc
import Sandbox
import Synchronization
import Telemetry

/// A sandbox that waits for a function, and the runtime that waits in it, if one does.
///
/// ## Concurrency
/// All methods may be called from any thread. Its descriptors belong to whoever has taken it from the pool.
final class WaitingSandbox: Sendable {
    let sandbox: any Sandbox
    let plan: WaitingPlan
    let runtime: WaitingRuntime?

    init(sandbox: any Sandbox, plan: WaitingPlan, runtime: WaitingRuntime? = nil) {
        self.sandbox = sandbox
        self.plan = plan
        self.runtime = runtime
    }

    /// The runtime's process, once it was started.
    var process: SandboxProcess? { runtime?.process }

    /// Whether the runtime's process has ended.
    var hasExited: Bool { runtime?.hasExited ?? false }

    /// Has the end of the runtime's process told to `handler`, at once if it has ended already, in place of whoever was
    /// told before.
    func onExit(_ handler: @escaping @Sendable (ProcessExit) -> Void) {
        runtime?.onExit(handler)
    }

    /// Closes its descriptors and removes it. Not for one that was given to an environment.
    func discard() async {
        runtime?.close()
        await sandbox.destroy()
    }
}

/// A runtime that has been started, or copied, and waits to be told of a function; and what connects it with the service.
///
/// ## Concurrency
/// All methods may be called from any thread.
final class WaitingRuntime: Sendable {
    private struct State {
        var exit: ProcessExit?
        var handler: (@Sendable (ProcessExit) -> Void)?
        var process: SandboxProcess?
        /// Where the runtime is told of its function; `nil` once it has been.
        var channel: CInt?
    }

    /// Where what it prints arrives.
    let log: CInt
    /// What it prints to; for further processes of the function.
    let output: CInt
    private let state: Mutex<State>

    /// Makes its pipe and its channel.
    ///
    /// - Returns: The runtime that is to be, and its own end of the channel, which is the caller's to close.
    static func make() throws(SandboxError) -> (runtime: WaitingRuntime, channel: CInt) {
        var pair: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
            throw SandboxError(.setUpFailed, "failed to make a channel to a waiting runtime", errno: errno)
        }
        do throws(FunctionLogWriter.SystemError) {
            let pipe = try FunctionLogWriter.makePipe()
            return (WaitingRuntime(log: pipe.reading, output: pipe.output, channel: pair[0]), pair[1])
        } catch {
            for descriptor in pair { Glibc.close(descriptor) }
            throw SandboxError(.setUpFailed, "\(error)")
        }
    }

    private init(log: CInt, output: CInt, channel: CInt) {
        self.log = log
        self.output = output
        state = Mutex(State(channel: channel))
    }

    /// Its process, once it was started.
    var process: SandboxProcess? { state.withLock { $0.process } }

    /// Whether its process has ended.
    var hasExited: Bool { state.withLock { $0.exit != nil } }

    func started(_ process: SandboxProcess) {
        state.withLock { $0.process = process }
    }

    func exited(_ processExit: ProcessExit) {
        let handler = state.withLock { state in
            state.exit = processExit
            return state.handler
        }
        handler?(processExit)
    }

    func onExit(_ handler: @escaping @Sendable (ProcessExit) -> Void) {
        let exited = state.withLock { state in
            state.handler = handler
            return state.exit
        }
        if let exited { handler(exited) }
    }

    /// Our end of the channel; `nil` once it was closed.
    var channel: CInt? { state.withLock { $0.channel } }

    /// Asks for the rehearsal of an invoke; it says that it is ready again when that is over.
    func askToRehearse() {
        guard let channel else { return }
        _ = send(channel, [1], 1, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
    }

    /// Tells it of its function, and closes the channel.
    ///
    /// - Returns: Whether it was told; if not it has ended meanwhile, or does not listen.
    func tell(handler: String, directory: String, variables: EnvironmentVariables) -> Bool {
        guard let channel = state.withLock({ $0.channel.take() }) else { return false }
        defer { Glibc.close(channel) }
        let message = ([handler, directory] + variables.list).joined(separator: "\0")
        // Names and values can be of any text, but neither has a NUL: the API takes none, and no process could.
        guard message.utf8.count(where: { $0 == 0 }) == variables.list.count + 1 else { return false }
        let bytes = Array(message.utf8)
        let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)
        return send(channel, bytes, bytes.count, flags) == bytes.count
    }

    /// Lets one that has not been told of a function end.
    func closeChannel() {
        if let channel = state.withLock({ $0.channel.take() }) { Glibc.close(channel) }
    }

    /// Closes all its descriptors. Not for one that was given to an environment.
    func close() {
        closeChannel()
        for descriptor in [log, output] { Glibc.close(descriptor) }
    }
}
