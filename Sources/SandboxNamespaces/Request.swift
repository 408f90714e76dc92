import CSandbox
import Sandbox

/// A request to the launcher to make a sandbox, with the descriptors that it needs. They are closed with it: the
/// launcher has copies.
struct Request {
    let specification: SandboxSpecification
    let token: UInt64
    /// The host's user and group that the function's processes are.
    let user: UInt32
    let group: SandboxGroup?
    let scratch: OwnedDescriptor?
    let mounts: [OwnedDescriptor]
    /// Init's end of the sandbox's control socket.
    let control: OwnedDescriptor
    /// Whether mounts are given by path, for the launcher to open.
    let namesMounts: Bool

    func send(
        to socket: MessageSocket,
        fault: (step: UInt32, error: Int32),
        processLimit: UInt32
    ) throws(SystemError) {
        let legacyGroups = group?.legacyMembers ?? []
        let unifiedGroup = group?.unifiedDirectory
        let body = sb_spawn(
            guest_id: user,
            has_unified_group: unifiedGroup == nil ? 0 : 1,
            legacy_group_count: UInt32(legacyGroups.count),
            has_scratch: scratch == nil ? 0 : 1,
            mount_count: UInt32(specification.mounts.count),
            process_limit: processLimit,
            is_adoptable: specification.isAdoptable ? 1 : 0,
            is_connected: specification.isAdoptable || specification.network == .isolated ? 0 : 1,
            scratch_bytes: UInt64(specification.temporaryStorageBytes),
            fault_step: fault.step,
            fault_error: fault.error
        )
        let descriptors =
            [control] + [unifiedGroup].compactMap(\.self) + legacyGroups + [scratch].compactMap(\.self) + mounts
        let places = specification.mounts.flatMap { namesMounts ? [$0.source, $0.target] : [$0.target] }
        try socket.send(
            SB_SPAWN,
            token: token,
            body: body,
            strings: [SandboxFiles.hostName] + places,
            descriptors: descriptors.map(\.rawValue)
        )
    }
}

/// A request to the launcher to attach a function's files in a sandbox, with the descriptors that it needs.
struct AdoptionRequest {
    let token: UInt64
    let scratch: OwnedDescriptor?
    let scratchBytes: Int
    let mounts: [ReadOnlyMount]
    let network: SandboxNetwork
    /// The trees of these mounts; empty where they are given by path.
    let trees: [OwnedDescriptor]
    /// Whether mounts are given by path, for the launcher to open.
    let namesMounts: Bool

    func send(to socket: MessageSocket, fault: (step: UInt32, error: Int32)) throws(SystemError) {
        let body = sb_adopt(
            has_scratch: scratch == nil ? 0 : 1,
            mount_count: UInt32(mounts.count),
            is_connected: network == .isolated ? 0 : 1,
            scratch_bytes: UInt64(scratchBytes),
            fault_step: fault.step,
            fault_error: fault.error
        )
        try socket.send(
            SB_ADOPT,
            token: token,
            body: body,
            strings: mounts.flatMap { namesMounts ? [$0.source, $0.target] : [$0.target] },
            descriptors: ([scratch].compactMap(\.self) + trees).map(\.rawValue)
        )
    }
}
