import CSandbox
import Glibc

/// A program of the host's that does a part of the work: apt, dpkg, tar, mkfs.
struct Tool {
    /// Where tools are, and no language of this host's, so that what they write does not depend on it.
    private static let environment = [
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive",
    ]
    /// The most of a tool's words that an error repeats.
    private static let wordsMax = 2000

    let name: String

    init(_ name: String) {
        self.name = name
    }

    /// Runs the tool to its end. Blocks the thread, for as long as the tool takes.
    ///
    /// - Parameter output: What becomes its standard output; `nil` to have it returned.
    @discardableResult
    func run(_ arguments: [String], output: CInt? = nil) throws(GuestImageError) -> String {
        let words = sb_memory_file("tool", 0)
        defer { close(words) }
        guard words >= 0 else { throw GuestImageError("failed to run \(name): errno \(errno)") }
        var line = ["/usr/bin/env", "-i"] + Self.environment
        // Only the tool's output goes elsewhere; what it complains of stays here.
        if let output {
            line += ["/bin/sh", "-c", "exec \"$@\" >&3", name, name]
            try execute(line + arguments, words: words, descriptors: [output])
        } else {
            try execute(line + [name] + arguments, words: words, descriptors: [])
        }
        return text(of: words)
    }

    private func execute(_ line: [String], words: CInt, descriptors: [CInt]) throws(GuestImageError) {
        var pointers: [UnsafeMutablePointer<CChar>?] = line.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        let process = sb_start_with(line[0], pointers, descriptors, UInt32(descriptors.count), words)
        guard process > 0 else { throw GuestImageError("failed to start \(name): \(String(cString: strerror(errno)))") }
        let status = sb_wait(process)
        guard status == 0 else {
            throw GuestImageError("\(name) failed with wait status \(status): \(text(of: words).suffix(Self.wordsMax))")
        }
    }

    private func text(of file: CInt) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = pread(file, &chunk, chunk.count, off_t(bytes.count))
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk.prefix(count)
        }
    }
}
