import CSandbox
import Glibc

/// A program of the host that the engine runs: its launcher, or a tool.
enum ChildProgram {
    /// Starts a program with this descriptor as its descriptor 3, and nothing else of ours.
    ///
    /// - Parameter arguments: Its name for itself first.
    /// - Returns: Its process id; the caller waits for it with ``wait(for:)``.
    static func start(
        _ program: String,
        _ arguments: [String],
        descriptor: OwnedDescriptor
    ) throws(SystemError) -> pid_t {
        // Copies, because the call takes pointers that may be written to.
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        return try checked("start \(program)") {
            sb_start_program(program, pointers, descriptor.rawValue)
        }
    }

    /// Waits until the program has ended, and returns its wait status, 0 if it succeeded.
    @discardableResult
    static func wait(for process: pid_t) -> CInt {
        sb_wait(process)
    }
}
