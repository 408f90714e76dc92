import Sandbox

/// What a function brings, or is given; of a sandbox that waits for one, what its runtime needs.
struct GuestFiles: Sendable {
    let memoryBytesMax: Int
    let processesMax: Int
    /// `nil` for no `/tmp`, or for the one that is there.
    var temporaryStorageBytes: Int?
    var mounts: [ReadOnlyMount]
    let network: SandboxNetwork

    /// The `/tmp` of a sandbox that waits: what a function gets that asks for nothing else. To mount one takes longer than all
    /// else that adoption does, where processors are emulated.
    private static let waitingStorageBytes = 512 << 20

    init(_ specification: SandboxSpecification) {
        memoryBytesMax = specification.memoryBytesMax
        processesMax = specification.processesMax
        if specification.isAdoptable {
            // The copies of a template that waits are given theirs one by one.
            temporaryStorageBytes = specification.isTemplate ? nil : Self.waitingStorageBytes
        } else {
            temporaryStorageBytes = specification.temporaryStorageBytes
        }
        mounts = specification.mounts
        network = specification.isAdoptable ? .isolated : specification.network
    }

    init(_ adoption: SandboxAdoption) {
        memoryBytesMax = adoption.memoryBytesMax
        processesMax = adoption.processesMax
        temporaryStorageBytes = adoption.temporaryStorageBytes
        mounts = adoption.mounts
        network = adoption.network
    }
}
