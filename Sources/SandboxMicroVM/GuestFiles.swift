import Sandbox

/// What a function brings, or is given; of a sandbox that waits for one, what its runtime needs.
struct GuestFiles: Sendable {
    let memoryBytesMax: Int
    let processesMax: Int
    /// `nil` for no `/tmp` yet.
    let temporaryStorageBytes: Int?
    var mounts: [ReadOnlyMount]
    let network: SandboxNetwork

    init(_ specification: SandboxSpecification) {
        memoryBytesMax = specification.memoryBytesMax
        processesMax = specification.processesMax
        temporaryStorageBytes = specification.isAdoptable ? nil : specification.temporaryStorageBytes
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
