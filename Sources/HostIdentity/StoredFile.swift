import Glibc
import SystemPackage

/// Files that are replaced as wholes, and keys that only their owner can read.
package enum StoredFile {
    /// What no file of this kind comes near to, in bytes.
    private static let sizeMax = 16 * 1024 * 1024

    /// Writes a file next to its place and then moves it there, durably. Nobody else can ever read what the permissions
    /// do not let them. Throws ``HostIdentityError/Code/unavailable``.
    package static func replace(_ path: String, with text: String, permissions: UInt32) throws(HostIdentityError) {
        let temporary = "\(path).new"
        try write(text, to: temporary, permissions: permissions)
        try move(temporary, to: path)
    }

    /// Writes a file that is not there yet, or replaces one that is nobody's.
    static func write(_ text: String, to path: String, permissions: UInt32) throws(HostIdentityError) {
        unlink(path)
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, permissions)
        guard file >= 0 else { throw failure("write", path) }
        defer { close(file) }
        try append(text, to: file, path)
    }

    /// Moves a file to its place, so that it is there after a crash, too.
    static func move(_ temporary: String, to path: String) throws(HostIdentityError) {
        guard rename(temporary, path) == 0 else { throw failure("write", path) }
        let parent = path.lastIndex(of: "/").map { path[...$0] } ?? "."
        let directory = open(String(parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw failure("write", path) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw failure("write", path) }
    }

    /// Writes a text to an open file, and to the disk below it.
    static func append(_ text: String, to file: CInt, _ path: String) throws(HostIdentityError) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { throw failure("write", path) }
            rest = rest.dropFirst(max(count, 0))
        }
        guard fsync(file) == 0 else { throw failure("write", path) }
    }

    /// The text of a file. Throws ``HostIdentityError/Code/unavailable``.
    package static func text(of path: String) throws(HostIdentityError) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("read", path) }
        defer { close(file) }
        return try text(of: file, path)
    }

    /// The text of a private key's file. Throws ``HostIdentityError/Code/exposedKey`` if others than its owner can read
    /// it.
    static func key(of path: String) throws(HostIdentityError) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("read", path) }
        defer { close(file) }
        // Of the open file: what stands at the path may be another one by now.
        guard let permissions = try? FileDescriptor(rawValue: file).stat().permissions else {
            throw failure("read", path)
        }
        guard permissions.isDisjoint(with: [.groupReadWriteExecute, .otherReadWriteExecute]) else {
            let mode = String(permissions.rawValue, radix: 8)
            throw HostIdentityError(
                .exposedKey,
                """
                failed to read \(path): others can read the key (its mode is \(mode)); if nobody has, run \
                'chmod 600 \(path)', and issue a certificate with another key otherwise
                """
            )
        }
        return try text(of: file, path)
    }

    private static func text(of file: CInt, _ path: String) throws(HostIdentityError) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(file, &chunk, chunk.count)
            guard count >= 0 || errno == EINTR else { throw failure("read", path) }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk.prefix(max(count, 0))
            guard bytes.count <= sizeMax else {
                throw HostIdentityError(.invalidFile, "failed to read \(path): it has more than \(sizeMax) bytes")
            }
        }
    }

    static func failure(_ operation: String, _ path: String) -> HostIdentityError {
        HostIdentityError(.unavailable, "failed to \(operation) \(path): \(String(cString: strerror(errno)))")
    }
}

/// What tells that files have changed.
package struct FileStamps: Equatable, Sendable {
    private struct Stamp: Equatable {
        /// The time of the last change of any kind: a key may only get other permissions.
        let changed: [UInt8]
        let size: Int64
        let inode: Inode
    }

    private let stamps: [Stamp?]

    /// Looks at files; one that cannot be seen is like one that is not there.
    package init(of paths: [String]) {
        stamps = paths.map { path in
            guard let status = try? Stat(FilePath(path)) else { return nil }
            let changed = withUnsafeBytes(of: status.st_ctim) { Array($0) }
            return Stamp(changed: changed, size: status.size, inode: status.inode)
        }
    }
}
