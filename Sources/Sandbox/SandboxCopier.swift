/// A sandbox as it was at one moment, with the processes that ran in it. Copies can be made of it for as long as it is kept.
package protocol SandboxSnapshot: AnyObject, Sendable {}

/// An engine whose sandboxes can be copied while processes run in them, in less time than the processes would take to start.
package protocol SandboxCopier: SandboxEngine {
    /// Keeps the state of a sandbox, which ends with this. It must have been made as a template, and nothing may be under way
    /// between its processes and the service.
    ///
    /// - Throws: `.snapshotFailed` when it could not be kept, `.gone` when the sandbox has ended. Either way it is destroyed.
    func snapshot(_ sandbox: any Sandbox) async throws(SandboxError) -> any SandboxSnapshot

    /// Makes a sandbox in which the processes of a snapshot go on. What is random or unique to a machine is new to it before
    /// they do; what a process keeps of that in its own memory is for the process to renew.
    ///
    /// - Parameters:
    ///   - specification: Of the new one. It needs as much memory as the snapshot's, and those of its mounts that the snapshot has
    ///     are there already.
    ///   - processes: What each process of the snapshot is connected with from here on.
    /// - Throws: As ``SandboxEngine/createSandbox(_:)``.
    func createSandbox(
        _ specification: SandboxSpecification,
        copying snapshot: any SandboxSnapshot,
        processes: [SandboxProcess: CopiedProcess]
    ) async throws(SandboxError) -> any Sandbox
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
