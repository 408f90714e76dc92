import Glibc

/// How fast this host's time stamp counter counts, in kHz; 0 where it cannot be found out.
///
/// The kernel does not tell programs. `/proc/cpuinfo` has the processor's frequency, which is the counter's on virtual hosts and
/// only near it on others: good enough for a guest's first guess, which it goes on to refine where it can.
package func hostCounterKHz() -> Int {
    guard let file = fopen("/proc/cpuinfo", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 1024)
    while fgets(&line, CInt(line.count), file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard text.hasPrefix("cpu MHz"), let value = text.split(separator: ":").last else { continue }
        guard let megahertz = Double(value.drop { $0 == " " }.prefix { $0.isNumber || $0 == "." }) else { return 0 }
        return Int(megahertz * 1000)
    }
    return 0
}
