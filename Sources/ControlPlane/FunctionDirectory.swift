package import LambdaAPI
import MetadataStore
import Synchronization

/// The functions that can be invoked, in memory: what an invoke needs to know about its function, without the store.
///
/// Filled when a function is first invoked, and kept up with the store, which tells of every change in the order in which
/// they were made: a function that is updated or deleted is so for all invokes that begin after the answer. Whoever
/// keeps something for a configuration (an environment, say) is told when it is no longer in force.
package final class FunctionDirectory: Sendable {
    private struct State {
        var functions: [FunctionName: InvocableFunction] = [:]
        /// Counts changes, so that what was read from the store before a change is not kept after it.
        var changes = 0
    }

    private let state = Mutex(State())
    private let activation: FunctionActivation
    private let locality: Locality
    private let onRetired: @Sendable (InvocableFunction.ConfigurationID) -> Void

    /// - Parameter onRetired: Called with each configuration that was in force and is no longer. It must not block.
    init(
        activation: FunctionActivation,
        locality: Locality,
        onRetired: @escaping @Sendable (InvocableFunction.ConfigurationID) -> Void
    ) {
        self.activation = activation
        self.locality = locality
        self.onRetired = onRetired
        activation.store.observe { [weak self] change in self?.changed(change) }
    }

    /// The function if it is known already, or nil if ``resolve(_:)`` has to be asked.
    ///
    /// - Throws: `ResourceNotFoundException` for a version or alias, which no function has yet.
    package func cached(_ reference: FunctionReference) throws(LambdaError) -> InvocableFunction? {
        if let qualifier = reference.qualifier, qualifier != .latest {
            throw .functionNotFound(arn: reference.arn(in: locality))
        }
        return state.withLock { $0.functions[reference.name] }
    }

    /// The function, from the store if need be; one that is being created is waited for.
    ///
    /// - Throws: `ResourceNotFoundException` if there is none, `ResourceConflictException` if it has failed.
    package func resolve(_ reference: FunctionReference) async throws(LambdaError) -> InvocableFunction {
        while true {
            if let function = try cached(reference) { return function }
            let changes = state.withLock { $0.changes }
            let record = try await load(reference)
            guard let definition = FunctionLifecycle(record).invocable else {
                throw .functionState(record.status.state.rawValue)
            }
            let function = InvocableFunction(record.name, definition, in: locality)
            let isCurrent = state.withLock { state -> Bool in
                guard state.changes == changes else { return false }
                state.functions[record.name] = function
                return true
            }
            if isCurrent { return function }
        }
    }

    private func changed(_ change: FunctionChange) {
        switch change {
        case .written(let record):
            let definition = FunctionLifecycle(record).invocable
            replace(record.name, with: definition.map { InvocableFunction(record.name, $0, in: locality) })
        case .deleted(let name):
            replace(name, with: nil)
        }
    }

    private func replace(_ name: FunctionName, with function: InvocableFunction?) {
        let replaced = state.withLock { state -> InvocableFunction? in
            state.changes += 1
            let known = state.functions[name]
            // The same object as long as the configuration is the same.
            guard known?.configurationID != function?.configurationID else { return nil }
            state.functions[name] = function
            return known
        }
        if let replaced { onRetired(replaced.configurationID) }
    }

    private func load(_ reference: FunctionReference) async throws(LambdaError) -> FunctionRecord {
        do throws(MetadataStoreError) {
            if let record = try await activation.finish(reference.name) { return record }
        } catch {
            throw .service(cause: error)
        }
        // An invoke's error names the version that would have been run.
        let qualifier = reference.qualifier ?? .latest
        throw .functionNotFound(arn: locality.functionARN(reference.name, qualifier: qualifier))
    }
}

extension InvocableFunction {
    /// `$LATEST` of a function.
    fileprivate convenience init(_ name: FunctionName, _ definition: FunctionDefinition, in locality: Locality) {
        self.init(
            configurationID: ConfigurationID(definition.configurationID),
            locality: locality,
            name: name,
            version: .latest,
            runtime: definition.runtime,
            handler: definition.handler,
            timeoutSeconds: definition.timeoutSeconds,
            memoryMegabytes: definition.memoryMegabytes,
            ephemeralStorageMegabytes: definition.ephemeralStorageMegabytes,
            environment: definition.environment ?? [:],
            codeHash: definition.codeHash,
            layerHashes: definition.layers?.map(\.codeHash) ?? [],
            logging: FunctionLogging(definition.logging)
        )
    }
}
