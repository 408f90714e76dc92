/// Where this process stands in the host's cgroup trees. Hosts have one unified tree (version 2), one tree for each
/// controller (version 1), or both: then controllers are in version 1 and the unified tree can freeze and kill.
struct CgroupLayout: Equatable, Sendable {
    /// What sandboxes are limited by, and what a version 1 host is frozen by.
    enum Controller: String, CaseIterable, Sendable {
        case memory, cpu, pids, freezer
    }

    /// The directory of our own group in the unified tree.
    var unified: String?
    /// The same in version 1 trees.
    var legacy: [Controller: String] = [:]
    /// The root of the unified tree, as far as we see it.
    var unifiedRoot: String?

    /// - Parameters:
    ///   - mounts: The text of `/proc/self/mountinfo`.
    ///   - membership: The text of `/proc/self/cgroup`.
    init(mounts: String, membership: String) {
        var unifiedGroup: Substring?
        var legacyGroups: [Substring: Substring] = [:]
        for line in membership.split(separator: "\n") {
            // "4:memory:/some/group", "0::/some/group"
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            if fields[1].isEmpty { unifiedGroup = fields[2] }
            for controller in fields[1].split(separator: ",") { legacyGroups[controller] = fields[2] }
        }
        for line in mounts.split(separator: "\n") {
            // "35 31 0:32 /root /mount/point rw,relatime optional... - cgroup source rw,memory"
            let fields = line.split(separator: " ", omittingEmptySubsequences: false)
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count >= dash + 4 else { continue }
            let root = fields[3]
            let point = Self.unescaped(fields[4])
            switch fields[dash + 1] {
            case "cgroup2":
                guard unified == nil, let group = unifiedGroup else { continue }
                unified = Self.directory(of: group, mountedAt: point, root: root)
                unifiedRoot = point
            case "cgroup":
                for option in fields[dash + 3].split(separator: ",") {
                    guard let controller = Controller(rawValue: String(option)), legacy[controller] == nil,
                        let group = legacyGroups[option]
                    else { continue }
                    legacy[controller] = Self.directory(of: group, mountedAt: point, root: root)
                }
            default:
                continue
            }
        }
    }

    /// A container sees only part of a tree: then both the mount and the membership are given from the host's root.
    private static func directory(of group: Substring, mountedAt point: String, root: Substring) -> String {
        var path = group
        if root != "/", group == root || group.hasPrefix(root + "/") { path = group.dropFirst(root.count) }
        while path.hasSuffix("/") { path.removeLast() }
        return path.isEmpty ? point : path.hasPrefix("/") ? point + path : "\(point)/\(path)"
    }

    /// The kernel writes blanks and backslashes in paths as `\040` and the like.
    private static func unescaped(_ path: Substring) -> String {
        var result: [UInt8] = []
        var rest = Array(path.utf8)[...]
        while let byte = rest.first {
            if byte == UInt8(ascii: "\\"), rest.count >= 4,
                let code = UInt8(String(decoding: rest.dropFirst().prefix(3), as: UTF8.self), radix: 8)
            {
                result.append(code)
                rest = rest.dropFirst(4)
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
