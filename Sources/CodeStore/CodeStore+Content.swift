import LambdaAPI
import Logging
import Telemetry

/// What a function's sandboxes show of its packages, as long as the scope lasts that it was given to.
package struct CodeContent: Sendable, Equatable {
    /// The host directory with the package's content, to be mounted read-only.
    package let directory: String
    /// What is shown at `/opt`; nil if nothing is.
    package let layers: OptTree?
}

// MARK: - Using content

extension CodeStore {
    /// Runs `body` with the content of a package and of layers on this host's disk, where it stays until `body` has returned.
    ///
    /// What is there already costs a look. Otherwise it is unpacked, merged or fetched first, once for everybody who asks;
    /// that one of them is cancelled does not concern the others.
    ///
    /// - Throws: `.notFound` if a package is not stored; `.incompatibleLayers` if the layers' links together lead out of
    ///   `/opt`, or if together they have more entries than a package may have; `.unavailable` or `.unreachable` if the content
    ///   cannot be had. What `body` throws.
    nonisolated package func withContent<Value>(
        of package: CodeHash,
        layers: LayerStack? = nil,
        _ body: (CodeContent) async throws(CodeStoreError) -> Value
    ) async throws(CodeStoreError) -> Value {
        let directory = try await acquire(package)
        let value: Value
        do throws(CodeStoreError) {
            if let layers {
                value = try await withLayers(layers) { tree throws(CodeStoreError) in
                    try await body(CodeContent(directory: directory, layers: tree))
                }
            } else {
                value = try await body(CodeContent(directory: directory, layers: nil))
            }
        } catch {
            await release(package)
            throw error
        }
        await release(package)
        return value
    }

    /// The same for layers alone: the directory with the content of all of them, for mounting at `/opt`. It is made once per
    /// host, however many functions have the same layers in the same order.
    nonisolated package func withLayers<Value>(
        _ stack: LayerStack,
        _ body: (OptTree) async throws(CodeStoreError) -> Value
    ) async throws(CodeStoreError) -> Value {
        let tree = try await acquire(stack)
        let value: Value
        do throws(CodeStoreError) {
            value = try await body(tree)
        } catch {
            await release(stack.identifier)
            throw error
        }
        await release(stack.identifier)
        return value
    }

    /// How much a package holds when it is unpacked, in bytes: the sizes of its files and of its links' targets, as
    /// they count for the limit.
    package func contentSize(of hash: CodeHash) async throws(CodeStoreError) -> Int {
        unreferencedSince[hash] = nil
        if let known = contentSizes[hash] { return known }
        let directory = try await acquire(hash)
        defer { release(hash) }
        let size = try await Self.run(on: threads) { () throws(CodeStoreError) in
            try TreeSurvey(of: directory).contentSize
        }
        contentSizes[hash] = size
        return size
    }

    /// Begins a use of a package's content, which ``release(_:)`` ends.
    private func acquire(_ hash: CodeHash) async throws(CodeStoreError) -> String {
        let directory = directory(of: hash)
        try await begin(hash) { () throws(CodeStoreError) in
            while !isReady(hash, at: directory) { try await unpack(hash, from: nil) }
        }
        return directory
    }

    /// Begins a use of a stack's content, which ``release(_:)`` of its identifier ends.
    private func acquire(_ stack: LayerStack) async throws(CodeStoreError) -> OptTree {
        guard stack.layers.count > 1 else { return OptTree(directory: try await acquire(stack.layers[0])) }
        let identifier = stack.identifier
        let directory = mergedDirectory(of: identifier)
        try await begin(identifier) { () throws(CodeStoreError) in
            while !isReady(identifier, at: directory) {
                try await once(for: identifier) { try await self.merge(stack) }
            }
        }
        return OptTree(directory: directory)
    }

    private func begin(_ tree: CodeHash, _ prepare: () async throws(CodeStoreError) -> Void)
        async throws(CodeStoreError)
    {
        unreferencedSince[tree] = nil
        _ = cache.acquired(tree)
        do throws(CodeStoreError) {
            try await prepare()
        } catch {
            release(tree)
            throw error
        }
    }

    private func release(_ tree: CodeHash) {
        unreferencedSince[tree] = nil
        evict(cache.released(tree))
    }

