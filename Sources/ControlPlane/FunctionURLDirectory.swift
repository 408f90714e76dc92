package import FunctionURL
package import Identity
package import LambdaAPI
package import MetadataStore

/// A URL with all that a request to it needs to know.
package struct FunctionURLTarget: Sendable {
    /// The function or alias that is invoked.
    package let reference: FunctionReference
    package let url: FunctionURLRecord
    /// Who may invoke it; nil for nobody but its own account.
    package let policy: PolicyDocument?
    /// Whether the alias is there that the URL was made for.
    package let isAlive: Bool
}

/// The functions' URLs, in memory.
package final class FunctionURLDirectory: Sendable {
    private let cache: FunctionRecordCache<FunctionURLID, FunctionURLTarget>

    init(store: any MetadataStore) {
        cache = FunctionRecordCache(store: store) { store, id throws(MetadataStoreError) in
            try await store.function(withURL: id.rawValue)
        } value: { id, record in
            FunctionURLTarget(id, of: record)
        }
    }

    /// The target if it is known already, or nil if ``resolve(_:)`` has to be asked.
    package func cached(_ id: FunctionURLID) -> FunctionURLTarget? {
        cache.cached(id)
    }

    /// The target of a URL, or nil if there is no such URL.
    package func resolve(_ id: FunctionURLID) async throws(LambdaError) -> FunctionURLTarget? {
        try await cache.resolve(id)
    }
}

extension FunctionURLTarget {
    fileprivate init?(_ id: FunctionURLID, of record: FunctionRecord) {
        guard let (key, url) = record.attachments.urls.first(where: { $0.value.id == id.rawValue }) else { return nil }
        let isUnqualified = key == FunctionAttachments.unqualified
        reference = FunctionReference(record.name, qualifier: isUnqualified ? nil : Qualifier(key))
        self.url = url
        policy = record.attachments.policies[key]?.parsed
        isAlive = isUnqualified || record.aliases[key] != nil
    }
}
