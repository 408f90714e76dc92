import CSandbox
import Glibc
import Logging
import Sandbox
import Synchronization

/// The cgroups of one sandbox: its limits, its brake, and what it used.
///
/// The descriptors for what happens on every invoke (freeze, thaw, peak of memory) stay open, so that each costs one
/// system call.
final class SandboxGroup: Sendable {
    typealias Controller = CgroupLayout.Controller

    private let tree: CgroupTree
    private let name: String
    /// The limit that the groups were made with.
    private let memoryBytesMax: Int
    private let memoryWasExceeded = Atomic(false)
    private let freezer: OwnedDescriptor?
    private let peak: OwnedDescriptor?
    /// Becomes readable (version 1) or urgent (version 2) when the memory limit is hit.
    let memoryEvents: OwnedDescriptor?
    /// How ``memoryEvents`` tells.
    var memoryEventsAreUrgent: Bool { tree.legacy[.memory] == nil }
    /// For the launcher: where init is cloned into, and the files that it joins version 1 groups by.
    let unifiedDirectory: OwnedDescriptor?
    let legacyMembers: [OwnedDescriptor]

    /// How long a share of CPU time lasts. Lambda's: short, so that a function of little CPU is slow, not halting.
    private static let cpuPeriodMicroseconds = 20_000

    /// Makes the groups, with all limits but that on CPU time: set-up is not at the function's expense.
    init(tree: CgroupTree, specification: SandboxSpecification, steps: inout SetUpSteps) throws(SandboxError) {
        self.tree = tree
        name = specification.id.rawValue
        memoryBytesMax = specification.memoryBytesMax
        let paths = Paths(tree: tree, name: name)
        // Of a failed set-up only what it has made is removed: the name may be another sandbox's.
        var unfinished: [String] = []
        defer { for path in unfinished { rmdir(path) } }

        for path in paths.all {
            try steps.take("make cgroup \(path)") { () throws(SystemError) in
                _ = try checked("mkdir") { mkdir(path, 0o755) }
            }
            unfinished.append(path)
        }
        let limits = paths.limits(
            memoryBytesMax: specification.memoryBytesMax,
            processesMax: specification.processesMax
        )
        for limit in limits { try steps.take("set \(limit.file)", limit.set) }
        var members: [OwnedDescriptor] = []
        for path in paths.legacy.values.sorted() {
            members.append(
                try steps.take("open \(path)") { () throws(SystemError) in
                    // A thread that moves only itself need not wait until no other thread of the host forks or ends, as
                    // it would with `cgroup.procs`: some ten milliseconds. Init has but one thread.
                    try OwnedDescriptor(opening: "\(path)/tasks", O_WRONLY)
                }
            )
        }
        legacyMembers = members
        unifiedDirectory = try paths.unified.map { path throws(SandboxError) in
            try steps.take("open \(path)") { () throws(SystemError) in
                try OwnedDescriptor(opening: path, O_RDONLY | O_DIRECTORY)
            }
        }
        freezer = try paths.freezer.map { path throws(SandboxError) in
            try steps.take("open \(path)") { () throws(SystemError) in try OwnedDescriptor(opening: path, O_WRONLY) }
        }
        peak = try paths.peak.map { path throws(SandboxError) in
            // To be read, and to be written when counting begins anew.
            try steps.take("open \(path)") { () throws(SystemError) in try OwnedDescriptor(opening: path, O_RDWR) }
        }
        memoryEvents = try paths.memoryEvents.map { path throws(SandboxError) in
            try steps.take("watch \(path)") { () throws(SystemError) in
                try Self.openMemoryEvents(path, isLegacy: tree.legacy[.memory] != nil, group: paths.memory)
            }
        }
        unfinished = []
    }

    /// Sets a function's limits in place of those that the sandbox was made with, and counts memory anew.
    func adopt(_ adoption: SandboxAdoption, steps: inout SetUpSteps) throws(SandboxError) {
        let paths = Paths(tree: tree, name: name)
        var limits = paths.limits(memoryBytesMax: adoption.memoryBytesMax, processesMax: adoption.processesMax)
        // Version 1 wants the limit on memory and swap together never to be below the one on memory.
        if adoption.memoryBytesMax > memoryBytesMax { limits.reverse() }
        for limit in limits { try steps.take("set \(limit.file)", limit.set) }
        if let peak {
            try steps.take("count memory anew") { () throws(SystemError) in
                do throws(SystemError) {
                    try writeText("0", to: peak, naming: "peak memory")
                } catch {
                    // Version 2 can since Linux 6.12. Before, what was used while waiting counts too.
                    if ![EINVAL, EBADF, EOPNOTSUPP, EACCES].contains(error.errno) { throw error }
                }
            }
        }
    }

