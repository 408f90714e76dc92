import Glibc

/// What the service may do on this host, which decides how sandboxes are made.
struct HostRights: Sendable {
    /// Whether it has root's rights over the whole host, not only within a user namespace.
    let isPrivileged: Bool

    private static let systemAdministration = 21

    init(userMap: String, status: String) {
        // "0 0 4294967295": every user is itself, so this is the host's own user namespace.
        let isHostNamespace = userMap.split { $0 == " " || $0 == "\n" } == ["0", "0", "4294967295"]
        let capabilities =
            status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
            .flatMap { UInt64($0.dropFirst(7).trimmingPrefix { $0.isWhitespace }, radix: 16) } ?? 0
        isPrivileged = isHostNamespace && capabilities & (1 << Self.systemAdministration) != 0
    }

    static func current() throws(SystemError) -> HostRights {
        // Of this thread: the first thread of a Swift program may have ended, and then shows what it had at its end.
        HostRights(
            userMap: try readText(at: "/proc/thread-self/uid_map"),
            status: try readText(at: "/proc/thread-self/status")
        )
    }
}
