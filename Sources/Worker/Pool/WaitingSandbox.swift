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
        /// Where it is told of its function.
        let channel: CInt
        /// Where what it prints arrives.
        let log: CInt
        /// What it prints to; for further processes of the function.
        let output: CInt
    }

    private struct Exit {
        var exit: ProcessExit?
        var handler: (@Sendable (ProcessExit) -> Void)?
    }

    let sandbox: any Sandbox
    let plan: WaitingPlan
    let runtime: Runtime?
    private let exit = Mutex(Exit())

    init(sandbox: any Sandbox, plan: WaitingPlan, runtime: Runtime?) {
        self.sandbox = sandbox
        self.plan = plan
        self.runtime = runtime
    }

    /// Has the end of the runtime's process told to `handler`, at once if it has ended already, in place of whoever was
    /// told before.
    func onExit(_ handler: @escaping @Sendable (ProcessExit) -> Void) {
        let exited = exit.withLock { state in
            state.handler = handler
            return state.exit
        }
        if let exited { handler(exited) }
    }

    /// The runtime's process has ended.
    func runtimeExited(_ processExit: ProcessExit) {
        let handler = exit.withLock { state in
            state.exit = processExit
            return state.handler
        }
        handler?(processExit)
    }

    /// Tells the waiting runtime of its function, and closes the channel.
    ///
    /// - Returns: Whether it was told; if not it has ended meanwhile, or does not listen.
    func tell(handler: String, directory: String, variables: EnvironmentVariables) -> Bool {
        guard let runtime else { return false }
        defer { close(runtime.channel) }
        let message = ([handler, directory] + variables.list).joined(separator: "\0")
        // Names and values can be of any text, but neither has a NUL: the API takes none, and no process could.
        guard message.utf8.count(where: { $0 == 0 }) == variables.list.count + 1 else { return false }
        let bytes = Array(message.utf8)
        let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)
        return send(runtime.channel, bytes, bytes.count, flags) == bytes.count
    }

    /// Closes its descriptors and removes it.
    func discard() async {
        if let runtime {
            for descriptor in [runtime.channel, runtime.log, runtime.output] { close(descriptor) }
        }
        await sandbox.destroy()
    }
}
