import Glibc
package import LambdaAPI
package import Logging
import NIOPosix
import Telemetry

/// Packages of functions and layers by the hash of their archive: kept as they were uploaded, and unpacked for the
/// sandboxes to mount; the layers of a function as one tree.
///
/// ```
/// DIR/archives/HASH.zip            what was uploaded; durable before it is acknowledged
/// DIR/unpacked/BOOT/HASH/          its content; made anew after the host was started, so it need not be durable
/// DIR/merged/BOOT/STACK/           the content of several layers laid over each other; see ``LayerStack``
/// DIR/temporary/…                  whatever is not finished; removed at the next start
/// ```
///
/// The same package is stored and unpacked once, however many functions use it. All calls do their work on a thread
/// pool and may be made concurrently.
package actor CodeStore {
    /// How long a package must have been unreferenced before it is removed while the service runs. Longer than any
    /// invoke takes, whose environment may have been made just before its function got other code, and than an address
    /// for downloading is valid; much longer than it takes a package that has been stored to be referred to.
    package static let retention = Duration.seconds(1800)

    /// How many files, links and directories a package may have, and all layers of a function together: far more than any
    /// does, far less than what fills a disk's inodes.
    static let entriesMax = 200_000

    private let archives: String
    private let unpacked: String
    let merged: String
    private let temporary: String
    private let logger: Logger
    let threads = NIOThreadPool.singleton
    /// Unpackings and merges under way, so that everybody who wants the same one waits for the same one.
    private var unpackings: [CodeHash: Task<Void, any Error>] = [:]
    /// When a package was first seen without anybody referring to it; forgotten as soon as somebody uses it.
    var unreferencedSince: [CodeHash: ContinuousClock.Instant] = [:]
    /// How much the packages have in them that were asked for it, in bytes.
    var contentSizes: [CodeHash: Int] = [:]

    /// Opens the store in `directory`, which is made if it is not there, and removes what a crash has left unfinished.
    package init(directory: String, logger: Logger) async throws(CodeStoreError) {
        self.logger = logger
        archives = "\(directory)/archives"
        temporary = "\(directory)/temporary"
        let boot = try StoreFiles.bootIdentifier()
        unpacked = "\(directory)/unpacked/\(boot)"
        merged = "\(directory)/merged/\(boot)"
        let (archives, temporary, made) = (archives, temporary, [unpacked, merged])
        try await Self.run(on: threads) { () throws(CodeStoreError) in
            try StoreFiles.remove(temporary)
            for path in [directory, archives, temporary] {
                try StoreFiles.makeDirectory(path)
            }
            for path in made {
                let parent = String(path.dropLast(boot.count + 1))
                try StoreFiles.removeAll(in: parent, but: [boot])
                try StoreFiles.makeDirectory(parent)
                try StoreFiles.makeDirectory(path)
            }
            // What is durable in a directory that is not durable itself would be lost with it.
            try StoreFiles.synchroniseDirectory(of: archives)
            try StoreFiles.synchroniseDirectory(of: directory)
        }
    }

    /// Stores a package. When this returns, its archive is on disk for good and its content is ready to be mounted.
    ///
    /// - Parameter sizeMax: How large the archive may be.
    /// - Throws: `.archiveTooLarge`, `.contentTooLarge`, `.emptyArchive` or `.invalidArchive` for archives that are not
    ///   acceptable; then nothing of the package is kept.
    package func put(
        _ archive: [UInt8],
        sizeMax: ByteCount = Limits.zipSizeMax
    ) async throws(CodeStoreError) -> CodePackage {
        guard archive.count <= sizeMax.bytes else {
            throw CodeStoreError(.archiveTooLarge, "failed to store a package: it has \(archive.count) bytes")
        }
        let hash = try await Self.run(on: threads) { CodeHash(of: archive) }
        // From here on the package is in use, so that nobody removes it before it is referred to.
        unreferencedSince[hash] = nil
        if !StoreFiles.exists(directory(of: hash)) {
            try await unpack(hash, from: archive)
        }
        let (path, temporary) = (archivePath(of: hash), temporaryPath())
        try await Self.run(on: threads) { () throws(CodeStoreError) in
            try StoreFiles.writeDurably(archive, to: path, by: temporary)
        }
        return CodePackage(hash: hash, size: archive.count)
    }

    /// The directory with a package's content, for mounting read-only. It stays for at least ``retention``.
    package func unpackedDirectory(of hash: CodeHash) async throws(CodeStoreError) -> String {
        unreferencedSince[hash] = nil
        let directory = directory(of: hash)
        if !StoreFiles.exists(directory) {
            try await unpack(hash, from: nil)
        }
        return directory
    }

    /// The archive exactly as it was uploaded.
    package func archive(_ hash: CodeHash) async throws(CodeStoreError) -> [UInt8] {
        let path = archivePath(of: hash)
        return try await Self.run(on: threads) { () throws(CodeStoreError) in try StoreFiles.read(path) }
    }
}

// MARK: - Removing

