package import Identity
package import LambdaAPI
import MetadataStore

/// The resource policies of one function and its qualifiers, parsed.
package struct FunctionPolicies: Sendable {
    fileprivate let documents: [String: PolicyDocument]

    /// The policy of what a reference means; nil if it has none.
    package func policy(of reference: FunctionReference) -> PolicyDocument? {
        documents[reference.attachmentKey]
    }
}

/// The functions' resource policies, in memory.
package final class ResourcePolicyDirectory: Sendable {
    private let cache: FunctionRecordCache<FunctionName, FunctionPolicies>

    init(store: any MetadataStore) {
        cache = FunctionRecordCache(store: store) { store, name throws(MetadataStoreError) in
            try await store.function(named: name)
        } value: { _, record in
            FunctionPolicies(documents: record.attachments.policies.compactMapValues(\.parsed))
        }
    }

    /// The policies if they are known already, or nil if ``resolve(_:)`` has to be asked.
    package func cached(_ name: FunctionName) -> FunctionPolicies? {
        cache.cached(name)
    }

    /// The policies of a function; those of one that is not there are none.
    package func resolve(_ name: FunctionName) async throws(LambdaError) -> FunctionPolicies {
        try await cache.resolve(name) ?? FunctionPolicies(documents: [:])
    }
}

extension FunctionPolicy {
    /// The policy in the form in which it is evaluated. What is stored was a policy when it was written.
    var parsed: PolicyDocument? {
        try? PolicyDocument(json: Array(document.utf8), kind: .resource)
    }
}
