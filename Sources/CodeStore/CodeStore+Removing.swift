// MARK: - Removing

extension CodeStore {
    /// Removes all packages and stacks of layers of this host but these, and brings archives that were on its disk before
    /// there was a bucket into that. Nothing is removed from a bucket. To be called only while nothing is being stored and no
    /// environment runs: a package that is about to be referred to looks like one that is not needed.
    package func recover(referenced: Set<CodeHash>) async throws(CodeStoreError) {
        let (archives, contents) = (localArchives, [unpacked, merged])
        contentSizes = contentSizes.filter { referenced.contains($0.key) }
        for tree in cache.present where !referenced.contains(tree) { cache.lost(tree) }
        try await Self.run(on: threads) { () throws(CodeStoreError) in
            try StoreFiles.removeAll(in: archives, but: Set(referenced.map { "\($0).zip" }))
            for directory in contents {
                try StoreFiles.removeAll(in: directory, but: Set(referenced.map(\.hexadecimal)))
            }
        }
        if self.archives.isShared { try await moveLocalArchives() }
    }

    private func moveLocalArchives() async throws(CodeStoreError) {
        let local = DiskArchives(directory: localArchives, temporary: temporaryPath())
        for hash in try await local.list().keys {
            let archive = try await local.get(hash)
            let isWhole = try await Self.run(on: threads) { CodeHash(of: archive) == hash }
            guard isWhole else {
                throw CodeStoreError(
                    .unavailable,
                    "failed to move \(localArchives)/\(hash).zip to the bucket: it is damaged"
                )
            }
            try await archives.put(archive, as: hash)
            try await local.remove(hash)
        }
    }

    /// The packages that nobody has referred to for the retention, as far as the calls of this method have seen it: a package
    /// is among them in a later call than the one that first finds it unreferenced. Where others store packages, too, it was
    /// not stored within the retention either, by the clock of where it is. May be called at any time.
    ///
    /// - Parameter referenced: What is referred to: packages, and stacks of layers by their identifiers. Whoever stores a
    ///   package and refers to it afterwards has all of the retention to do so.
    package func unreferenced(
        but referenced: Set<CodeHash>,
        at now: ContinuousClock.Instant
    ) async throws(CodeStoreError) -> Set<CodeHash> {
        let ages = try await archives.list()
        let stored = try await treesOnDisk().union(ages.keys)
        unreferencedSince = unreferencedSince.filter { stored.contains($0.key) && !referenced.contains($0.key) }
        var found: Set<CodeHash> = []
        for hash in stored.subtracting(referenced) {
            let since = unreferencedSince[hash] ?? now
            unreferencedSince[hash] = since
            if archives.isShared, let age = ages[hash], age < retention { continue }
            if now - since >= retention { found.insert(hash) }
        }
        return found
    }

    /// Removes packages that ``unreferenced(but:at:)`` has found, except for those that somebody has come to use, to store or
    /// to refer to since.
    ///
    /// - Parameter referenced: What is referred to now: looked up after the packages were found, since others may have
    ///   referred to what was stored long before.
    /// - Returns: How many packages were removed.
    @discardableResult
    package func remove(
        _ found: Set<CodeHash>,
        but referenced: Set<CodeHash>,
        at now: ContinuousClock.Instant
    ) async throws(CodeStoreError) -> Int {
        var count = 0
        for hash in found.subtracting(referenced) {
            guard let since = unreferencedSince[hash], now - since >= retention, unpackings[hash] == nil,
                removals[hash] == nil, !cache.isInUse(hash)
            else { continue }
            // Nothing is awaited between the decision and this: whoever stores the package next waits until it is gone.
            let removal = Task { () async throws -> Void in
                defer { removals[hash] = nil }
                if try await removeArchive(hash) { unreferencedSince[hash] = nil }
            }
            removals[hash] = removal
            cache.lost(hash)
            contentSizes[hash] = nil
            let remains = try setAside([directory(of: hash), mergedDirectory(of: hash)])
            try await Self.run(on: threads) { () throws(CodeStoreError) in
                for path in remains { try StoreFiles.remove(path) }
            }
            try await finish(removal, of: hash)
            if unreferencedSince[hash] == nil { count += 1 }
        }
        return count
    }

    /// Removes an archive unless somebody has just stored it. Returns whether it is gone.
    private func removeArchive(_ hash: CodeHash) async throws(CodeStoreError) -> Bool {
        if archives.isShared, let age = try await archives.age(of: hash), age < retention { return false }
        try await archives.remove(hash)
        return true
    }

    private func finish(_ removal: Task<Void, any Error>, of hash: CodeHash) async throws(CodeStoreError) {
        do {
            try await removal.value
        } catch let error as CodeStoreError {
            throw error
        } catch {
            throw CodeStoreError(.unavailable, "failed to remove \(hash): \(error)")
        }
    }

    /// The packages of which there is content, and the stacks of layers.
    private func treesOnDisk() async throws(CodeStoreError) -> Set<CodeHash> {
        let directories = [unpacked, merged]
        return try await Self.run(on: threads) { () throws(CodeStoreError) in
            var names: [String] = []
            for directory in directories { names += try StoreFiles.names(in: directory) }
            return Set(names.map { CodeHash(hexadecimal: $0) })
        }
    }
}