    /// Does something while a tree is in use, whether or not it is there.
    func using(_ tree: CodeHash, _ body: () async throws(CodeStoreError) -> Void) async throws(CodeStoreError) {
        try await begin(tree, body)
        release(tree)
    }

    /// Whether a tree is there. Somebody must be using it.
    func isReady(_ tree: CodeHash, at directory: String) -> Bool {
        guard cache.isPresent(tree) else { return false }
        guard !StoreFiles.exists(directory) else { return true }
        cache.lost(tree)
        return false
    }
}

// MARK: - Eviction

extension CodeStore {
    /// Counts what an earlier process of this host has left, all of which is whole. What was made last is taken for what was
    /// used last.
    func adoptTrees() async throws(CodeStoreError) {
        // Without a bound nobody needs to know how large they are, and the start is quick.
        let isMeasured = cache.sizeMax != nil
        let directories = [unpacked, merged]
        let trees = try await Self.run(on: threads) { () throws(CodeStoreError) in
            var trees: [(tree: CodeHash, size: Int, changed: Int)] = []
            for directory in directories {
                for name in try StoreFiles.names(in: directory) {
                    let path = "\(directory)/\(name)"
                    let size = isMeasured ? try TreeSurvey(of: path).footprint.bytes : 0
                    trees.append((CodeHash(hexadecimal: name), size, StoreFiles.changeTime(of: path)))
                }
            }
            return trees.sorted { $0.changed < $1.changed }
        }
        for (tree, size, _) in trees { evict(cache.made(tree, size: size)) }
    }

    /// Removes trees that the policy has given up. They are out of their places before anything else happens: whoever wants
    /// one makes it anew. Their files are removed in the background, so that nobody's start waits for it; see ``lastEviction``.
    func evict(_ trees: [CodeHash]) {
        guard !trees.isEmpty else { return }
        var remains: [String] = []
        for tree in trees {
            do throws(CodeStoreError) {
                remains += try setAside([directory(of: tree), mergedDirectory(of: tree)])
            } catch {
                logger.warning("content could not be evicted", metadata: [LogKey.error: "\(error)"])
            }
        }
        // A task of its own, because several wait for it: whoever finds the disk full, and whoever makes a tree next.
        let (paths, threads, logger, earlier) = (remains, threads, logger, lastEviction)
        lastEviction = Task {
            await earlier?.value
            do throws(CodeStoreError) {
                try await Self.run(on: threads) { () throws(CodeStoreError) in
                    for path in paths { try StoreFiles.remove(path) }
                }
            } catch {
                logger.warning("content could not be removed", metadata: [LogKey.error: "\(error)"])
            }
        }
    }

    /// Moves what there is at these paths out of the way. Returns where it is now, to be removed.
    func setAside(_ paths: [String]) throws(CodeStoreError) -> [String] {
        var remains: [String] = []
        for path in paths where StoreFiles.exists(path) {
            let target = temporaryPath()
            _ = try StoreFiles.move(path, to: target)
            remains.append(target)
        }
        return remains
    }

    /// Does something that needs space on the disk, and once more if there was none and some could be made.
    ///
    /// - Parameter operation: What it is, for the error: `unpack HASH`.
    func withRoom<Value: Sendable>(
        for operation: String,
        _ body: () async throws(CodeStoreError) -> Value
    ) async throws(CodeStoreError) -> Value {
        do throws(CodeStoreError) {
            return try await body()
        } catch {
            guard error.isOutOfSpace else { throw error }
            let evicted = cache.diskFilled(needing: Limits.unzippedSizeMax.bytes)
            logger.warning(
                "no space left for code; content that is not in use is removed",
                metadata: [LogKey.count: "\(evicted.count)"]
            )
            evict(evicted)
            // Also when there was nothing to evict: somebody else may have begun to make room.
            await lastEviction?.value
        }
        do throws(CodeStoreError) {
            return try await body()
        } catch {
            guard error.isOutOfSpace else { throw error }
            throw CodeStoreError(
                .unavailable,
                "failed to \(operation): no space left on the disk of \(unpacked): \(error)",
                isOutOfSpace: true
            )
        }
    }
}
