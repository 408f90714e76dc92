/// The host's users that sandboxes run as, one each.
struct GuestUsers {
    /// The user that root inside every sandbox stands for; each function's is one of those after it. The range lies above
    /// what systemd and container tools hand out.
    static let rootID: UInt32 = 0x7000_0000
    private static let countMax: UInt32 = 0xffff

    private var inUse: Set<UInt32> = []
    private var next: UInt32 = 1

    /// A user that no living sandbox has: the one that was not used for the longest time, so that nothing left by accident
    /// changes hands soon. `nil` if all are in use.
    mutating func reserve() -> UInt32? {
        guard inUse.count < Int(Self.countMax) else { return nil }
        while inUse.contains(next) { next = next % Self.countMax + 1 }
        defer { next = next % Self.countMax + 1 }
        inUse.insert(next)
        return Self.rootID + next
    }

    mutating func release(_ user: UInt32) {
        inUse.remove(user - Self.rootID)
    }
}
