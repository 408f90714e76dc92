extension CodeStore {
    /// The directory with the content of all layers, for mounting at `/opt`. It is made once per host, however many
    /// functions have the same layers in the same order.
    ///
    /// - Throws: `.incompatibleLayers` if the layers' links together lead out of `/opt`, or if together they have more
    ///   entries than a package may have; `.notFound` if a layer is not stored.
    package func optTree(of stack: LayerStack) async throws(CodeStoreError) -> OptTree {
        guard stack.layers.count > 1 else {
            return OptTree(directory: try await unpackedDirectory(of: stack.layers[0]))
        }
        let identifier = stack.identifier
        unreferencedSince[identifier] = nil
        let target = mergedDirectory(of: identifier)
        if !StoreFiles.exists(target) {
            var sources: [String] = []
            for layer in stack.layers { sources.append(try await unpackedDirectory(of: layer)) }
            let (directories, temporary) = (sources, temporaryPath())
            try await once(for: identifier) {
                try await Self.run(on: self.threads) { () throws(CodeStoreError) in
                    try StoreFiles.makeWhole(target, by: temporary) { () throws(CodeStoreError) in
                        var merge = TreeMerge(into: temporary, entriesMax: Self.entriesMax)
                        for directory in directories { try merge.add(directory) }
                        try TreeSurvey(of: temporary).checkThatLinksStayInside()
                    }
                }
            }
        }
        return OptTree(directory: target)
    }

    /// How much a package holds when it is unpacked, in bytes: the sizes of its files and of its links' targets, as
    /// they count for the limit.
    package func contentSize(of hash: CodeHash) async throws(CodeStoreError) -> Int {
        unreferencedSince[hash] = nil
        if let known = contentSizes[hash] { return known }
        let directory = try await unpackedDirectory(of: hash)
        let size = try await Self.run(on: threads) { () throws(CodeStoreError) in
            try TreeSurvey(of: directory).contentSize
        }
        contentSizes[hash] = size
        return size
    }
}