    // MARK: Use

    func setFrozen(_ frozen: Bool) throws(SystemError) {
        guard let freezer else { throw SystemError(operation: "freeze without a cgroup", errno: ENOTSUP) }
        let isLegacy = tree.unified == nil
        try writeText(isLegacy ? (frozen ? "FROZEN" : "THAWED") : (frozen ? "1" : "0"), to: freezer, naming: "freezer")
    }

    /// Whether the sandbox can be frozen through its group.
    var canFreeze: Bool { freezer != nil }

    func setCPULimit(_ limit: CPULimit) throws(SystemError) {
        let period = Self.cpuPeriodMicroseconds
        let quota: Int? =
            switch limit {
            case .unlimited: nil
            // The kernel takes no less than a millisecond.
            case .thousandths(let thousandths): max(1000, thousandths * period / 1000)
            }
        if let path = tree.legacy[.cpu] {
            try writeText("\(period)", to: "\(path)/\(name)/cpu.cfs_period_us")
            try writeText("\(quota ?? -1)", to: "\(path)/\(name)/cpu.cfs_quota_us")
        } else if let path = tree.unified, tree.unifiedControllers.contains(.cpu) {
            try writeText("\(quota.map(String.init) ?? "max") \(period)", to: "\(path)/\(name)/cpu.max")
        }
    }

    func peakMemoryBytes() -> Int {
        guard let peak else { return 0 }
        // In one read, as it happens after every invoke.
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digits in
            let count = max(0, pread(peak.rawValue, digits.baseAddress, digits.count, 0))
            return digits.prefix(count).prefix { (0x30...0x39).contains($0) }.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
    }

    /// Every group of a unified tree counts CPU time, whether or not it limits it (the kernel's cgroup-v2 documentation,
    /// `cpu.stat`); in version 1 the controller that counts is as a rule mounted along with the one that limits.
    func cpuNanoseconds() -> Int? {
        if let path = tree.unified, let text = try? readText(at: "\(path)/\(name)/cpu.stat"),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("usage_usec ") }),
            let microseconds = Int(line.dropFirst("usage_usec ".count))
        {
            return microseconds * 1000
        }
        guard let path = tree.legacy[.cpu], let text = try? readText(at: "\(path)/\(name)/cpuacct.usage") else {
            return nil
        }
        return Int(text.prefix { $0 != "\n" })
    }

    func hasExceededMemory() -> Bool {
        if memoryWasExceeded.load(ordering: .acquiring) { return true }
        let path: String
        if let legacy = tree.legacy[.memory] {
            path = "\(legacy)/\(name)/memory.oom_control"
        } else if let unified = tree.unified, tree.unifiedControllers.contains(.memory) {
            path = "\(unified)/\(name)/memory.events"
        } else {
            return false
        }
        guard let text = try? readText(at: path) else { return false }
        return text.split(separator: "\n").contains { $0.hasPrefix("oom_kill ") && $0 != "oom_kill 0" }
    }

    /// Takes in a memory event. Returns whether it was that the limit was exceeded; version 2 tells of lesser things
    /// too.
    func acknowledgeMemoryEvent() -> Bool {
        guard let memoryEvents else { return false }
        if memoryEventsAreUrgent {
            _ = try? readText(of: memoryEvents, naming: "memory.events")
        } else {
            var count: eventfd_t = 0
            eventfd_read(memoryEvents.rawValue, &count)
            // Version 1 tells before the kernel kills, and if the processes die of something else first it will not
            // count them as killed for this.
            memoryWasExceeded.store(true, ordering: .releasing)
        }
        return hasExceededMemory()
    }

    // MARK: End

    /// Closes what only the launcher needed.
    func closeMembership() {
        unifiedDirectory?.close()
        for member in legacyMembers { member.close() }
    }

    /// Version 1 keeps what is frozen from dying, so it is let go first. In a unified tree frozen processes can die.
    func releaseToDie() {
        if tree.unified == nil && canFreeze { try? setFrozen(false) }
    }

    /// Kills all processes, for when there is no launcher to do it.
    func killAll() {
        if let path = tree.unified { try? writeText("1", to: "\(path)/\(name)/cgroup.kill") }
        releaseToDie()
    }

    /// Removes the groups, waiting a while for the last process to leave, and closes every descriptor.
    func remove(logger: Logger) {
        closeMembership()
        for descriptor in [freezer, peak, memoryEvents] { descriptor?.close() }
        let deadline = ContinuousClock.now + .seconds(5)
        for path in Paths(tree: tree, name: name).all {
            CgroupTree.removeGroup(path, deadline: deadline, logger: logger)
        }
    }

    private static func openMemoryEvents(
        _ path: String,
        isLegacy: Bool,
        group: String?
    ) throws(SystemError) -> OwnedDescriptor {
        let control = try OwnedDescriptor(opening: path, O_RDONLY)
        guard isLegacy, let group else { return control }
        let flags = CInt(EFD_CLOEXEC) | CInt(EFD_NONBLOCK)
        let event = OwnedDescriptor(try checked("eventfd") { eventfd(0, flags) })
        try writeText("\(event.rawValue) \(control.rawValue)", to: "\(group)/cgroup.event_control")
        return event
    }
}

