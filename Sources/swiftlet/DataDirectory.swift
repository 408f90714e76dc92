import Glibc
import IdentityService

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
        try make(path)
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

    /// Makes the directory if it is not there. Code, logs and environment variables are nobody else's business, so one that
    /// was there before is closed to others, too.
    static func make(_ path: String) throws(DataDirectoryError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw DataDirectoryError("create", path) }
        guard chmod(path, 0o700) == 0 else { throw DataDirectoryError("close to others", path) }
    }

    deinit {
        close(lock)
    }

    /// The key that secrets in the database are encrypted with. It is made when it is first asked for.
    func secretKey() throws -> [UInt8] {
        try Self.secretKey(in: path)
    }

    /// The same of a directory that a service may be using.
    static func secretKey(in directory: String) throws -> [UInt8] {
        try secretKey(at: "\(directory)/secrets.key")
    }

    /// The same of any file.
    static func secretKey(at path: String) throws -> [UInt8] {
        let file = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw DataDirectoryError("open", path) }
        defer { close(file) }
        // Two processes may both find it empty.
        guard flock(file, LOCK_EX) == 0 else { throw DataDirectoryError("lock", path) }
        var key = [UInt8](repeating: 0, count: SecretBox.keySize)
        let count = pread(file, &key, key.count, 0)
        guard count != key.count else { return key }
        guard count == 0 else { throw DataDirectoryError("read", path) }
        var generator = SystemRandomNumberGenerator()
        for index in key.indices { key[index] = .random(in: .min ... .max, using: &generator) }
        guard pwrite(file, key, key.count, 0) == key.count, fsync(file) == 0 else {
            throw DataDirectoryError("write", path)
        }
        return key
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
