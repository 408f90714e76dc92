package import FunctionURL
package import Identity
package import LambdaAPI
package import MetadataStore
import Synchronization

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

/// The functions' URLs, in memory: read from the store when a URL is first asked for, and forgotten when its function
/// changes, which the store tells of.
package final class FunctionURLDirectory: Sendable {
    private struct State {
        var targets: [FunctionURLID: FunctionURLTarget] = [:]
        var idsByFunction: [FunctionName: [FunctionURLID]] = [:]
        /// Counts changes, so that what was read from the store before a change is not kept after it.
        var changes = 0
    }

    private let state = Mutex(State())
    private let store: any MetadataStore

    init(store: any MetadataStore) {
        self.store = store
        store.observe { [weak self] change in
            switch change {
            case .written(let record): self?.forget(record.name)
            case .deleted(let name): self?.forget(name)
            case .versionWritten, .versionDeleted: break
            }
        }
    }

    /// The target if it is known already, or nil if ``resolve(_:)`` has to be asked.
    package func cached(_ id: FunctionURLID) -> FunctionURLTarget? {
        state.withLock { $0.targets[id] }
    }

    /// The target of a URL, or nil if there is no such URL.
    package func resolve(_ id: FunctionURLID) async throws(LambdaError) -> FunctionURLTarget? {
        if let target = cached(id) { return target }
        let changes = state.withLock { $0.changes }
        let record: FunctionRecord?
        do throws(MetadataStoreError) {
            record = try await store.function(withURL: id.rawValue)
        } catch {
            throw .service(cause: error)
        }
        guard let record, let target = FunctionURLTarget(id, of: record) else { return nil }
        state.withLock { state in
            guard state.changes == changes else { return }
            state.targets[id] = target
            state.idsByFunction[record.name, default: []].append(id)
        }
        return target
    }

    private func forget(_ name: FunctionName) {
        state.withLock { state in
            state.changes += 1
            for id in state.idsByFunction.removeValue(forKey: name) ?? [] { state.targets[id] = nil }
        }
    }
}

extension FunctionURLTarget {
    fileprivate init?(_ id: FunctionURLID, of record: FunctionRecord) {
        guard let (key, url) = record.attachments.urls.first(where: { $0.value.id == id.rawValue }) else { return nil }
        let isUnqualified = key == FunctionAttachments.unqualified
        reference = FunctionReference(record.name, qualifier: isUnqualified ? nil : Qualifier(key))
        self.url = url
        policy = record.attachments.policies[key].flatMap { $0.parsed }
        isAlive = isUnqualified || record.aliases[key] != nil
    }
}

extension FunctionPolicy {
    /// The policy in the form in which it is evaluated. What is stored was a policy when it was written.
    var parsed: PolicyDocument? {
        try? PolicyDocument(json: Array(document.utf8), kind: .resource)
    }
}