extension CodeStore {
    /// Removes all packages and stacks of layers but these. To be called only while nothing is being stored and no
    /// environment runs: a package that is about to be referred to looks like one that is not needed.
    package func removeAll(but referenced: Set<CodeHash>) async throws(CodeStoreError) {
        let (archives, contents) = (archives, [unpacked, merged])
        contentSizes = contentSizes.filter { referenced.contains($0.key) }
        try await Self.run(on: threads) { () throws(CodeStoreError) in
            try StoreFiles.removeAll(in: archives, but: Set(referenced.map { "\($0).zip" }))
            for directory in contents {
                try StoreFiles.removeAll(in: directory, but: Set(referenced.map(\.hexadecimal)))
            }
        }
    }

    /// Removes the packages that nobody has referred to for ``retention``, as far as the calls of this method have seen it:
    /// a package is removed by a later call than the one that first finds it unreferenced. May be called at any time.
    ///
    /// - Parameter referenced: What is referred to: packages, and stacks of layers by their identifiers. Whoever stores a package and refers to it afterwards has all of the
    ///   retention to do so.
    /// - Returns: How many packages were removed.
    @discardableResult
    package func removeUnreferenced(
        but referenced: Set<CodeHash>,
        at now: ContinuousClock.Instant
    ) async throws(CodeStoreError) -> Int {
        let stored = try await storedHashes()
        unreferencedSince = unreferencedSince.filter { stored.contains($0.key) && !referenced.contains($0.key) }
        var count = 0
        var remains: [String] = []
        for hash in stored.subtracting(referenced) {
            let since = unreferencedSince[hash] ?? now
            unreferencedSince[hash] = since
            guard now - since >= Self.retention, unpackings[hash] == nil else { continue }
            // Nothing is awaited between the decision and the move: whoever stores the package next does not find it, and
            // stores it again.
            remains += try setAside(hash)
            unreferencedSince[hash] = nil
            count += 1
        }
        let paths = remains
        try await Self.run(on: threads) { () throws(CodeStoreError) in
            for path in paths { try StoreFiles.remove(path) }
        }
        return count
    }

    /// Takes a package, or a stack of layers, out of the store. Returns the paths of what remains of it, to be removed.
    private func setAside(_ hash: CodeHash) throws(CodeStoreError) -> [String] {
        var remains: [String] = []
        contentSizes[hash] = nil
        let places = [archivePath(of: hash), directory(of: hash), mergedDirectory(of: hash)]
        for path in places where StoreFiles.exists(path) {
            let target = temporaryPath()
            _ = try StoreFiles.move(path, to: target)
            remains.append(target)
        }
        return remains
    }

    /// The packages of which there is anything, be it an archive without content or the reverse, and the stacks of layers.
    private func storedHashes() async throws(CodeStoreError) -> Set<CodeHash> {
        let directories = [archives, unpacked, merged]
        return try await Self.run(on: threads) { () throws(CodeStoreError) in
            var names: [String] = []
            for directory in directories { names += try StoreFiles.names(in: directory) }
            return Set(names.map { CodeHash(hexadecimal: String($0.prefix { $0 != "." })) })
        }
    }
}

// MARK: - Unpacking

extension CodeStore {
    /// Unpacks a package, or waits for somebody else who does.
    ///
    /// - Parameter archive: The package's archive if the caller has it, otherwise it is read from the store.
    func unpack(_ hash: CodeHash, from archive: [UInt8]?) async throws(CodeStoreError) {
        try await once(for: hash) {
            let bytes = if let archive { archive } else { try await self.archive(hash) }
            let (target, temporary) = (await self.directory(of: hash), await self.temporaryPath())
            try await Self.run(on: self.threads) { () throws(CodeStoreError) in
                guard CodeHash(of: bytes) == hash else {
                    throw CodeStoreError(.unavailable, "failed to unpack \(hash): its archive is damaged")
                }
                try Self.unpack(bytes, to: target, by: temporary)
            }
        }
    }

    /// Does the work, or waits for somebody else who does it for the same hash.
    func once(for hash: CodeHash, _ work: @escaping @Sendable () async throws -> Void) async throws(CodeStoreError) {
        // A task of its own, because it serves several callers and must not end with the first of them.
        let task =
            unpackings[hash]
            ?? Task {
                defer { unpackings[hash] = nil }
                try await work()
            }
        unpackings[hash] = task
        do {
            try await task.value
        } catch let error as CodeStoreError {
            throw error
        } catch {
            throw CodeStoreError(.unavailable, "failed to unpack \(hash): \(error)")
        }
    }

    private static func unpack(
        _ archive: [UInt8],
        to target: String,
        by temporary: String
    ) throws(CodeStoreError) {
        try StoreFiles.makeWhole(target, by: temporary) { () throws(CodeStoreError) in
            let failure = archive.withUnsafeBytes { bytes -> CodeStoreError? in
                do throws(CodeStoreError) {
                    try withUnicodeLocale { () throws(CodeStoreError) in
                        var unpacking = try Unpacking(
                            into: temporary,
                            contentSizeMax: Limits.unzippedSizeMax.bytes,
                            entriesMax: entriesMax
                        )
                        try unpacking.unpack(bytes)
                    }
                    return nil
                } catch {
                    return error
                }
            }
            if let failure { throw failure }
        }
    }
}

// MARK: - Places and threads

extension CodeStore {
    private func archivePath(of hash: CodeHash) -> String { "\(archives)/\(hash).zip" }

    private func directory(of hash: CodeHash) -> String { "\(unpacked)/\(hash)" }

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
