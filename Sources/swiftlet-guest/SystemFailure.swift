import Glibc
import GuestProtocol

/// A call of the kernel that failed.
struct SystemFailure: Error, CustomStringConvertible {
    let step: String
    let errno: CInt

    var description: String { "\(step): \(String(cString: strerror(errno)))" }

    /// What the host is told.
    var report: GuestFailure { GuestFailure(errno: errno, step: step) }
}

/// Makes a call that returns -1 and sets `errno` on failure.
@discardableResult
func checked<Result: SignedInteger>(_ step: @autoclosure () -> String, _ call: () -> Result)
    throws(SystemFailure) -> Result
{
    let result = call()
    guard result >= 0 else { throw SystemFailure(step: step(), errno: errno) }
    return result
}

/// The beginning of a short file.
func readText(at path: String) throws(SystemFailure) -> String {
    let file = try checked("open \(path)") { open(path, O_RDONLY | O_CLOEXEC) }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = try checked("read \(path)") { read(file, &bytes, bytes.count) }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
}

/// Writes a file of the kernel in one call.
func writeText(_ text: String, to path: String) throws(SystemFailure) {
    let file = try checked("open \(path)") { open(path, O_WRONLY | O_CLOEXEC) }
    defer { close(file) }
    let bytes = Array(text.utf8)
    try checked("write \(path)") { write(file, bytes, bytes.count) }
}
