import Glibc

/// How fast this host's time stamp counter counts, in kHz; 0 where it cannot be found out.
///
/// The kernel does not tell programs. `/proc/cpuinfo` has the processor's frequency, which is the counter's on virtual hosts and
/// only near it on others: good enough for a guest's first guess, which it goes on to refine where it can.
package func hostCounterKHz() -> Int {
    let value = processorInformation("cpu MHz")?.prefix { $0.isNumber || $0 == "." }
    return value.flatMap { Double($0) }.map { Int($0 * 1000) } ?? 0
}

/// What the host's processors are called, with which their abilities come.
func hostProcessorName() -> String { processorInformation("model name") ?? "unknown" }

/// What `/proc/cpuinfo` says of the first processor.
private func processorInformation(_ key: String) -> String? {
    guard let file = fopen("/proc/cpuinfo", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 1024)
    while fgets(&line, CInt(line.count), file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard text.hasPrefix(key), let colon = text.firstIndex(of: ":") else { continue }
        return String(text[colon...].dropFirst().drop { $0 == " " }.prefix { $0 != "\n" })
    }
    return nil
}
