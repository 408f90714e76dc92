import Crypto

/// The layers of a function, in its order: where two hold something at the same path, the later one's counts.
package struct LayerStack: Hashable, Sendable {
    /// The hashes of the layers' archives; never empty.
    package let layers: [CodeHash]

    /// Nil if there are no layers.
    package init?(_ layers: [CodeHash]) {
        guard !layers.isEmpty else { return nil }
        self.layers = layers
    }

    /// Names the merged content, as a package's hash names the package's: whoever keeps packages from being removed
    /// names the stacks in use among them. The identifier of a single layer is its own hash, since nothing is merged.
    package var identifier: CodeHash {
        guard layers.count > 1 else { return layers[0] }
        // The hashes are of one length, so that no two lists read alike.
        return CodeHash(of: layers.flatMap { Array($0.hexadecimal.utf8) })
    }
}

/// What a function's sandboxes show at `/opt`.
package struct OptTree: Sendable, Equatable {
    /// The host directory to mount, read-only. It stays as long as the scope lasts that it was given to.
    ///
    /// Links in it are the function's: some have targets in `/opt`, which on the host is another directory. Nobody follows
    /// them here; see ``names(in:)`` and ``files(in:)``.
    package let directory: String

    /// The names of what is in one of the tree's own directories, such as `extensions`, in their order. Empty if there
    /// is no directory of that name, or only a link. Blocks for a moment.
    package func names(in name: String) throws(CodeStoreError) -> [String] {
        let path = "\(directory)/\(name)"
        guard StoreFiles.kind(of: path) == .directory else { return [] }
        return try StoreFiles.names(in: path).sorted()
    }

    /// The same without directories.
    package func files(in name: String) throws(CodeStoreError) -> [String] {
        try names(in: name).filter { StoreFiles.kind(of: "\(directory)/\(name)/\($0)") != .directory }
    }
}
