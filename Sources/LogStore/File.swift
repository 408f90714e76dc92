import Glibc

/// The few calls on files that the store is made of, each with an error that says what failed. They block.
enum File {
    /// Reads a range, or as much of it as there is.
    static func read(_ range: Range<Int>, of path: String) throws(LogStoreError) -> [UInt8] {
        guard !range.isEmpty else { return [] }
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw LogStoreError("open", path) }
        defer { close(file) }
        var failure: CInt?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            while count < range.count {
                let read = pread(
                    file,
                    buffer.baseAddress.map { $0 + count },
                    range.count - count,
                    range.lowerBound + count
                )
                if read < 0, errno == EINTR { continue }
                if read < 0 { failure = errno }
                guard read > 0 else { return }
                count += read
            }
        }
        if let failure { throw LogStoreError("read", path, errno: failure) }
        return bytes
    }

    /// Writes all bytes at the end of an open file.
    static func append(_ bytes: [UInt8], to file: CInt, _ path: String) throws(LogStoreError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { write(file, $0.baseAddress.map { $0 + written }, $0.count - written) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw LogStoreError("write", path) }
            written += count
        }
    }

    static func open(_ path: String, _ flags: CInt) throws(LogStoreError) -> CInt {
        let file = Glibc.open(path, flags | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw LogStoreError("open", path) }
        return file
    }

    static func size(of path: String) throws(LogStoreError) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { throw LogStoreError("examine", path) }
        return status.st_size
    }

    static func truncate(_ path: String, to size: Int) throws(LogStoreError) {
        guard Glibc.truncate(path, size) == 0 else { throw LogStoreError("truncate", path) }
    }

    static func makeDirectory(_ path: String) throws(LogStoreError) {
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw LogStoreError("make directory", path) }
    }

    static func move(_ path: String, to target: String) throws(LogStoreError) {
        guard rename(path, target) == 0 else { throw LogStoreError("move", path) }
    }

    /// Makes a file's content, or a directory's names, last through a power failure.
    static func synchronise(_ path: String) throws(LogStoreError) {
        let file = try open(path, O_RDONLY)
        defer { close(file) }
        guard fsync(file) == 0 else { throw LogStoreError("synchronise", path) }
    }

    /// Replaces a small file as a whole, and for good.
    static func replace(_ path: String, with bytes: [UInt8]) throws(LogStoreError) {
        let temporary = "\(path).new"
        let file = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC)
        do throws(LogStoreError) {
            try append(bytes, to: file, temporary)
        } catch {
            close(file)
            throw error
        }
        close(file)
        try synchronise(temporary)
        try move(temporary, to: path)
    }

    /// The names in a directory, in no order.
    static func names(in directory: String) throws(LogStoreError) -> [String] {
        guard let stream = opendir(directory) else { throw LogStoreError("list", directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a file; one that is not there is removed already.
    static func remove(_ path: String) throws(LogStoreError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw LogStoreError("remove", path) }
    }

    /// Removes a directory of files.
    static func removeDirectory(_ path: String) throws(LogStoreError) {
        for name in try names(in: path) { try remove("\(path)/\(name)") }
        guard rmdir(path) == 0 || errno == ENOENT else { throw LogStoreError("remove", path) }
    }
}
