import Foundation
import Sandbox
import SandboxTestSupport
import Testing

/// What sandboxes could leave on the host. Equal before and after means that nothing was left.
struct HostTraces: Equatable {
    /// Descriptors of this process.
    var descriptors: [String]
    /// Our child processes and their descendants: the launcher, inits, functions.
    var processes: [String]
    /// Descriptors of the launchers among them.
    var launcherDescriptors: [Int]
    /// Mounts that the launchers see.
    var launcherMounts: [Int]
    /// Mounts of this process's namespace.
    var mounts: String
    /// The engine's image files behind loop devices.
    var loopDevices: [String]
    /// Groups below those of the engine.
    var groups: [String]

    /// - Parameter directory: The engine's state directory, which tells its traces from those of other engines.
    static func current(engine directory: String) throws -> HostTraces {
        let processes = try descendants(of: getpid())
        return HostTraces(
            descriptors: try openFiles(),
            processes: processes.map { (try? text(of: "/proc/\($0)/comm")) ?? "?" },
            launcherDescriptors: processes.map { ((try? entries(of: "/proc/\($0)/fd")) ?? []).count },
            launcherMounts: processes.map { process in
                ((try? text(of: "/proc/\(process)/mountinfo")) ?? "").split(separator: "\n").count
            },
            mounts: try text(of: "/proc/self/mountinfo"),
            loopDevices: try entries(of: "/sys/block").filter { $0.hasPrefix("loop") }.compactMap { device in
                try? text(of: "/sys/block/\(device)/loop/backing_file")
            }.filter { $0.hasPrefix(directory) },
            groups: try engineGroups(listedIn: directory).flatMap { group in
                try entries(of: group).map { "\(group)/\($0)" }.filter { isDirectory($0) }
            }
        )
    }

    /// What this process's descriptors stand for, sorted, and without numbers that differ each time. Pipes are left out:
    /// only the tests have some, for the output of processes. So are the temporary files of suites that run meanwhile.
    static func openFiles() throws -> [String] {
        try entries(of: "/proc/self/fd").compactMap { number in
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
        }.filter { !$0.hasPrefix("pipe:") && !$0.contains("/swiftlet-test-") }.map { String($0.prefix { $0 != "[" }) }
            .sorted()
    }

    /// All processes that descend from this one, in the order of their birth.
    static func descendants(of process: pid_t) throws -> [pid_t] {
        var children: [pid_t: [pid_t]] = [:]
        for entry in try entries(of: "/proc") {
            guard let pid = pid_t(entry), let stat = try? text(of: "/proc/\(entry)/stat"),
                // "12 (some name) S 7 ...": the name may hold anything, so from its last parenthesis on.
                let parent = stat.split(separator: ")").last?.split(separator: " ").dropFirst().first
                    .flatMap({ pid_t($0) })
            else { continue }
            children[parent, default: []].append(pid)
        }
        var result: [pid_t] = []
        var open = [process]
        while let next = open.popLast() {
            let born = (children[next] ?? []).sorted()
            result += born
            open += born
        }
        return result.sorted()
    }

    /// The groups of an engine, in every cgroup tree.
    static func engineGroups(listedIn directory: String) throws -> [String] {
        try text(of: directory + "/cgroups").split(separator: "\n").map(String.init).filter { isDirectory($0) }
    }

    /// Records an issue for all that stays different. The engine tells of a failure a moment before its thread gives up the
    /// descriptors that it had for the request, so what is different at first is looked at again.
    func expectNothingNew(
        engine directory: String,
        _ comment: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var now = try Self.current(engine: directory)
        for _ in 0..<Self.looksMax where now != self {
            usleep(Self.lookMicroseconds)
            now = try Self.current(engine: directory)
        }
        for (before, after) in zip(Mirror(reflecting: self).children, Mirror(reflecting: now).children)
        where "\(before.value)" != "\(after.value)" {
            Issue.record(
                "\(before.label ?? "") \(comment): were \(before.value), are \(after.value)",
                sourceLocation: sourceLocation
            )
        }
    }

    private static let looksMax = 100
    private static let lookMicroseconds: UInt32 = 5000
}

func entries(of directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
}

func isDirectory(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
}

/// A file of the kernel, whose size is not known beforehand.
func text(of path: String) throws -> String {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { try? file.close() }
    return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
}

/// The sandbox's group in the unified tree.
func unifiedGroup(of sandbox: SandboxID, engine directory: String) throws -> String? {
    try HostTraces.engineGroups(listedIn: directory).map { "\($0)/\(sandbox)" }
        .first { FileManager.default.fileExists(atPath: $0 + "/cgroup.freeze") }
}
