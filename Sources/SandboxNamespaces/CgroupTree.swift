import Glibc
import Logging

/// The engine's part of the host's cgroup trees: one group below our own in each tree, and in it one for each sandbox.
struct CgroupTree: Sendable {
    typealias Controller = CgroupLayout.Controller

    /// Our group in the unified tree, if the host has one that we may write.
    let unified: String?
    /// Which limits the unified tree can set.
    let unifiedControllers: Set<Controller>
    /// Our groups in version 1 trees.
    let legacy: [Controller: String]
    /// The file that lists the groups, for the next start to remove if this one crashes. It may run in another group
    /// by then, so it could not guess them.
    private let manifest: String

    /// What sandboxes cannot be limited in, by lack of a controller or of the right to use it.
    var missingControllers: [Controller] {
        [.memory, .cpu, .pids].filter { legacy[$0] == nil && !unifiedControllers.contains($0) }
    }

    /// Removes what a predecessor left, then makes the engine's groups.
    ///
    /// Trees that cannot be written are left out; see ``missingControllers``.
    init(layout: CgroupLayout, instance: String, manifest: String, logger: Logger) throws(SystemError) {
        let name = "swiftlet-\(instance)"
        self.manifest = manifest
        Self.removeLeftovers(listedIn: manifest, name: name, logger: logger)

        var legacy: [Controller: String] = [:]
        for (controller, parent) in layout.legacy {
            // The unified tree freezes better: one write, no polling, and a frozen process can be killed.
            if controller == .freezer && layout.unified != nil { continue }
            legacy[controller] = "\(parent)/\(name)"
        }
        var parents = [layout.unified, layout.unifiedRoot].compactMap(\.self)
        if parents.count == 2 && parents[0] == parents[1] { parents.removeLast() }
        let unifiedCandidates = parents.map { "\($0)/\(name)" }
        try Self.write(unifiedCandidates + legacy.values.sorted(), to: manifest)

        self.legacy = legacy.filter { Self.makeDirectory($0.value) }
        var unified: String?
        var controllers: Set<Controller> = []
        for (parent, candidate) in zip(parents, unifiedCandidates) where unified == nil || controllers.isEmpty {
            // Where version 1 has the controllers there are none to gain further up, so the first that works will do.
            if unified != nil && !self.legacy.isEmpty { break }
            guard Self.makeDirectory(candidate) else { continue }
            let enabled = Self.enableControllers(in: parent, for: candidate)
            if unified != nil && enabled.isEmpty {
                rmdir(candidate)
                continue
            }
            if let unified { rmdir(unified) }
            unified = candidate
            controllers = enabled
        }
        self.unified = unified
        self.unifiedControllers = controllers
    }

    /// Removes the engine's groups; those of sandboxes must be gone.
    func remove() {
        for group in legacy.values { rmdir(group) }
        if let unified { rmdir(unified) }
        unlink(manifest)
    }

    private static func makeDirectory(_ path: String) -> Bool {
        mkdir(path, 0o755) == 0 || errno == EEXIST
    }

    /// Lets the sandboxes' groups use the controllers that the parent has. A group with processes in it cannot give
    /// controllers to its children, so this fails where the service shares its group with others.
    private static func enableControllers(in parent: String, for group: String) -> Set<Controller> {
        let wanted = [Controller.memory, .cpu, .pids]
        let available = (try? readText(at: "\(parent)/cgroup.controllers")) ?? ""
        let names = Set(available.split { $0 == " " || $0 == "\n" }.map(String.init))
        return Set(
            wanted.filter { controller in
                guard names.contains(controller.rawValue) else { return false }
                do {
                    try writeText("+\(controller.rawValue)", to: "\(parent)/cgroup.subtree_control")
                    try writeText("+\(controller.rawValue)", to: "\(group)/cgroup.subtree_control")
                    return true
                } catch {
                    return false
                }
            }
        )
    }

    // MARK: Leftovers

    private static func write(_ groups: [String], to manifest: String) throws(SystemError) {
        let file = try OwnedDescriptor(opening: manifest, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try writeText(groups.map { $0 + "\n" }.joined(), to: file, naming: manifest)
    }

    /// Kills and removes what a crashed predecessor left. Its processes have died with its launcher, so as a rule
    /// only empty groups are found.
    private static func removeLeftovers(listedIn manifest: String, name: String, logger: Logger) {
        guard let groups = try? readText(at: manifest).split(separator: "\n").map(String.init) else { return }
        // Whatever the file may say, nothing but groups of our own is touched.
        for group in groups where group.hasSuffix("/" + name) {
            guard access("\(group)/cgroup.procs", F_OK) == 0 else { continue }
            for child in directories(in: group) {
                killAll(in: child)
                removeGroup(child, deadline: .now + .seconds(5), logger: logger)
            }
            rmdir(group)
        }
    }

    private static func directories(in group: String) -> [String] {
        guard let directory = opendir(group) else { return [] }
        defer { closedir(directory) }
        var result: [String] = []
        while let entry = readdir(directory) {
            guard entry.pointee.d_type == DT_DIR else { continue }
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { result.append("\(group)/\(name)") }
        }
        return result
    }

    private static func killAll(in group: String) {
        if (try? writeText("1", to: "\(group)/cgroup.kill")) != nil { return }
        guard let processes = try? readText(at: "\(group)/cgroup.procs") else { return }
        for process in processes.split(separator: "\n").compactMap({ pid_t($0) }) where process > 0 {
            kill(process, SIGKILL)
        }
        // Version 1 keeps what is frozen from dying.
        try? writeText("THAWED", to: "\(group)/freezer.state")
    }

    /// Removes a group whose processes have been killed, waiting for the last of them to leave it.
    static func removeGroup(_ group: String, deadline: ContinuousClock.Instant, logger: Logger) {
        while rmdir(group) != 0 {
            guard errno == EBUSY, ContinuousClock.now < deadline else {
                if errno != ENOENT {
                    logger.error(
                        "a cgroup could not be removed",
                        metadata: ["cgroup": "\(group)", "error": "\(errorText(errno))"]
                    )
                }
                return
            }
            waitForChange(in: group)
        }
    }

    /// Returns when the group may have become empty: on the kernel's word in a unified tree, which tells of changes in
    /// `cgroup.events`; version 1 has no such event, so there it is a short while later.
    private static func waitForChange(in group: String) {
        guard let events = try? OwnedDescriptor(opening: "\(group)/cgroup.events", O_RDONLY),
            let text = try? readText(of: events, naming: "cgroup.events"), text.contains("populated 1")
        else {
            usleep(1000)
            return
        }
        var change = pollfd(fd: events.rawValue, events: Int16(POLLPRI), revents: 0)
        poll(&change, 1, 100)
    }
}
