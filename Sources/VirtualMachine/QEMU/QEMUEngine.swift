import Glibc
package import NIOCore

/// Makes virtual machines out of QEMU processes.
package struct QEMUEngine: VirtualMachineEngine {
    private let program: QEMUProgram
    private let version: String
    private let group: any EventLoopGroup
    private let patience: MachinePatience

    /// - Parameters:
    ///   - version: What QEMU says of itself; snapshots depend on it.
    ///   - group: Where the processes' control sockets are served.
    package init(
        _ program: QEMUProgram,
        version: String,
        group: any EventLoopGroup,
        patience: MachinePatience = MachinePatience()
    ) {
        self.program = program
        self.version = version
        self.group = group
        self.patience = patience
    }

    /// What snapshots of such a machine depend on.
    package func key(of specification: MachineSpecification) -> SnapshotKey {
        SnapshotKey(
            monitor: version,
            processors: "\(program.accelerator.rawValue) \(program.processorModel)",
            shape: program.shape(of: specification)
        )
    }

    /// Emulated, Python takes 8 to 12 times as long, and code that computes not much less.
    package var slowdown: Int { program.accelerator == .tcg ? 10 : 1 }

    package func boot(
        _ specification: MachineSpecification,
        in housing: any MachineHousing
    ) async throws(VirtualMachineError) -> any VirtualMachine {
        let memory = try MachineMemory(sizeMiB: specification.memoryMiB)
        return try await start(specification, .boot, memory: memory, in: housing) { _ throws(VirtualMachineError) in }
    }

    /// Up to this size a copy shares the file of its template's memory, and has pages of its own where it writes. The file is given
    /// a page of zeros then wherever it had none, and keeps it. What a larger machine could write is far more than there is to
    /// share, which is about a twentieth of it.
    private static let sharedMemoryMiBMax = 1024

    package func restore(
        _ snapshot: MachineSnapshot,
        as specification: MachineSpecification,
        isTemplate: Bool,
        in housing: any MachineHousing
    ) async throws(VirtualMachineError) -> any VirtualMachine {
        guard snapshot.key == key(of: specification) else {
            throw VirtualMachineError(.incompatible, "a snapshot of another kind of machine: \(snapshot.key)")
        }
        // Of its own: the place up to which it was read belongs to the descriptor, and several copies start at a time.
        let state = try openAnew(snapshot.state.descriptor, O_RDONLY)
        defer { close(state) }
        let hasOwnMemory = isTemplate || specification.memoryMiB > Self.sharedMemoryMiBMax
        let memory = hasOwnMemory ? try snapshot.memory.copy() : snapshot.memory
        return try await start(specification, .incoming(isWritingMemory: hasOwnMemory), memory: memory, in: housing) {
            control throws(VirtualMachineError) in
            try await control.perform(.shareMemory)
            try await control.perform(.give(state, as: "state"))
            try await control.migrate(.load(from: "state"))
        }
    }

    private func start(
        _ specification: MachineSpecification,
        _ start: QEMUProgram.Start,
        memory: MachineMemory,
        in housing: any MachineHousing,
        _ prepare: (QMPConnection) async throws(VirtualMachineError) -> Void
    ) async throws(VirtualMachineError) -> any VirtualMachine {
        precondition(specification.drives.count <= MachineSpecification.drivesMax, "more drives than a machine has")
        var opened = specification
        opened.drives = []
        defer { for drive in opened.drives { close(drive.descriptor) } }
        for drive in specification.drives { opened.drives.append(try drive.reopened()) }
        let (control, theirControl) = try makeSocketPair()
        let (channel, theirChannel) = try makeSocketPair()
        let exited = ProcessEnd()
        do throws(VirtualMachineError) {
            defer {
                close(theirControl)
                close(theirChannel)
            }
            let descriptors = QEMUProgram.Descriptors(
                control: theirControl,
                channel: theirChannel,
                memory: memory.descriptor
            )
            try await housing.start(program.program(for: opened, start, descriptors)) { _ in exited.occurred() }
        } catch {
            close(control)
            close(channel)
            throw error
        }
        do throws(VirtualMachineError) {
            let connection = try await QMPConnection.open(control, on: group.next(), patience: patience)
            do throws(VirtualMachineError) {
                try await prepare(connection)
            } catch {
                connection.close()
                throw error
            }
            let machine = QEMUMachine(
                start == .boot ? .running : .paused,
                specification: specification,
                channel: channel,
                control: connection,
                housing: housing,
                memory: memory,
                key: key(of: specification)
            )
            exited.set { [weak machine] in machine?.processExited() }
            return machine
        } catch {
            close(channel)
            await housing.destroy()
            throw error
        }
    }

    private func makeSocketPair() throws(VirtualMachineError) -> (ours: CInt, theirs: CInt) {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw VirtualMachineError(.startFailed, "failed to make a socket pair: errno \(errno)")
        }
        return (ends[0], ends[1])
    }
}

extension MachineDrive {
    /// The drive with a descriptor of its own, which can do what the guest may; the caller's to close.
    func reopened() throws(VirtualMachineError) -> MachineDrive {
        let copy = try openAnew(descriptor, isReadOnly ? O_RDONLY : O_RDWR)
        return MachineDrive(descriptor: copy, isReadOnly: isReadOnly)
    }
}

/// Opens the file of a descriptor another time, with rights of its own; the caller's to close.
func openAnew(_ descriptor: CInt, _ mode: CInt) throws(VirtualMachineError) -> CInt {
    let copy = open("/proc/self/fd/\(descriptor)", mode | O_CLOEXEC)
    guard copy >= 0 else { throw VirtualMachineError(.startFailed, "failed to open a machine's file: errno \(errno)") }
    return copy
}
