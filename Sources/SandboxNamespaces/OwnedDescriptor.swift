import Glibc
import Synchronization

/// A descriptor that is closed exactly once: by ``close()``, or with the last reference.
final class OwnedDescriptor: Sendable {
    private let value: Atomic<CInt>

    init(_ descriptor: CInt) {
        value = Atomic(descriptor)
    }

    deinit {
        close()
    }

    /// The descriptor, or -1 once it is closed; then system calls on it fail with EBADF.
    var rawValue: CInt { value.load(ordering: .acquiring) }

    func close() {
        let descriptor = release()
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
    }

    /// Hands the descriptor's ownership to the caller; -1 if it is closed.
    func release() -> CInt {
        value.exchange(-1, ordering: .acquiringAndReleasing)
    }
}

extension OwnedDescriptor {
    /// Opens a file, close-on-exec.
    convenience init(opening path: String, _ flags: CInt, mode: mode_t = 0) throws(SystemError) {
        self.init(try checked("open \(path)") { open(path, flags | O_CLOEXEC, mode) })
    }
}

/// Writes a short text to a file of the kernel in one call.
func writeText(_ text: String, to path: String) throws(SystemError) {
    let file = try OwnedDescriptor(opening: path, O_WRONLY)
    try writeText(text, to: file, naming: path)
}

/// Writes a short text at the beginning of an open file of the kernel in one call.
func writeText(_ text: String, to file: OwnedDescriptor, naming name: String) throws(SystemError) {
    let bytes = Array(text.utf8)
    try checked("write \(name)") { pwrite(file.rawValue, bytes, bytes.count, 0) }
}

/// The text of an open file of the kernel, from its beginning and of at most 64 KiB.
func readText(of file: OwnedDescriptor, naming name: String) throws(SystemError) -> String {
    var text: [UInt8] = []
    while text.count < 65536 {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = try checked("read \(name)") { pread(file.rawValue, &chunk, chunk.count, off_t(text.count)) }
        if count == 0 { break }
        text += chunk.prefix(count)
    }
    return String(decoding: text, as: UTF8.self)
}

/// The text of a file, of at most 64 KiB.
func readText(at path: String) throws(SystemError) -> String {
    try readText(of: OwnedDescriptor(opening: path, O_RDONLY), naming: path)
}
