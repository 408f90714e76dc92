import Foundation

/// The processes behind virtual machines that this process has started, in whatever jails.
enum MachineProcesses {
    static func all() throws -> [pid_t] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }.filter { pid in
            command(pid).hasPrefix("/usr/bin/qemu-system") && isDescendant(pid)
        }
    }

    static func status(_ pid: pid_t, _ key: String) -> String {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(key):") }
        return line.map { $0.dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces) } ?? ""
    }

    private static func command(_ pid: pid_t) -> String {
        String(decoding: FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data(), as: UTF8.self)
    }

    private static func isDescendant(_ pid: pid_t) -> Bool {
        var pid = pid
        while pid > 1 {
            if pid == getpid() { return true }
            pid = pid_t(status(pid, "PPid")) ?? 0
        }
        return false
    }
}
