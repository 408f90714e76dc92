/// Where the process behind a virtual machine runs, and by what it is confined. A hostile guest that has taken over this
/// process has what the housing gives it and no more.
package protocol MachineHousing: AnyObject, Sendable {
    /// Starts the one process of this housing.
    ///
    /// - Parameters:
    ///   - program: What to execute. Its descriptors stay the caller's to close.
    ///   - onExit: Called exactly once, on an unspecified thread, when the process has ended; never when `start` throws. It must
    ///     not block.
    func start(
        _ program: MachineProgram,
        onExit: @escaping @Sendable (MachineExit) -> Void
    ) async throws(VirtualMachineError)

    /// Kills the process, and waits until nothing is left of it and of the housing. Idempotent.
    func destroy() async
}

/// How the process behind a machine ended.
package enum MachineExit: Hashable, Sendable {
    case exited(Int)
    case signalled(Int)
    /// With its housing; its own end was not seen.
    case lost
}

/// A program that is a machine.
package struct MachineProgram: Sendable, Hashable {
    package var executable: String
    /// The arguments, the program's name first.
    package var arguments: [String]
    /// The descriptors that it gets, as its numbers from ``firstDescriptor`` on.
    package var descriptors: [CInt]
    /// Whether it gets one more descriptor after these: that of a tap device, which its housing makes.
    package var hasTap: Bool

    package static let firstDescriptor: CInt = 3

    package init(executable: String, arguments: [String], descriptors: [CInt], hasTap: Bool = false) {
        self.executable = executable
        self.arguments = arguments
        self.descriptors = descriptors
        self.hasTap = hasTap
    }
}
