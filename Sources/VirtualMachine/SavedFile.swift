import CSandbox
import Glibc

/// A file that was copied to the disk, as sparse as it is: what tells whether it is still as it was.
package struct SavedFile: Sendable, Codable {
    private let digest: FileDigest

    /// Copies a file to a path at which there is none. It is on the disk when this returns, its name may not be.
    ///
    /// - Throws: `.startFailed` when it could not be written.
    package init(copying file: CInt, to path: String) throws(VirtualMachineError) {
        let copy = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard copy >= 0 else { throw Self.failure("make \(path)") }
        defer { close(copy) }
        var status = stat()
        guard fstat(file, &status) == 0, sb_copy_sparse(file, copy) == 0, ftruncate(copy, status.st_size) == 0,
            fsync(copy) == 0, let digest = FileDigest(of: copy)
        else { throw Self.failure("write \(path)") }
        self.digest = digest
    }

    /// A descriptor of such a file, to read by; the caller's to close.
    ///
    /// - Throws: `.incompatible` when it is not there.
    package static func open(_ path: String) throws(VirtualMachineError) -> CInt {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw VirtualMachineError(.incompatible, "\(path) cannot be read: errno \(errno)") }
        return file
    }

    /// Checks the file, or a copy of it.
    ///
    /// - Parameter path: Where it is, for the error.
    /// - Throws: `.incompatible` when it is not as it was written.
    package func check(_ file: CInt, of path: String) throws(VirtualMachineError) {
        guard FileDigest(of: file) == digest else {
            throw VirtualMachineError(.incompatible, "\(path) is not as it was written")
        }
    }

    private static func failure(_ operation: String) -> VirtualMachineError {
        VirtualMachineError(.startFailed, "failed to \(operation): errno \(errno)")
    }
}
