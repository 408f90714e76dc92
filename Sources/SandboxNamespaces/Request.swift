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
            strings: [Userland.hostName] + places,
            descriptors: descriptors.map(\.rawValue)
        )
    }
}
