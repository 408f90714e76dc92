import Sandbox

/// What a function brings, or is given; of a sandbox that waits for one, what its runtime needs.
struct GuestFiles: Sendable {
    let memoryBytesMax: Int
    let processesMax: Int
    /// `nil` for the `/tmp` that is there.
    var temporaryStorageBytes: Int?
    var mounts: [ReadOnlyMount]
    let network: SandboxNetwork

    /// The `/tmp` of a sandbox that waits: what a function gets that asks for nothing else. To mount one takes longer than all
    /// else that adoption does, where processors are emulated.
    private static let waitingStorageBytes = 512 << 20

    init(_ specification: SandboxSpecification) {
        memoryBytesMax = specification.memoryBytesMax
        processesMax = specification.processesMax
        temporaryStorageBytes =
            specification.isAdoptable ? Self.waitingStorageBytes : specification.temporaryStorageBytes
        mounts = specification.mounts
        network = specification.isAdoptable ? .isolated : specification.network
    }

    /// The `/tmp` of these, and nothing else.
    var storage: GuestFiles {
        var files = self
        files.mounts = []
        return files
    }

    /// All but their `/tmp`: there is one.
    var withoutStorage: GuestFiles {
        var files = self
        files.temporaryStorageBytes = nil
        return files
    }

    init(_ adoption: SandboxAdoption) {
        memoryBytesMax = adoption.memoryBytesMax
        processesMax = adoption.processesMax
        temporaryStorageBytes = adoption.temporaryStorageBytes
        mounts = adoption.mounts
        network = adoption.network
    }
}
