import CSandbox
import Glibc

/// A snapshot of a machine as files of a directory: what is written beside them to find it whole again.
package struct SavedSnapshot: Sendable, Codable {
    private let memoryMiB: Int
    private let memory: FileDigest
    private let state: FileDigest
    private let key: SnapshotKey

    /// Writes the snapshot's files to a directory that has none yet, as sparse as they are. What is not on the disk yet when this
    /// returns is the caller's to wait for.
    package init(_ snapshot: MachineSnapshot, in directory: String) throws(VirtualMachineError) {
        memoryMiB = snapshot.memory.sizeMiB
        key = snapshot.key
        memory = try Self.write(snapshot.memory.descriptor, to: Self.memoryPath(directory))
        state = try Self.write(snapshot.state.descriptor, to: Self.statePath(directory))
    }

    /// Reads the files back, into memory.
    ///
    /// - Throws: `.incompatible` when they are not there as they were written.
    package func load(from directory: String) throws(VirtualMachineError) -> MachineSnapshot {
        MachineSnapshot(
            memory: try Self.read(Self.memoryPath(directory), sizeMiB: memoryMiB, memory),
            state: try Self.read(Self.statePath(directory), sizeMiB: 0, state),
            key: key
        )
    }

    private static func memoryPath(_ directory: String) -> String { "\(directory)/memory" }
    private static func statePath(_ directory: String) -> String { "\(directory)/state" }

    private static func write(_ file: CInt, to path: String) throws(VirtualMachineError) -> FileDigest {
        let copy = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard copy >= 0 else { throw Self.failure("make \(path)") }
        defer { close(copy) }
        // Of its own: the place up to which it was read belongs to the descriptor.
        let original = try openAnew(file, O_RDONLY)
        defer { close(original) }
        guard sb_copy_sparse(original, copy) == 0, fsync(copy) == 0 else { throw Self.failure("write \(path)") }
        guard let digest = FileDigest(of: original) else { throw Self.failure("read a snapshot") }
        return digest
    }

    private static func read(
        _ path: String,
        sizeMiB: Int,
        _ digest: FileDigest
    ) throws(VirtualMachineError) -> MachineMemory {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw VirtualMachineError(.incompatible, "\(path) cannot be read: errno \(errno)") }
        defer { close(file) }
        let memory = try MachineMemory(copying: file, sizeMiB: sizeMiB)
        // Of the copy, which nobody can alter any more.
        try memory.seal()
        guard FileDigest(of: memory.descriptor) == digest else {
            throw VirtualMachineError(.incompatible, "\(path) is not as it was written")
        }
        return memory
    }

    private static func failure(_ operation: String) -> VirtualMachineError {
        VirtualMachineError(.startFailed, "failed to \(operation): errno \(errno)")
    }
}
