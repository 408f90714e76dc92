/// A sandbox as it was at one moment, with the processes that ran in it. Copies can be made of it for as long as it is kept.
package protocol SandboxSnapshot: AnyObject, Sendable {}

/// An engine whose sandboxes can be copied while processes run in them, in less time than the processes would take to start.
package protocol SandboxCopier: SandboxEngine {
    /// Keeps the state of a sandbox, which ends with this. It must have been made as a template. What its processes have asked
    /// of the Runtime API and await an answer to is asked again in each copy; connections to their ports are ended.
    ///
    /// - Throws: `.snapshotFailed` when it could not be kept, since something else goes on between its processes and the service,
    ///   `.gone` when the sandbox has ended. Either way it is destroyed.
    func snapshot(_ sandbox: any Sandbox) async throws(SandboxError) -> any SandboxSnapshot

    /// Makes a sandbox in which the processes of a snapshot go on. What is random or unique to a machine is new to it before
    /// they do; what a process keeps of that in its own memory is for the process to renew.
    ///
    /// - Parameters:
    ///   - specification: Of the new one. It needs as much memory as the snapshot's, and has the snapshot's programs. Those of its
    ///     mounts that the snapshot has are there already, and so is its `/tmp`, as it was, if that has the size asked for.
    ///   - processes: What each process of the snapshot is connected with from here on.
    /// - Throws: As ``SandboxEngine/createSandbox(_:)``; `.incompatible` when no copies can be made of this snapshot here.
    func createSandbox(
        _ specification: SandboxSpecification,
        copying snapshot: any SandboxSnapshot,
        processes: [SandboxProcess: CopiedProcess]
    ) async throws(SandboxError) -> any Sandbox

    /// Writes a snapshot to files in a directory that has none of these names yet. They are on the disk when it returns; their names
    /// are the caller's to see to. Takes a second or so, without giving up the thread.
    ///
    /// - Throws: `.snapshotFailed`.
    func save(_ snapshot: any SandboxSnapshot, in directory: String) throws(SandboxError)

    /// Reads a snapshot back, also one that was written by another process. Takes a second or so, without giving up the thread.
    ///
    /// - Throws: `.incompatible` when something of it is missing or was altered, or copies of it cannot be made any more, since the
    ///   programs have changed, say. What only shows when a copy is made fails there.
    func loadSnapshot(from directory: String) throws(SandboxError) -> any SandboxSnapshot
}

/// What a process of a copied sandbox is connected with.
package struct CopiedProcess: Sendable {
    /// In place of ``ProcessSpecification/output``; stays the caller's to close.
    package var output: CInt
    /// In place of ``ProcessSpecification/channel``; stays the caller's to close.
    package var channel: CInt?
    /// Called once, on an unspecified thread, when the process has ended, however it ended; also when the copy was made and then
    /// could not be used. It must not block.
    package var onExit: @Sendable (ProcessExit) -> Void

    package init(output: CInt, channel: CInt?, onExit: @escaping @Sendable (ProcessExit) -> Void) {
        self.output = output
        self.channel = channel
        self.onExit = onExit
    }
}
