import Glibc
package import LambdaAPI
package import Logging
import NIOPosix
import Telemetry

/// Packages of functions and layers by the hash of their archive: kept as they were uploaded, and unpacked for the
/// sandboxes to mount; the layers of a function as one tree.
///
/// ```
/// DIR/archives/HASH.zip            what was uploaded; durable before it is acknowledged; in a bucket instead, if there is one
/// DIR/unpacked/BOOT/HASH/          its content; made anew after the host was started, so it need not be durable
/// DIR/merged/BOOT/STACK/           the content of several layers laid over each other; see ``LayerStack``
/// DIR/temporary/…                  whatever is not finished, or on its way out; removed at the next start
/// ```
///
/// The same package is stored and unpacked once, however many functions use it. All calls do their work on a thread
/// pool and may be made concurrently.
///
/// Trees are used for the time of a scope; see ``withContent(of:layers:_:)``. A tree that nobody uses may go at any time, to be
/// made again from its archive: when the trees of packages from a bucket take more than they may, or when the disk is full.
package actor CodeStore {
    /// How long a package must have been unreferenced before it is removed while the service runs. Longer than any
    /// invoke takes, whose environment may have been made just before its function got other code, and than an address
    /// for downloading is valid; much longer than it takes a package that has been stored to be referred to.
    package static let retention = Duration.seconds(1800)

    /// How many files, links and directories a package may have, and all layers of a function together: far more than any
    /// does, far less than what fills a disk's inodes.
    static let entriesMax = 200_000

    /// How many archives are fetched from a bucket at a time. Each is in memory as a whole.
    static let downloadsMax = 4

    let archives: any ArchiveStore
    /// Where archives are if there is no bucket, and were before there was one.
    let localArchives: String
    let unpacked: String
    let merged: String
    private let temporary: String
    let logger: Logger
    let retention: Duration
    let threads = NIOThreadPool.singleton
    /// Unpackings and merges under way, so that everybody who wants the same one waits for the same one.
    var unpackings: [CodeHash: Task<Void, any Error>] = [:]
    /// Removals of archives under way; who stores the same package waits for the end of them.
    var removals: [CodeHash: Task<Void, any Error>] = [:]
    /// Which trees there are, who uses them, and which go.
    var cache: CachePolicy
    /// Removes the files of the trees that were evicted last, and has removed those of all before.
    var lastEviction: Task<Void, Never>?
    /// When a package was first seen without anybody referring to it; forgotten as soon as somebody uses it.
    var unreferencedSince: [CodeHash: ContinuousClock.Instant] = [:]
    /// How much the packages have in them that were asked for it, in bytes.
    var contentSizes: [CodeHash: Int] = [:]
    private var downloadsUnderway = 0
    private var waitingDownloads: [CheckedContinuation<Void, Never>] = []

    /// Opens the store in `directory`, which is made if it is not there, and removes what a crash has left unfinished.
    /// Archives are in the directory, too, and trees stay for as long as their packages.
    package init(directory: String, logger: Logger) async throws(CodeStoreError) {
        try await self.init(
            directory: directory,
            archives: DiskArchives(directory: "\(directory)/archives", temporary: "\(directory)/temporary"),
            cacheSizeMax: nil,
            retention: Self.retention,
            logger: logger
        )
    }

    /// The same with archives elsewhere.
    ///
    /// - Parameter cacheSizeMax: How much all trees may take that nobody uses, together with those that somebody does.
    package init(
        directory: String,
        bucket: BucketArchives,
        cacheSizeMax: ByteCount,
        logger: Logger
    ) async throws(CodeStoreError) {
        try await self.init(
            directory: directory,
            archives: bucket,
            cacheSizeMax: cacheSizeMax.bytes,
            retention: Self.retention,
            logger: logger
        )
    }

    /// - Parameter retention: How long packages stay that nobody refers to.
    init(
        directory: String,
        archives: any ArchiveStore,
        cacheSizeMax: Int?,
        retention: Duration,
        logger: Logger
    ) async throws(CodeStoreError) {
        self.logger = logger
        self.archives = archives
        self.retention = retention
        cache = CachePolicy(sizeMax: cacheSizeMax)
        localArchives = "\(directory)/archives"
        temporary = "\(directory)/temporary"
        let boot = try StoreFiles.bootIdentifier()
        unpacked = "\(directory)/unpacked/\(boot)"
        merged = "\(directory)/merged/\(boot)"
        let (localArchives, temporary, made) = (localArchives, temporary, [unpacked, merged])
        try await Self.run(on: threads) { () throws(CodeStoreError) in
            try StoreFiles.remove(temporary)
            for path in [directory, localArchives, temporary] {
                try StoreFiles.makeDirectory(path)
            }
            for path in made {
                let parent = String(path.dropLast(boot.count + 1))
                try StoreFiles.removeAll(in: parent, but: [boot])
                try StoreFiles.makeDirectory(parent)
                try StoreFiles.makeDirectory(path)
            }
            // What is durable in a directory that is not durable itself would be lost with it.
            try StoreFiles.synchroniseDirectory(of: localArchives)
            try StoreFiles.synchroniseDirectory(of: directory)
        }
        try await adoptTrees()
    }

    /// How much trees may take on the disk of `directory` where nobody says: a tenth of it or 10 GiB, whichever is less, but
    /// at least 1 GiB.
    package static func cacheSizeDefault(on directory: String) throws(CodeStoreError) -> ByteCount {
        let tenth = try StoreFiles.fileSystemSize(of: directory) / 10
        return ByteCount(bytes: max(1 << 30, min(tenth, 10 << 30)))
    }

    /// Stores a package. When this returns, its archive is stored for good and its content is ready to be mounted.
    ///
    /// - Parameter sizeMax: How large the archive may be.
    /// - Throws: `.archiveTooLarge`, `.contentTooLarge`, `.emptyArchive` or `.invalidArchive` for archives that are not
    ///   acceptable; then nothing of the package is kept. `.unavailable` or `.unreachable` if it may not be there for good.
    package func put(
        _ archive: [UInt8],
        sizeMax: ByteCount = Limits.zipSizeMax
    ) async throws(CodeStoreError) -> CodePackage {
        guard archive.count <= sizeMax.bytes else {
            throw CodeStoreError(.archiveTooLarge, "failed to store a package: it has \(archive.count) bytes")
        }
        let hash = try await Self.run(on: threads) { CodeHash(of: archive) }
        // What removes it has begun before; it is stored anew afterwards. Its failure is told to whoever removes.
        while let removal = removals[hash] { try? await removal.value }
        // From here on the package is in use, so that nobody removes it before it is referred to.
        try await using(hash) { () throws(CodeStoreError) in
            // Others may be failing to unpack it, because it was not stored.
            while let unpacking = unpackings[hash] { _ = await unpacking.result }
            if !isReady(hash, at: directory(of: hash)) { try await unpack(hash, from: archive) }
            try await withRoom(for: "store \(hash)") { () throws(CodeStoreError) in
                try await archives.put(archive, as: hash)
            }
        }
        return CodePackage(hash: hash, size: archive.count)
    }

    /// The archive exactly as it was uploaded.
    ///
    /// - Throws: `.notFound` if there is none; `.unavailable` or `.unreachable` if it cannot be had.
    package func archive(_ hash: CodeHash) async throws(CodeStoreError) -> [UInt8] {
        guard archives.isShared else { return try await archives.get(hash) }
        await enterDownload()
        defer { leaveDownload() }
        return try await archives.get(hash)
    }

    /// Returns when it is the caller's turn, which comes, as every download has an end.
    private func enterDownload() async {
        guard downloadsUnderway >= Self.downloadsMax else {
            downloadsUnderway += 1
            return
        }
        await withCheckedContinuation { waitingDownloads.append($0) }
    }

    private func leaveDownload() {
        guard waitingDownloads.isEmpty else {
            // Whoever comes next takes the place.
            return waitingDownloads.removeFirst().resume()
        }
        downloadsUnderway -= 1
    }
}

// MARK: - Places and threads

extension CodeStore {
    func directory(of hash: CodeHash) -> String { "\(unpacked)/\(hash)" }

    func mergedDirectory(of identifier: CodeHash) -> String { "\(merged)/\(identifier)" }

    /// A path that nobody else has.
    func temporaryPath() -> String { "\(temporary)/\(RequestID.random())" }

    static func run<Value: Sendable>(
        on threads: NIOThreadPool,
        _ body: @escaping @Sendable () throws(CodeStoreError) -> Value
    ) async throws(CodeStoreError) -> Value {
        do {
            return try await threads.runIfActive { try body() }
        } catch let error as CodeStoreError {
            throw error
        } catch {
            throw CodeStoreError(.unavailable, "failed to use the thread pool: \(error)")
        }
    }
}
