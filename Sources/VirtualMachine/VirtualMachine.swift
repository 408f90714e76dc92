/// One virtual machine, from its first instruction or from a snapshot to its end. What runs in it is of no concern here: its
/// maker talks to it over ``takeChannel()``.
///
/// The process behind it is in a ``MachineHousing``, which is where it is confined. All calls may come from any thread; none
/// waits longer than ``MachinePatience`` allows, whatever the process does.
package protocol VirtualMachine: AnyObject, Sendable {
    /// Our end of the one way in: a connected socket, which becomes readable at its end when the machine ends.
    ///
    /// The first call hands the descriptor's ownership to the caller; later calls return `nil`. Where the guest has to answer
    /// before there is a channel, this waits for it, so the machine must run, and throws when it does not answer in time.
    func takeChannel() async throws(VirtualMachineError) -> CInt?

    /// Stops all virtual processors, and with them all use of the host's. Pausing what is paused does nothing.
    func pause() async throws(VirtualMachineError)

    /// Lets them run again. Resuming what runs does nothing.
    func resume() async throws(VirtualMachineError)

    /// Keeps the state of the machine, which ends with this; it must have been booted, or restored for this. Nothing may be under way on its channel, or it is lost.
    func snapshot() async throws(VirtualMachineError) -> MachineSnapshot

    /// Puts another file behind a drive. What the guest has read of it before it may still believe.
    ///
    /// - Parameter file: A descriptor of a file of at least the size of the one before; it stays the caller's to close. The
    ///   machine may use a copy of it, so what the guest writes need not arrive in it.
    func replaceDrive(_ index: Int, with file: CInt) async throws(VirtualMachineError)

    /// Ends the machine, and waits until nothing of it is left. Idempotent. Cancellation does not stop it.
    func destroy() async
}

/// Makes virtual machines of one kind.
package protocol VirtualMachineEngine: Sendable {
    /// How many times longer a machine takes for what this host's processors do: 1, or more where they are emulated.
    var slowdown: Int { get }

    /// Starts a machine at its first instruction.
    func boot(
        _ specification: MachineSpecification,
        in housing: any MachineHousing
    ) async throws(VirtualMachineError) -> any VirtualMachine

    /// Starts a copy of a machine at the point at which its snapshot was taken. It shares the snapshot's memory until it writes
    /// to it. It is paused until ``VirtualMachine/resume()``.
    ///
    /// - Parameters:
    ///   - specification: That of the machine from which the snapshot was taken, but for the files of drives, which may be others
    ///     of at least the same size.
    ///   - isTemplate: Whether a snapshot is to be taken of it in turn. It has a memory of its own then, which takes a moment.
    /// - Throws: `.incompatible` when the snapshot was taken of another kind of machine.
    func restore(
        _ snapshot: MachineSnapshot,
        as specification: MachineSpecification,
        isTemplate: Bool,
        in housing: any MachineHousing
    ) async throws(VirtualMachineError) -> any VirtualMachine
}

extension VirtualMachineEngine {
    /// Starts a copy of which no snapshot is to be taken.
    package func restore(
        _ snapshot: MachineSnapshot,
        as specification: MachineSpecification,
        in housing: any MachineHousing
    ) async throws(VirtualMachineError) -> any VirtualMachine {
        try await restore(snapshot, as: specification, isTemplate: false, in: housing)
    }
}
