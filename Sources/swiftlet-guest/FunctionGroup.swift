import Glibc
import GuestProtocol

/// The control group of the function's processes, in which they are limited, counted and killed together.
final class FunctionGroup {
    private static let directory = "/sys/fs/cgroup/function"

    /// Its open `cgroup.procs`.
    let members: CInt
    private let peak: CInt
    private let events: CInt
    private var reported = GuestMemory(peakBytes: 0, kills: 0)

    init() throws(SystemFailure) {
        try writeText("+memory +pids", to: "/sys/fs/cgroup/cgroup.subtree_control")
        try FunctionTree.makeDirectory(Self.directory)
        // The kernel ends all of them together: a function with a part missing is of no use.
        try writeText("1", to: "\(Self.directory)/memory.oom.group")
        members = try Self.open("cgroup.procs", O_WRONLY)
        peak = try Self.open("memory.peak", O_RDONLY)
        events = try Self.open("memory.events", O_RDONLY)
    }

    func limit(memoryBytes: UInt64, processes: UInt32) throws(SystemFailure) {
        try writeText("\(memoryBytes)", to: "\(Self.directory)/memory.max")
        try writeText("\(processes)", to: "\(Self.directory)/pids.max")
    }

    func kill() throws(SystemFailure) {
        try writeText("1", to: "\(Self.directory)/cgroup.kill")
    }

    func isEmpty() -> Bool {
        (try? readText(at: "\(Self.directory)/cgroup.events"))?.contains("populated 0") ?? false
    }

    /// What has been used so far, if that has changed since it was asked for last.
    func takeChange() -> GuestMemory? {
        var now = reported
        if let bytes = UInt64(Self.read(peak).prefix { $0.isNumber }) { now.peakBytes = max(now.peakBytes, bytes) }
        for line in Self.read(events).split(separator: "\n") where line.hasPrefix("oom_kill ") {
            now.kills = max(now.kills, UInt32(line.dropFirst("oom_kill ".count)) ?? 0)
        }
        guard now != reported else { return nil }
        reported = now
        return now
    }

    private static func open(_ name: String, _ flags: CInt) throws(SystemFailure) -> CInt {
        try checked("open \(name)") { Glibc.open("\(directory)/\(name)", flags | O_CLOEXEC) }
    }

    private static func read(_ file: CInt) -> String {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = pread(file, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
