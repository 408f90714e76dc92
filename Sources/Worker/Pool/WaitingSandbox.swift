import Glibc
import Sandbox
import Synchronization

/// A sandbox that waits for a function, and the runtime that waits in it, if one does.
///
/// ## Concurrency
/// All methods may be called from any thread. Its descriptors belong to whoever has taken it from the pool.
final class WaitingSandbox: Sendable {
    /// A runtime that has been started and waits.
    struct Runtime: Sendable {
        /// Where what it prints arrives.
        let log: CInt
        /// What it prints to; for further processes of the function.
        let output: CInt
    }

    private struct State {
        var exit: ProcessExit?
        var handler: (@Sendable (ProcessExit) -> Void)?
        var process: SandboxProcess?
        /// Where the runtime is told of its function; `nil` once it has been.
        var channel: CInt?
    }

    let sandbox: any Sandbox
    let plan: WaitingPlan
    let runtime: Runtime?
    private let state: Mutex<State>

    /// - Parameter channel: Our end of the one by which the runtime is told of its function.
    init(sandbox: any Sandbox, plan: WaitingPlan, runtime: Runtime? = nil, channel: CInt? = nil) {
        self.sandbox = sandbox
        self.plan = plan
        self.runtime = runtime
        state = Mutex(State(channel: channel))
    }

    /// The runtime's process, once it was started.
    var process: SandboxProcess? { state.withLock { $0.process } }

    /// The runtime's process was started.
    func runtimeStarted(_ process: SandboxProcess) {
        state.withLock { $0.process = process }
    }

    /// Whether the runtime's process has ended.
    var hasExited: Bool { state.withLock { $0.exit != nil } }

    /// Has the end of the runtime's process told to `handler`, at once if it has ended already, in place of whoever was
    /// told before.
    func onExit(_ handler: @escaping @Sendable (ProcessExit) -> Void) {
        let exited = state.withLock { state in
            state.handler = handler
            return state.exit
        }
        if let exited { handler(exited) }
    }

    /// The runtime's process has ended.
    func runtimeExited(_ processExit: ProcessExit) {
        let handler = state.withLock { state in
            state.exit = processExit
            return state.handler
        }
        handler?(processExit)
    }

    /// Tells the waiting runtime of its function, and closes the channel.
    ///
    /// - Returns: Whether it was told; if not it has ended meanwhile, or does not listen.
    func tell(handler: String, directory: String, variables: EnvironmentVariables) -> Bool {
        guard let channel = state.withLock({ $0.channel.take() }) else { return false }
        defer { close(channel) }
        let message = ([handler, directory] + variables.list).joined(separator: "\0")
        // Names and values can be of any text, but neither has a NUL: the API takes none, and no process could.
        guard message.utf8.count(where: { $0 == 0 }) == variables.list.count + 1 else { return false }
        let bytes = Array(message.utf8)
        let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)
        return send(channel, bytes, bytes.count, flags) == bytes.count
    }

    /// Lets a runtime that has not been told of a function end.
    func closeChannel() {
        if let channel = state.withLock({ $0.channel.take() }) { close(channel) }
    }

    /// Closes its descriptors and removes it. Not for one that was given to an environment.
    func discard() async {
        closeChannel()
        if let runtime {
            for descriptor in [runtime.log, runtime.output] { close(descriptor) }
        }
        await sandbox.destroy()
    }
}
