import CSandbox
import Dispatch
import Glibc
import NIOCore
import Synchronization

/// A virtual machine that is a Firecracker process.
final class FirecrackerMachine: VirtualMachine {
    private struct State {
        var lifecycle: MachineLifecycle
        var isChannelTaken = false
        /// How many files each drive has had before.
        var generations: [Int]
    }

    private let state: Mutex<State>
    private let program: FirecrackerProgram
    private let process: ProcessEnd
    private let sockets: SocketDirectory
    private let files: DriveDirectory
    private let connection: FirecrackerConnection
    private let loop: any EventLoop
    private let housing: any MachineHousing
    private let saved: (memory: MachineMemory, state: MachineMemory)
    private let key: SnapshotKey
    private let specification: MachineSpecification
    private let patience: Duration

    init(
        _ lifecycle: MachineLifecycle.State,
        specification: MachineSpecification,
        program: FirecrackerProgram,
        process: ProcessEnd,
        sockets: SocketDirectory,
        files: DriveDirectory,
        connection: FirecrackerConnection,
        loop: any EventLoop,
        housing: any MachineHousing,
        saved: (MachineMemory, MachineMemory),
        key: SnapshotKey,
        patience: Duration
    ) {
        let generations = specification.drives.map { _ in 0 }
        state = Mutex(State(lifecycle: MachineLifecycle(lifecycle), generations: generations))
        self.specification = specification
        self.program = program
        self.process = process
        self.sockets = sockets
        self.files = files
        self.connection = connection
        self.loop = loop
        self.housing = housing
        self.saved = saved
        self.key = key
        self.patience = patience
    }

    /// How much longer a snapshot may take for each MiB, all of which is written: as for a slow memory.
    private static let snapshotPatiencePerMiB = Duration.milliseconds(4)

    // MARK: The channel

    /// Asks until the guest accepts: one that boots does not listen yet, and one that was copied has first to learn that all of
    /// its connections are gone.
    func takeChannel() async throws(VirtualMachineError) -> CInt? {
        let isFirst = state.withLock { state in
            defer { state.isChannelTaken = true }
            return !state.isChannelTaken
        }
        guard isFirst else { return nil }
        do throws(VirtualMachineError) {
            return try await connectToAgent()
        } catch {
            state.withLock { $0.isChannelTaken = false }
            throw error
        }
    }

    private func connectToAgent() async throws(VirtualMachineError) -> CInt {
        let deadline = ContinuousClock.now + patience
        var backoff = Backoff()
        while true {
            _ = try check(state.withLock { $0.lifecycle.channelRequested() }, "reach the guest of")
            let left = deadline - ContinuousClock.now
            guard left > .zero else {
                throw VirtualMachineError(
                    .timedOut,
                    "the guest of a virtual machine did not accept a connection in time"
                )
            }
            if let socket = sockets.connect(to: FirecrackerProgram.guestSocket),
                await GuestSocket.accept(socket, on: loop, within: left)
            {
                return socket
            }
            await backoff.wait(on: loop)
        }
    }

    // MARK: Requests

    func pause() async throws(VirtualMachineError) {
        if try check(state.withLock { $0.lifecycle.pauseRequested() }, "pause") { try await connection.perform(.pause) }
    }

    func resume() async throws(VirtualMachineError) {
        if try check(state.withLock { $0.lifecycle.resumeRequested() }, "resume") {
            try await connection.perform(.resume)
        }
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
            try await connection.perform(.pause)
            // Firecracker keeps the paths of files, and those that came later have no path any more.
            for (index, generation) in state.withLock({ $0.generations }).enumerated() where generation > 0 {
                try await connection.perform(program.resetDrive(index))
            }
            let more = Self.snapshotPatiencePerMiB * specification.memoryMiB
            try await connection.perform(program.createSnapshot, more: more)
            // Nobody writes to the files any more; then they can be sealed.
            await destroy()
            try await releaseZeroPages()
            try saved.state.seal()
            try saved.memory.seal()
            return MachineSnapshot(memory: saved.memory, state: saved.state, key: key)
        } catch {
            await destroy()
            throw error
        }
    }

    /// Firecracker writes all of the memory, and most of it was never used.
    private func releaseZeroPages() async throws(VirtualMachineError) {
        let memory = saved.memory
        let result = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: sb_free_zero_pages(memory.descriptor)) }
        }
        guard result == 0 else { throw VirtualMachineError(.refused, "failed to read the memory of a snapshot") }
    }

    func replaceDrive(_ index: Int, with file: CInt) async throws(VirtualMachineError) {
        precondition(specification.drives.indices.contains(index), "a drive that the machine was not made with")
        _ = try check(state.withLock { $0.lifecycle.driveReplacementRequested() }, "replace a drive of")
        let drive = MachineDrive(descriptor: file, isReadOnly: specification.drives[index].isReadOnly)
        let generation = state.withLock { state in
            state.generations[index] += 1
            return state.generations[index]
        }
        let name = FirecrackerProgram.fileName(ofDrive: index, generation: generation)
        try await files.withName(name, for: drive) { () throws(VirtualMachineError) in
            try await connection.perform(program.replaceDrive(index, withFile: name))
        }
    }

    func destroy() async {
        state.withLock { $0.lifecycle.ended() }
        connection.close()
        await housing.destroy()
        files.remove()
    }

    /// The process has ended by itself, or was killed.
    func processExited() {
        state.withLock { $0.lifecycle.ended() }
    }
}
