import LambdaAPI
import MetadataStore
import Synchronization

/// Something of a function's record that requests need, in memory: read from the store when it is first asked for, and
/// forgotten when the function changes, which the store tells of.
final class FunctionRecordCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct State {
        var values: [Key: Value] = [:]
        var keysByFunction: [FunctionName: [Key]] = [:]
        /// Counts changes, so that what was read from the store before a change is not kept after it.
        var changes = 0
    }

    private let state = Mutex(State())
    private let store: any MetadataStore
    private let read: @Sendable (any MetadataStore, Key) async throws(MetadataStoreError) -> FunctionRecord?
    private let value: @Sendable (Key, FunctionRecord) -> Value?

    /// - Parameters:
    ///   - read: Finds the record that has the value of a key.
    ///   - value: Takes the value from it, if it is there.
    init(
        store: any MetadataStore,
        read: @escaping @Sendable (any MetadataStore, Key) async throws(MetadataStoreError) -> FunctionRecord?,
        value: @escaping @Sendable (Key, FunctionRecord) -> Value?
    ) {
        self.store = store
        self.read = read
        self.value = value
        store.observe { [weak self] change in
            switch change {
            case .written(let record): self?.forget(record.name)
            case .deleted(let name): self?.forget(name)
            case .versionWritten, .versionDeleted: break
            case .missed: self?.forgetAll()
            }
        }
    }

    /// The value if it is known already, or nil if ``resolve(_:)`` has to be asked.
    func cached(_ key: Key) -> Value? {
        state.withLock { $0.values[key] }
    }

    /// The value, or nil if there is none. That there is none is not remembered.
    func resolve(_ key: Key) async throws(LambdaError) -> Value? {
        if let value = cached(key) { return value }
        let changes = state.withLock { $0.changes }
        let record: FunctionRecord?
        do throws(MetadataStoreError) {
            record = try await read(store, key)
        } catch {
            throw .service(cause: error)
        }
        guard let record, let found = value(key, record) else { return nil }
        state.withLock { state in
            guard state.changes == changes, state.values[key] == nil else { return }
            state.values[key] = found
            state.keysByFunction[record.name, default: []].append(key)
        }
        return found
    }

    private func forgetAll() {
        state.withLock { $0 = State(changes: $0.changes + 1) }
    }

    private func forget(_ name: FunctionName) {
        state.withLock { state in
            state.changes += 1
            for key in state.keysByFunction.removeValue(forKey: name) ?? [] { state.values[key] = nil }
        }
    }
}
