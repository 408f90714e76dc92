import CSandbox
import Glibc

/// A directory of one machine, in which files appear that replace those of its drives, for as long as Firecracker takes to open
/// them. Its process sees it and what is in it by a descriptor, and cannot change it.
final class DriveDirectory: Sendable {
    /// What the process gets.
    let descriptor: CInt
    private let path: String
    private let own: CInt

    /// - Parameter parent: The directory in which to make it; on the mount that the drives' files are on, or they are copied.
    init(in parent: String) throws(VirtualMachineError) {
        path = "\(parent)/machine-\(UInt64.random(in: 0 ... .max))"
        // The way to it is the parent's to close to others.
        guard mkdir(path, 0o755) == 0 else {
            throw VirtualMachineError(.startFailed, "failed to make \(path): \(String(cString: strerror(errno)))")
        }
        own = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        descriptor = sb_detached_tree(path)
        if own < 0 || descriptor < 0 {
            let error = VirtualMachineError.noMount("make a directory for drives")
            // Not in deinit, which does not come after a failure here.
            if own >= 0 { close(own) }
            if descriptor >= 0 { close(descriptor) }
            rmdir(path)
            throw error
        }
    }

    deinit {
        close(descriptor)
        close(own)
        remove()
    }

    /// Takes it from the disk, once no process uses it any more. Idempotent.
    func remove() {
        rmdir(path)
    }

    /// Runs a body while the file has this name.
    func withName<Result>(
        _ name: String,
        for drive: MachineDrive,
        _ body: () async throws(VirtualMachineError) -> Result
    ) async throws(VirtualMachineError) -> Result {
        try drive.letProcessOpen()
        if sb_name_file(drive.descriptor, own, name) != 0 { try copy(drive, as: name) }
        defer { unlinkat(own, name, 0) }
        return try await body()
    }

    /// For files without a name, or of another mount.
    private func copy(_ drive: MachineDrive, as name: String) throws(VirtualMachineError) {
        let reason = { (step: String) in
            VirtualMachineError(.refused, "failed to \(step) the file of a drive: \(String(cString: strerror(errno)))")
        }
        let copy = openat(own, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard copy >= 0 else { throw reason("copy") }
        defer { close(copy) }
        var status = stat()
        guard fstat(drive.descriptor, &status) == 0, sb_copy_sparse(drive.descriptor, copy) == 0,
            ftruncate(copy, status.st_size) == 0, fchmod(copy, drive.isReadOnly ? 0o444 : 0o666) == 0
        else {
            let error = reason("copy")
            unlinkat(own, name, 0)
            throw error
        }
    }
}

extension MachineDrive {
    /// Firecracker opens its files by their paths, as the user of its process. A drive that can be written to is of one machine
    /// and by no name in anybody's reach, so that its file may be everybody's.
    func letProcessOpen() throws(VirtualMachineError) {
        var status = stat()
        if isReadOnly, fstat(descriptor, &status) == 0, status.st_mode & S_IROTH != 0 { return }
        if !isReadOnly, fchmod(descriptor, 0o666) == 0 { return }
        throw VirtualMachineError(
            .startFailed,
            "failed to let Firecracker open the file of a drive: let everybody \(isReadOnly ? "read" : "write") it"
        )
    }
}
