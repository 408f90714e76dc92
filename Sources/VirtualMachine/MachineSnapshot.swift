/// A machine as it was at one moment, of which any number of copies can be started.
///
/// The copies have everything in common, secrets and randomness included: they must be given an identity before anything else
/// happens in them.
package final class MachineSnapshot: Sendable {
    /// Sealed.
    package let memory: MachineMemory
    /// The state of processors and devices; sealed, too.
    let state: MachineMemory
    package let key: SnapshotKey

    init(memory: MachineMemory, state: MachineMemory, key: SnapshotKey) {
        self.memory = memory
        self.state = state
        self.key = key
    }
}

/// What a snapshot depends on. A machine of another key cannot go on from it, or worse, would.
package struct SnapshotKey: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The program behind the machine, with its version.
    package let monitor: String
    /// What runs the processors, and what they are.
    package let processors: String
    /// Everything of the machine's make but what files are behind its drives.
    package let shape: String

    package var description: String { "\(monitor); \(processors); \(shape)" }
}
