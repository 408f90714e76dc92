import Glibc
import LambdaAPI
import NIOPosix

/// Archives in a directory of this host, for one process. An archive is on the disk before ``put(_:as:)`` returns.
struct DiskArchives: ArchiveStore {
    private let directory: String
    private let temporary: String
    private let threads = NIOThreadPool.singleton

    /// - Parameters:
    ///   - directory: Holds `HASH.zip` for each archive.
    ///   - temporary: A directory of the same file system for what is not finished.
    init(directory: String, temporary: String) {
        self.directory = directory
        self.temporary = temporary
    }

    var isShared: Bool { false }

    func put(_ archive: [UInt8], as hash: CodeHash) async throws(CodeStoreError) {
        let (path, temporary) = (path(of: hash), "\(temporary)/\(RequestID.random())")
        try await CodeStore.run(on: threads) { () throws(CodeStoreError) in
            try StoreFiles.writeDurably(archive, to: path, by: temporary)
            // One that was there already counts as new. Nothing depends on it: this host's own clock does not decide
            // what is removed.
            utimensat(AT_FDCWD, path, nil, 0)
        }
    }

    /// Not compared with the hash: it is when it is unpacked.
    func get(_ hash: CodeHash) async throws(CodeStoreError) -> [UInt8] {
        let path = path(of: hash)
        return try await CodeStore.run(on: threads) { () throws(CodeStoreError) in try StoreFiles.read(path) }
    }

    func age(of hash: CodeHash) async throws(CodeStoreError) -> Duration? {
        let path = path(of: hash)
        return try await CodeStore.run(on: threads) { Self.age(ofFile: path) }
    }

    func remove(_ hash: CodeHash) async throws(CodeStoreError) {
        let path = path(of: hash)
        try await CodeStore.run(on: threads) { () throws(CodeStoreError) in try StoreFiles.remove(path) }
    }

    func list() async throws(CodeStoreError) -> [CodeHash: Duration] {
        let directory = directory
        return try await CodeStore.run(on: threads) { () throws(CodeStoreError) in
            var ages: [CodeHash: Duration] = [:]
            for name in try StoreFiles.names(in: directory) where name.hasSuffix(".zip") {
                ages[CodeHash(hexadecimal: String(name.dropLast(4)))] = Self.age(ofFile: "\(directory)/\(name)")
            }
            return ages
        }
    }

    private func path(of hash: CodeHash) -> String { "\(directory)/\(hash).zip" }

    private static func age(ofFile path: String) -> Duration? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let age =
            Duration.seconds(now.tv_sec - status.st_mtim.tv_sec)
            + .nanoseconds(now.tv_nsec - status.st_mtim.tv_nsec)
        return max(.zero, age)
    }
}
