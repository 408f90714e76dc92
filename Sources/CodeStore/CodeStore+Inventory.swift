/// Which packages a host has unpacked, for whoever chooses among hosts.
package struct CodeInventory: Sendable, Equatable {
    /// Another one whenever something has come or gone.
    package let version: Int
    /// Packages, and stacks of layers by their identifiers.
    package let trees: Set<CodeHash>
}

extension CodeStore {
    /// How many trees an inventory names at most: those that were used last.
    private static let inventoryMax = 256

    /// What is unpacked, unless that is what it was when somebody asked before.
    ///
    /// - Parameter version: What was answered before; nil if nothing was.
    package func inventory(since version: Int?) -> CodeInventory? {
        guard cache.changes != version else { return nil }
        return CodeInventory(version: cache.changes, trees: Set(cache.latest(Self.inventoryMax)))
    }
}
