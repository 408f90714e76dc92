import FoundationEssentials
import Glibc

/// The process's clock, memory and output.
enum ThisProcess {
    /// Nanoseconds of a clock that never goes back.
    static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// A field of `/proc/self/status` in MiB: `VmRSS`, memory now, or `VmHWM`, the most there was.
    static func residentMiB(_ field: String) -> Double {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") }
        let digits = line?.filter(\.isNumber) ?? ""
        return (Double(digits) ?? 0) / 1024
    }

    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
