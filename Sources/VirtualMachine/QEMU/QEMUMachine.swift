import Glibc
import Synchronization

/// A virtual machine that is a QEMU process.
final class QEMUMachine: VirtualMachine {
    private struct State {
        var lifecycle: MachineLifecycle
        /// Our end of the guest's port; -1 once it was taken.
        var channel: CInt
        /// How many files each drive has had before.
        var generations: [Int]
    }

    private let state: Mutex<State>
    private let control: QMPConnection
    private let housing: any MachineHousing
    private let memory: MachineMemory
    private let key: SnapshotKey
    private let drives: [MachineDrive]

    init(
        _ lifecycle: MachineLifecycle.State,
        specification: MachineSpecification,
        channel: CInt,
        control: QMPConnection,
        housing: any MachineHousing,
        memory: MachineMemory,
        key: SnapshotKey
    ) {
        let generations = specification.drives.map { _ in 0 }
        state = Mutex(State(lifecycle: MachineLifecycle(lifecycle), channel: channel, generations: generations))
        drives = specification.drives
        self.control = control
        self.housing = housing
        self.memory = memory
        self.key = key
    }

    deinit {
        let channel = state.withLock { $0.channel }
        if channel >= 0 { close(channel) }
    }

    func takeChannel() async throws(VirtualMachineError) -> CInt? {
        state.withLock { state in
            guard state.channel >= 0 else { return nil }
            defer { state.channel = -1 }
            return state.channel
        }
    }

    func pause() async throws(VirtualMachineError) {
        try await run(state.withLock { $0.lifecycle.pauseRequested() }, "pause", .stop)
    }

    func resume() async throws(VirtualMachineError) {
        try await run(state.withLock { $0.lifecycle.resumeRequested() }, "resume", .resume)
    }

    private func run(
        _ action: MachineLifecycle.ChangeAction,
        _ operation: String,
        _ command: QMPCommand
    ) async throws(VirtualMachineError) {
        if try check(action, operation) { try await control.perform(command) }
    }

    /// Returns whether there is anything to do.
    private func check(_ action: MachineLifecycle.ChangeAction, _ operation: String) throws(VirtualMachineError) -> Bool
    {
        if let refusal = action.refusal(of: operation) { throw refusal }
        return action == .tell
    }

    func snapshot() async throws(VirtualMachineError) -> MachineSnapshot {
        _ = try check(state.withLock { $0.lifecycle.snapshotRequested() }, "keep the state of")
        do throws(VirtualMachineError) {
            let saved = try MachineMemory(sizeMiB: 0)
            try await control.perform(.shareMemory)
            try await control.perform(.give(saved.descriptor, as: "state"))
            try await control.migrate(.save(to: "state"))
            // Nobody has the memory mapped any more; then it can be sealed.
            await destroy()
            try saved.seal()
            try memory.seal()
            return MachineSnapshot(memory: memory, state: saved, key: key)
        } catch {
            await destroy()
            throw error
        }
    }

    func replaceDrive(_ index: Int, with file: CInt) async throws(VirtualMachineError) {
        precondition(drives.indices.contains(index), "a drive that the machine was not made with")
        _ = try check(state.withLock { $0.lifecycle.driveReplacementRequested() }, "replace a drive of")
        let drive = try MachineDrive(descriptor: file, isReadOnly: drives[index].isReadOnly).reopened()
        defer { close(drive.descriptor) }
        let old = state.withLock { state in
            defer { state.generations[index] += 1 }
            return state.generations[index]
        }
        let set = QEMUProgram.fileSet(ofDrive: index, generation: old + 1)
        let block = QEMUBlock(
            name: QEMUProgram.block(ofDrive: index, generation: old + 1),
            fileSet: set,
            isReadOnly: drive.isReadOnly
        )
        try await control.perform(.addFile(drive.descriptor, toSet: set))
        try await control.perform(.addBlock(block))
        try await control.perform(.connect(device: QEMUProgram.device(ofDrive: index), to: block.name))
        // What nobody uses any more is not to be left with a process that may be taken over.
        try await control.perform(.removeBlock(QEMUProgram.block(ofDrive: index, generation: old)))
        try await control.perform(.removeFileSet(QEMUProgram.fileSet(ofDrive: index, generation: old)))
    }

    func destroy() async {
        state.withLock { $0.lifecycle.ended() }
        control.close()
        await housing.destroy()
    }

    /// The process has ended by itself, or was killed.
    func processExited() {
        state.withLock { $0.lifecycle.ended() }
    }
}
