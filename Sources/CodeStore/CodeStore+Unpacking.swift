import LambdaAPI

// MARK: - Unpacking and merging

extension CodeStore {
    /// Unpacks a package, or waits for somebody else who does.
    ///
    /// - Parameter archive: The package's archive if the caller has it, otherwise it is read from the store.
    func unpack(_ hash: CodeHash, from archive: [UInt8]?) async throws(CodeStoreError) {
        try await once(for: hash) {
            let bytes = if let archive { archive } else { try await self.archive(hash) }
            try await self.make(hash, at: self.directory(of: hash)) { temporary throws(CodeStoreError) in
                guard CodeHash(of: bytes) == hash else {
                    throw CodeStoreError(.unavailable, "failed to unpack \(hash): its archive is damaged")
                }
                return try Self.unpack(bytes, into: temporary)
            }
        }
    }

    /// Lays layers over each other; to be called by one at a time for the same stack.
    func merge(_ stack: LayerStack) async throws(CodeStoreError) {
        try await mergeUsing(stack.layers[...], [], of: stack)
    }

    /// Uses the layers one after the other until all are in use, and then merges them.
    private func mergeUsing(
        _ rest: ArraySlice<CodeHash>,
        _ directories: [String],
        of stack: LayerStack
    ) async throws(CodeStoreError) {
        if let layer = rest.first {
            return try await withContent(of: layer) { content throws(CodeStoreError) in
                try await mergeUsing(rest.dropFirst(), directories + [content.directory], of: stack)
            }
        }
        try await make(stack.identifier, at: mergedDirectory(of: stack.identifier)) {
            temporary throws(CodeStoreError) in
            var merge = TreeMerge(into: temporary, entriesMax: Self.entriesMax)
            for directory in directories { try merge.add(directory) }
            let survey = try TreeSurvey(of: temporary)
            try survey.checkThatLinksStayInside()
            // Its files count although they may be those of the layers: when these are evicted, it still has them.
            return survey.footprint
        }
    }

    /// Makes a tree in an empty directory, and gives it its place when it is whole.
    private func make(
        _ tree: CodeHash,
        at directory: String,
        _ body: @escaping @Sendable (String) throws(CodeStoreError) -> TreeFootprint
    ) async throws(CodeStoreError) {
        // What was evicted does not gather on the disk.
        await lastEviction?.value
        let temporary = temporaryPath()
        let footprint = try await withRoom(for: "unpack \(tree)") { () throws(CodeStoreError) in
            try await Self.run(on: threads) { () throws(CodeStoreError) in
                var footprint: TreeFootprint?
                try StoreFiles.makeWhole(directory, by: temporary) { () throws(CodeStoreError) in
                    footprint = try body(temporary)
                }
                // There may be one that could not be moved away.
                return if let footprint { footprint } else { try TreeSurvey(of: directory).footprint }
            }
        }
        evict(cache.made(tree, size: footprint.bytes))
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

    private static func unpack(_ archive: [UInt8], into directory: String) throws(CodeStoreError) -> TreeFootprint {
        let result = archive.withUnsafeBytes { bytes -> Result<TreeFootprint, CodeStoreError> in
            Result { () throws(CodeStoreError) in
                try withUnicodeLocale { () throws(CodeStoreError) in
                    var unpacking = try Unpacking(
                        into: directory,
                        contentSizeMax: Limits.unzippedSizeMax.bytes,
                        entriesMax: entriesMax
                    )
                    try unpacking.unpack(bytes)
                    return unpacking.footprint
                }
            }
        }
        return try result.get()
    }
}
