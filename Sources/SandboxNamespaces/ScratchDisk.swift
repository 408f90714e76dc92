import CSandbox
import Glibc
import Sandbox

/// Makes file systems of one size for `/tmp`.
///
/// Not in memory: its pages would count against the function's limit, and a function of 128 MB must be able to fill its
/// 512 MB. So each is an ext4 file system in a sparse file, seen through a loop device. The file has no name, the mount
/// no place, and the loop device frees itself, so whatever ends, and however, nothing is left.
///
/// What a function writes goes to the host's page cache and disk, up to the size, and comes back when the sandbox ends;
/// what it deletes meanwhile does not.
final class ScratchDisk: Sendable {
    private let directory: String
    /// An empty file system, in a file without a name.
    private let template: OwnedDescriptor
    private let fileBytes: Int

    private static let makers = ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4", "/usr/bin/mkfs.ext4"]

    /// Makes the template, which takes some tens of milliseconds.
    ///
    /// - Parameters:
    ///   - sizeBytes: What a function can fill.
    ///   - directory: On a file system with sparse files and room for what functions write.
    ///   - ownerID: The host's user and group that owns the root directory.
    init(sizeBytes: Int, directory: String, ownerID: UInt32) throws(SystemError) {
        guard let maker = Self.makers.first(where: { access($0, X_OK) == 0 }) else {
            throw SystemError(operation: "find mkfs.ext4 (package e2fsprogs)", errno: ENOENT)
        }
        self.directory = directory
        fileBytes = TemporaryFileSystem.fileBytes(filling: sizeBytes)
        template = try Self.makeFile(in: directory, bytes: fileBytes)
        let process = try ChildProgram.start(
            maker,
            ["mkfs.ext4"] + TemporaryFileSystem.makerArguments(filling: sizeBytes, owner: ownerID) + ["/dev/fd/3"],
            descriptor: template
        )
        let status = ChildProgram.wait(for: process)
        guard status == 0 else {
            throw SystemError(operation: "make a file system: mkfs.ext4 ended with status \(status)", errno: EIO)
        }
        // What mkfs cannot do: everyone may write, and no directory for lost files.
        let mount = try Self.mount(template)
        try checked("set the mode of a scratch disk") { fchmodat(mount.rawValue, ".", 0o1777, 0) }
        try checked("empty a scratch disk") { unlinkat(mount.rawValue, "lost+found", AT_REMOVEDIR) }
    }

    /// A fresh file system, mounted without a place. Takes some milliseconds.
    func make() throws(SystemError) -> OwnedDescriptor {
        let file = try Self.makeFile(in: directory, bytes: fileBytes)
        try checked("copy a scratch disk") { sb_copy_sparse(template.rawValue, file.rawValue) }
        return try Self.mount(file)
    }

    /// The file stays alive with its loop device, and that with the mount.
    private static func mount(_ file: OwnedDescriptor) throws(SystemError) -> OwnedDescriptor {
        let attached = try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) {
            path -> Result<OwnedDescriptor, SystemError> in
            do throws(SystemError) {
                let loop = OwnedDescriptor(
                    try checked("attach a loop device") {
                        sb_loop_attach(file.rawValue, path.baseAddress, path.count)
                    }
                )
                defer { loop.close() }
                let mount = try checked("mount a scratch disk") { sb_mount_scratch(path.baseAddress) }
                return .success(OwnedDescriptor(mount))
            } catch {
                return .failure(error)
            }
        }.get()
        return attached
    }

    private static func makeFile(in directory: String, bytes: Int) throws(SystemError) -> OwnedDescriptor {
        let file = OwnedDescriptor(try checked("make a file in \(directory)") { sb_nameless_file(directory) })
        try checked("size a scratch disk") { ftruncate(file.rawValue, off_t(bytes)) }
        return file
    }
}
