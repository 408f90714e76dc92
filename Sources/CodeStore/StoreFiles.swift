import FoundationEssentials
import Glibc

/// The few operations on files that the store is made of, each with an error that says what failed. They block.
enum StoreFiles {
    static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    /// Names the time since the host was started: what is written without synchronisation lasts as long as that.
    static func bootIdentifier() throws(CodeStoreError) -> String {
        let bytes = try read("/proc/sys/kernel/random/boot_id")
        return String(decoding: bytes, as: UTF8.self).filter { $0.isHexDigit || $0 == "-" }
    }

    /// Makes a directory unless there is one.
    static func makeDirectory(_ path: String) throws(CodeStoreError) {
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure("make directory", path) }
    }

    /// The names of what is in a directory.
    static func names(in directory: String) throws(CodeStoreError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw CodeStoreError(.unavailable, "failed to list \(directory): \(error)")
        }
    }

    /// Removes a file, a link or a directory with all that is in it; what is not there is removed already.
    static func remove(_ path: String) throws(CodeStoreError) {
        guard kind(of: path) != nil else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw CodeStoreError(.unavailable, "failed to remove \(path): \(error)")
        }
    }

    /// Removes what is in a directory, except for some names. A directory that is not there is empty.
    static func removeAll(in directory: String, but names: Set<String>) throws(CodeStoreError) {
        guard exists(directory) else { return }
        for name in try self.names(in: directory) where !names.contains(name) {
            try remove("\(directory)/\(name)")
        }
    }

    /// Has a directory made beside its final place, where it is seen only whole. One that is there already is left as it
    /// is; of one that could not be made nothing is left.
    static func makeWhole(
        _ target: String,
        by temporary: String,
        _ make: () throws(CodeStoreError) -> Void
    ) throws(CodeStoreError) {
        guard !exists(target) else { return }
        try makeDirectory(temporary)
        do throws(CodeStoreError) {
            try make()
        } catch {
            try remove(temporary)
            throw error
        }
        guard try move(temporary, to: target) else {
            throw CodeStoreError(.unavailable, "failed to move \(temporary) to \(target): it is there already")
        }
    }

    /// Moves a directory to a name that is not in use. Returns false if it is.
    static func move(_ path: String, to target: String) throws(CodeStoreError) -> Bool {
        if rename(path, target) == 0 { return true }
        guard errno == EEXIST || errno == ENOTEMPTY else { throw failure("move", path) }
        return false
    }

    /// The content of a file that does not change.
    static func read(_ path: String) throws(CodeStoreError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("open", path, errno == ENOENT ? .notFound : .unavailable) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("read", path) }
        // Files of the kernel have no size, but are short.
        let capacity = max(Int(status.st_size), 4096)
        var hasFailed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            while count < capacity {
                let result = Glibc.read(file, buffer.baseAddress.map { $0 + count }, capacity - count)
                if result < 0, errno == EINTR { continue }
                hasFailed = result < 0
                guard result > 0 else { return }
                count += result
            }
        }
        guard !hasFailed else { throw failure("read", path) }
        return bytes
    }

    /// Writes a file under another name, synchronises it, and gives it its own name: it is there whole or not at all,
    /// and stays when the power goes.
    static func writeDurably(_ bytes: [UInt8], to path: String, by temporary: String) throws(CodeStoreError) {
        // Somebody else may have written it just now, and not have synchronised the directory yet.
        guard !exists(path) else { return try synchroniseDirectory(of: path) }
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("create", temporary) }
        defer { close(file) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                write(file, buffer.baseAddress.map { $0 + written }, buffer.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failure("write", temporary)
                unlink(temporary)
                throw error
            }
            written += count
        }
        guard fsync(file) == 0, rename(temporary, path) == 0 else {
            let error = failure("write", path)
            unlink(temporary)
            throw error
        }
        try synchroniseDirectory(of: path)
    }

    /// How large the file system is that something is on, in bytes.
    static func fileSystemSize(of path: String) throws(CodeStoreError) -> Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw failure("look at the file system of", path) }
        return Int(status.f_blocks) * Int(status.f_frsize)
    }

    /// Makes the names in the directory that `path` is in outlast the power.
    static func synchroniseDirectory(of path: String) throws(CodeStoreError) {
        let directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("synchronise", directory) }
    }

    static func failure(
        _ operation: String,
        _ path: String,
        _ code: CodeStoreError.Code = .unavailable
    ) -> CodeStoreError {
        let error = errno
        return CodeStoreError(
            code,
            "failed to \(operation) \(path): \(String(cString: strerror(error)))",
            isOutOfSpace: isOutOfSpace(error)
        )
    }

    /// Whether an error of the system says that the disk, or what somebody may use of it, is full.
    static func isOutOfSpace(_ error: CInt) -> Bool {
        error == ENOSPC || error == EDQUOT
    }
}
