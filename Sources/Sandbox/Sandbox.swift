/// One isolated place to run a function's processes: its own namespaces (or machine), its own limits, its own
/// files, and nothing of the host but a read-only userland.
///
/// A sandbox is created empty by a ``SandboxEngine``. Processes are started in it one by one; the sandbox lives until
/// ``destroy()``, whatever happens to them. All calls may come from any thread.
package protocol Sandbox: AnyObject, Sendable {
    /// What names this sandbox in logs, cgroups and directories.
    var id: SandboxID { get }

    /// The listening socket of the Runtime API, bound inside the sandbox's network namespace.
    ///
    /// The first call hands the descriptor's ownership to the caller; later calls return `nil`.
    func takeRuntimeAPIListener() -> CInt?

    /// Starts a process inside the sandbox and returns once it has been executed or could not be.
    ///
    /// - Parameters:
    ///   - process: What to execute. Its standard streams' descriptors stay the caller's to close.
    ///   - onExit: Called exactly once, on an unspecified thread, when the process has ended, however it ended;
    ///     never called when `start` throws. It must not block.
    /// - Returns: What names the process in ``signal(_:_:)``.
    /// - Throws: `SandboxError` with code `.execFailed` when the program could not be executed (its `errno` says why),
    ///   `.gone` when the sandbox has ended.
    func start(
        _ process: ProcessSpecification,
        onExit: @escaping @Sendable (ProcessExit) -> Void
    ) async throws(SandboxError) -> SandboxProcess

    /// Sends a signal to a process and what it has started in its process group. Does not wait; a process that has ended
    /// is passed over. A frozen sandbox takes the signal when it thaws, but for one that kills.
    func signal(_ process: SandboxProcess, _ number: CInt) throws(SandboxError)

    /// Kills every process and returns when the last is gone. Files stay, and processes can be started again.
    ///
    /// A sandbox with a process that cannot be killed ends as a whole. Cancellation does not stop it.
    /// - Throws: `SandboxError` with code `.gone` when the sandbox has ended.
    func killProcesses() async throws(SandboxError)

    /// Connects to what listens on this TCP port of the sandbox's own loopback interface.
    ///
    /// - Returns: A stream socket, connected and non-blocking, which is the caller's to close. Where the sandbox is a machine it
    ///   may only show by its early end that nobody listens.
    /// - Throws: `SandboxError` with code `.refused` when nobody listens, `.gone` when the sandbox has ended.
    func connect(toPort port: UInt16) async throws(SandboxError) -> CInt

    /// The descriptor of the sandbox's tap device, for the one process that is a virtual machine. The first call hands its
    /// ownership to the caller; later calls return `nil`, and so do those of a sandbox that has none.
    func takeTap() -> CInt?

    /// Lets the machine behind the tap device reach what ``SandboxNetwork/internet`` says; until then the device leads nowhere. At
    /// most once in the sandbox's life. The sandbox's own network stays without a way out.
    ///
    /// - Returns: The addresses that the machine has to use.
    /// - Throws: `.unsupported` when it has no such device, `.gone` when it has ended or is connected already, `.adoptionFailed`
    ///   when a step failed; then it is destroyed, and nothing of it is left.
    func connectTap() async throws(SandboxError) -> TapAddresses

    /// Gives a sandbox that was created as adoptable to a function: its files, its limits, and a count of memory that
    /// starts anew. At most once in its life. Processes that run in it already see the files appear.
    ///
    /// - Throws: `.adoptionFailed` when a step failed, `.gone` when the sandbox has ended or was not to be adopted, or not
    ///   again. Either way it is destroyed by then, and nothing of it is left.
    func adopt(_ adoption: SandboxAdoption) async throws(SandboxError)

    /// Stops every process in the sandbox from running until ``thaw()``. Returns when the kernel has taken the
    /// request; processes stop within microseconds of it. Costs one small write; never blocks on the guest.
    func freeze() throws(SandboxError)

    /// Lets the processes run again. Thawing a sandbox that is not frozen does nothing.
    func thaw() throws(SandboxError)

    /// Replaces the limit on CPU time, in effect at once.
    func setCPULimit(_ limit: CPULimit) throws(SandboxError)

    /// The most memory that the sandbox's processes have used together so far, in bytes; 0 where the host cannot tell.
    func peakMemoryBytes() -> Int

    /// The most of the host's memory that the sandbox has taken so far, in bytes; 0 where the host cannot tell. The same as
    /// ``peakMemoryBytes()`` unless there is more to the sandbox than its processes.
    func peakHostMemoryBytes() -> Int

    /// The CPU time that the sandbox's processes have used together so far, those that have ended too, in nanoseconds; nil where
    /// the host cannot tell. For a look now and then: it opens a file.
    func cpuNanoseconds() -> Int?

    /// Whether the kernel has killed a process of this sandbox for exceeding its memory limit.
    func hasExceededMemory() -> Bool

    /// Kills every process, waits until the last is gone, and removes all that the sandbox had on the host.
    ///
    /// Idempotent; concurrent calls all return when the removal is complete. Cancellation does not stop it.
    func destroy() async
}

/// A process that was started in a sandbox.
package struct SandboxProcess: Hashable, Sendable {
    /// Its number among all that this sandbox has started.
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Makes sandboxes of one kind. An engine owns whatever all its sandboxes share (a launcher process, a cgroup subtree).
package protocol SandboxEngine: AnyObject, Sendable {
    /// Creates an empty sandbox.
    ///
    /// - Throws: `SandboxError`; then nothing of the sandbox is left on the host.
    func createSandbox(_ specification: SandboxSpecification) async throws(SandboxError) -> any Sandbox

    /// The memory, in bytes, that a sandbox must be made with to be adopted later by a function that has so much.
    func adoptableMemoryBytes(forFunctionOf bytes: Int) -> Int

    /// Destroys all sandboxes that are left and everything shared. The engine cannot be used afterwards.
    func shutdown() async
}

/// What names a sandbox on its host: lower-case letters, digits and dashes, unique among those that live.
package struct SandboxID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }
}
