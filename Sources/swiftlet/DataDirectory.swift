import Glibc

/// The directory with everything that the service keeps, locked for as long as the process lives, so that no two
/// services ever share one.
struct DataDirectory: ~Copyable {
    private let path: String
    private let lock: CInt

    private init(path: String, lock: CInt) {
        self.path = path
        self.lock = lock
    }

    /// Makes the directory if it is not there, and locks it.
    static func open(_ path: String) throws(DataDirectoryError) -> DataDirectory {
        // Code, logs and environment variables are nobody else's business.
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw DataDirectoryError("create", path) }
        let file = "\(path)/lock"
        let lock = Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw DataDirectoryError("open", file) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let error =
                errno == EWOULDBLOCK
                ? DataDirectoryError(inUse: path) : DataDirectoryError("lock", file)
            close(lock)
            throw error
        }
        return DataDirectory(path: path, lock: lock)
    }

    deinit {
        close(lock)
    }

    /// The path of something in the directory.
    func path(of name: String) -> String {
        "\(path)/\(name)"
    }
}

/// Why the data directory cannot be used.
struct DataDirectoryError: Error, CustomStringConvertible {
    let description: String

    init(_ operation: String, _ path: String) {
        description = "failed to \(operation) the data directory \(path): \(String(cString: strerror(errno)))"
    }

    init(inUse path: String) {
        description = "the data directory \(path) is in use by another swiftlet; stop it, or name another with --data"
    }
}
