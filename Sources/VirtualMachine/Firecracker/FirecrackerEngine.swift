import Foundation
import Glibc
package import NIOCore

/// Makes virtual machines out of Firecracker processes.
package struct FirecrackerEngine: VirtualMachineEngine {
    private let program: FirecrackerProgram
    private let version: String
    private let directory: String
    private let group: any EventLoopGroup
    private let patience: MachinePatience

    /// - Parameters:
    ///   - version: What Firecracker says of itself; snapshots depend on it.
    ///   - directory: A directory of this engine alone, on the mount of the files that drives get later, or they are copied. It
    ///     is made anew.
    ///   - group: Where the processes' sockets are served.
    package init(
        _ program: FirecrackerProgram,
        version: String,
        directory: String,
        group: any EventLoopGroup,
        patience: MachinePatience = MachinePatience()
    ) throws(VirtualMachineError) {
        self.program = program
        self.version = version
        self.directory = directory
        self.group = group
        self.patience = patience
        // What an earlier engine left is of no use to anybody.
        try? FileManager.default.removeItem(atPath: directory)
        guard mkdir(directory, 0o700) == 0 else {
            throw VirtualMachineError(.startFailed, "failed to make \(directory): \(String(cString: strerror(errno)))")
        }
    }

    /// What snapshots of such a machine depend on.
    package func key(of specification: MachineSpecification) -> SnapshotKey {
        SnapshotKey(
            monitor: version,
            processors: "kvm \(hostProcessorName())",
            shape: program.shape(of: specification)
        )
    }

    package var slowdown: Int { 1 }

    package func boot(
        _ specification: MachineSpecification,
        in housing: any MachineHousing
    ) async throws(VirtualMachineError) -> any VirtualMachine {
        try check(kernel: specification.kernel.descriptor)
        let origin = (specification.kernel.descriptor, specification.initialFiles.descriptor)
        return try await start(specification, .boot, origin: origin, in: housing)
    }

    /// Of every machine a snapshot can be taken, with all of its memory.
    package func restore(
        _ snapshot: MachineSnapshot,
        as specification: MachineSpecification,
        isTemplate: Bool,
        in housing: any MachineHousing
    ) async throws(VirtualMachineError) -> any VirtualMachine {
        guard snapshot.key == key(of: specification) else {
            throw VirtualMachineError(.incompatible, "a snapshot of another kind of machine: \(snapshot.key)")
        }
        let origin = (snapshot.memory.descriptor, snapshot.state.descriptor)
        return try await start(specification, .restore, origin: origin, in: housing)
    }

    /// QEMU takes both kinds; Firecracker says of the wrong one no more than that it is invalid.
    private func check(kernel: CInt) throws(VirtualMachineError) {
        var magic: [UInt8] = [0, 0, 0, 0]
        guard pread(kernel, &magic, magic.count, 0) == magic.count, magic == [0x7f] + Array("ELF".utf8) else {
            throw VirtualMachineError(
                .unsupported,
                "Firecracker boots uncompressed kernels (ELF) only; make kernel builds one"
            )
        }
    }

    private func start(
        _ specification: MachineSpecification,
        _ start: FirecrackerProgram.Start,
        origin: (CInt, CInt),
        in housing: any MachineHousing
    ) async throws(VirtualMachineError) -> any VirtualMachine {
        precondition(specification.drives.count <= MachineSpecification.drivesMax, "more drives than a machine has")
        guard case .nothing = specification.network else {
            throw VirtualMachineError(.unsupported, "machines of Firecracker have no network interface yet")
        }
        let deadline = ContinuousClock.now + patience.start
        let loop = group.next()
        let sockets = try SocketDirectory(entries: FirecrackerProgram.socketsMax)
        let files = try DriveDirectory(in: directory)
        let memory = try MachineMemory(sizeMiB: specification.memoryMiB)
        let state = try MachineMemory(sizeMiB: 0)
        let process = ProcessEnd()
        var drives: [CInt] = []
        defer { for drive in drives { close(drive) } }
        for drive in specification.drives {
            try drive.letProcessOpen()
            drives.append(try drive.reopened().descriptor)
        }
        let descriptors = FirecrackerProgram.Descriptors(
            sockets: sockets.descriptor,
            files: files.descriptor,
            savedMemory: memory.descriptor,
            savedState: state.descriptor,
            drives: drives,
            origin: origin
        )
        try await housing.start(program.program(descriptors)) { _ in process.occurred() }
        do throws(VirtualMachineError) {
            let socket = try await sockets.knock(
                at: FirecrackerProgram.apiSocket,
                until: deadline,
                unless: process,
                on: loop
            )
            let connection = try await FirecrackerConnection.open(socket, on: loop, patience: patience.answer)
            do throws(VirtualMachineError) {
                for request in program.requests(for: specification, start) { try await connection.perform(request) }
            } catch {
                connection.close()
                throw error
            }
            let machine = FirecrackerMachine(
                start == .boot ? .running : .paused,
                specification: specification,
                program: program,
                process: process,
                sockets: sockets,
                files: files,
                connection: connection,
                loop: loop,
                housing: housing,
                saved: (memory, state),
                key: key(of: specification),
                patience: patience.start
            )
            process.set { [weak machine] in machine?.processExited() }
            return machine
        } catch {
            await housing.destroy()
            throw error
        }
    }
}