/// The files of a sandbox's groups.
private struct Paths {
    let unified: String?
    let legacy: [CgroupLayout.Controller: String]
    private let unifiedControllers: Set<CgroupLayout.Controller>

    init(tree: CgroupTree, name: String) {
        unified = tree.unified.map { "\($0)/\(name)" }
        legacy = tree.legacy.mapValues { "\($0)/\(name)" }
        unifiedControllers = tree.unifiedControllers
    }

    var all: [String] { legacy.values.sorted() + [unified].compactMap(\.self) }

    /// The group that limits memory.
    var memory: String? { legacy[.memory] ?? (unifiedControllers.contains(.memory) ? unified : nil) }

    var freezer: String? {
        unified.map { "\($0)/cgroup.freeze" } ?? legacy[.freezer].map { "\($0)/freezer.state" }
    }

    var peak: String? {
        if let legacy = legacy[.memory] { return "\(legacy)/memory.max_usage_in_bytes" }
        let path = memory.map { "\($0)/memory.peak" }
        // Kernels before 5.19 do not keep it.
        return path.flatMap { access($0, R_OK) == 0 ? $0 : nil }
    }

    var memoryEvents: String? {
        if let legacy = legacy[.memory] { return "\(legacy)/memory.oom_control" }
        return memory.map { "\($0)/memory.events" }
    }

    struct Limit {
        let file: String
        let value: String
        var isOptional = false

        func set() throws(SystemError) {
            do throws(SystemError) {
                try writeText(value, to: file)
            } catch {
                // Kernels built without accounting of swap have no such file, and then there is none to limit.
                if !(isOptional && error.errno == ENOENT) { throw error }
            }
        }
    }

    func limits(memoryBytesMax: Int, processesMax count: Int) -> [Limit] {
        var limits: [Limit] = []
        let memoryMax = "\(memoryBytesMax)"
        if let path = legacy[.memory] {
            limits.append(Limit(file: "\(path)/memory.limit_in_bytes", value: memoryMax))
            // Memory and swap together: no swap.
            limits.append(Limit(file: "\(path)/memory.memsw.limit_in_bytes", value: memoryMax, isOptional: true))
            // What waits in sockets is counted apart in version 1, and at all only where there is a limit on it.
            limits.append(Limit(file: "\(path)/memory.kmem.tcp.limit_in_bytes", value: memoryMax, isOptional: true))
        } else if let path = memory {
            limits.append(Limit(file: "\(path)/memory.max", value: memoryMax))
            limits.append(Limit(file: "\(path)/memory.swap.max", value: "0", isOptional: true))
        }
        // One more for init.
        let processesMax = "\(count + 1)"
        if let path = legacy[.pids] ?? (unifiedControllers.contains(.pids) ? unified : nil) {
            limits.append(Limit(file: "\(path)/pids.max", value: processesMax))
        }
        return limits
    }
}
