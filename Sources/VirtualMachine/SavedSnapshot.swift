import Glibc

/// A snapshot of a machine as files of a directory: what is written beside them to find it whole again.
package struct SavedSnapshot: Sendable, Codable {
    private let memoryMiB: Int
    private let memory: SavedFile
    private let state: SavedFile
    private let key: SnapshotKey

    /// Writes the snapshot's files to a directory that has none of them yet; see ``SavedFile``.
    package init(_ snapshot: MachineSnapshot, in directory: String) throws(VirtualMachineError) {
        memoryMiB = snapshot.memory.sizeMiB
        key = snapshot.key
        memory = try SavedFile(copying: snapshot.memory.descriptor, to: Self.memoryPath(directory))
        state = try SavedFile(copying: snapshot.state.descriptor, to: Self.statePath(directory))
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

    private static func read(
        _ path: String,
        sizeMiB: Int,
        _ saved: SavedFile
    ) throws(VirtualMachineError) -> MachineMemory {
        let file = try SavedFile.open(path)
        defer { close(file) }
        let memory = try MachineMemory(copying: file, sizeMiB: sizeMiB)
        // Of the copy, which nobody can alter any more.
        try memory.seal()
        try saved.check(memory.descriptor, of: path)
        return memory
    }
}
