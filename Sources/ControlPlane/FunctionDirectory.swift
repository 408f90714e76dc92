package import EventQueue
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
        /// The unpublished versions.
        var functions: [FunctionName: InvocableFunction] = [:]
        /// Versions and aliases, of functions whose record has been seen.
        var published: [FunctionName: Published] = [:]
        /// What is set for functions beside their configuration, of those whose record has been seen.
        var settings: [FunctionName: InvokeSettings] = [:]
        /// Counts changes, so that what was read from the store before a change is not kept after it.
        var changes = 0

        /// The function that a reference means, as far as it is known. The version of an alias is drawn at random.
        func function(_ reference: FunctionReference) -> InvocableFunction? {
            guard let qualifier = reference.qualifier, qualifier != .latest else { return functions[reference.name] }
            guard let published = published[reference.name] else { return nil }
            let version =
                published.aliases[qualifier.rawValue].map { $0.drawVersion() } ?? FunctionVersion(qualifier.rawValue)
            return version == .latest ? functions[reference.name] : published.versions[version]
        }

        /// Keeps a function whose record has been seen. Returns the one that is kept: the same object as long as the
        /// configuration is the same.
        mutating func keep(_ function: InvocableFunction) -> InvocableFunction {
            let isLatest = function.version == .latest
            let known =
                isLatest ? functions[function.name] : published[function.name]?.versions[function.version]
            if let known, known.configurationID == function.configurationID { return known }
            if isLatest {
                functions[function.name] = function
            } else {
                published[function.name]?.versions[function.version] = function
            }
            return function
        }

        /// Forgets versions. Returns those that were known.
        mutating func forgetVersions(
            of name: FunctionName,
            where isForgotten: (InvocableFunction) -> Bool
        ) -> [InvocableFunction] {
            let forgotten = published[name]?.versions.values.filter(isForgotten) ?? []
            for function in forgotten { published[name]?.versions[function.version] = nil }
            return forgotten
        }

        /// Takes up what is set for a function.
        mutating func note(_ record: FunctionRecord) {
            settings[record.name] = InvokeSettings(record)
        }
    }

    private struct Published {
        var aliases: [String: AliasRecord] = [:]
        /// Those that have been invoked.
        var versions: [FunctionVersion: InvocableFunction] = [:]
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
    package func cached(_ reference: FunctionReference) -> InvocableFunction? {
        state.withLock { $0.function(reference) }
    }

    /// Whether a function that has been found here may invoke itself in a loop.
    package func allowsLoop(_ name: FunctionName) -> Bool {
        state.withLock { $0.settings[name]?.allowsLoop ?? false }
    }

    /// How asynchronous invokes of a function that has been found here are tried.
    package func eventSettings(_ reference: FunctionReference) -> EventSettings? {
        state.withLock { $0.settings[reference.name]?.eventSettings(of: reference) }
    }

    /// The function, from the store if need be; one that is being created or published is waited for.
    ///
    /// - Throws: `ResourceNotFoundException` if there is no such function, version or alias,
    ///   `ResourceConflictException` if it has failed.
    package func resolve(_ reference: FunctionReference) async throws(LambdaError) -> InvocableFunction {
        while true {
            if let function = cached(reference) { return function }
            let changes = state.withLock { $0.changes }
            let record = try await load(reference)
            let drawn = Self.version(reference, in: record)
            let function = try await function(drawn, of: record, reference)
            // All that the alias may draw: as long as one were unknown, draws of it would end here, and be drawn again.
            var functions = [function]
            for version in record.aliases[reference.qualifier?.rawValue ?? ""]?.versions ?? [] where version != drawn {
                if let other = try? await self.function(version, of: record, reference) { functions.append(other) }
            }
            if let kept = keep(functions, of: record, ifUnchangedSince: changes) { return kept }
        }
    }

    /// A version, which is waited for.
    private func function(
        _ version: FunctionVersion,
        of record: FunctionRecord,
        _ reference: FunctionReference
    ) async throws(LambdaError) -> InvocableFunction {
        guard version != .latest else {
            guard let definition = FunctionLifecycle(record).invocable else {
                throw .functionState(record.status.state.rawValue)
            }
            return try invocable(record, .latest, definition)
        }
        guard let published = try await load(version, of: record.name) else { throw notFound(reference) }
        if published.status.state == .pending { throw .snapStartNotReady }
        guard published.status.state == .active else { throw .functionState(published.status.state.rawValue) }
        return try invocable(record, version, published.definition)
    }

    /// A version of a function as invokes see it. Throws for one that cannot be invoked here.
    private func invocable(
        _ record: FunctionRecord,
        _ version: FunctionVersion,
        _ definition: FunctionDefinition
    ) throws(LambdaError) -> InvocableFunction {
        guard definition.durable == nil else {
            throw LambdaError(
                .notImplemented,
                "Swiftlet cannot start durable executions yet, so the function \(record.name) cannot be invoked."
            )
        }
        return InvocableFunction(record.name, version, definition, record.sandbox, in: locality)
    }

    /// The version that a reference means; for one that is neither there nor an alias, what it would be.
    private static func version(
        _ reference: FunctionReference,
        in record: FunctionRecord
    ) -> FunctionVersion {
        guard let qualifier = reference.qualifier, qualifier != .latest else { return .latest }
        return record.aliases[qualifier.rawValue]?.drawVersion() ?? FunctionVersion(qualifier.rawValue)
    }

    /// Keeps functions for the invokes to come. Returns the first of them as it is kept; nil if something has changed
    /// meanwhile.
    private func keep(
        _ functions: [InvocableFunction],
        of record: FunctionRecord,
        ifUnchangedSince changes: Int
    ) -> InvocableFunction? {
        state.withLock { state in
            guard state.changes == changes else { return nil }
            state.published[record.name, default: Published()].aliases = record.aliases
            state.note(record)
            return functions.map { state.keep($0) }.first
        }
    }

    /// The configuration that invokes of a function's unpublished version begin to run; nil if it has none that can be invoked.
    static func configurationInForce(of record: FunctionRecord) -> InvocableFunction.ConfigurationID? {
        FunctionLifecycle(record).invocable.map { record.configurationID(of: $0) }
    }

    private func changed(_ change: FunctionChange) {
        switch change {
        case .written(let record):
            let moved = state.withLock { state in
                state.note(record)
                return state.forgetVersions(of: record.name) { $0.sandbox != record.sandbox }
            }
            for function in moved { onRetired(function.configurationID) }
            let definition = FunctionLifecycle(record).invocable
            replace(
                record.name,
                with: definition.flatMap { try? invocable(record, .latest, $0) },
                aliases: record.aliases
            )
        case .deleted(let name):
            let published = state.withLock { state in
                state.settings[name] = nil
                return state.published.removeValue(forKey: name)
            }
            replace(name, with: nil, aliases: nil)
            for function in (published?.versions ?? [:]).values { onRetired(function.configurationID) }
        case .versionWritten:
            // Its code and configuration never change, and it is read when it is first invoked.
            state.withLock { $0.changes += 1 }
        case .missed:
            // Environments of configurations that are not in force any more go when they have been idle for long.
            state.withLock { $0 = State(changes: $0.changes + 1) }
        case .versionDeleted(let name, let number):
            let deleted = state.withLock { state in
                state.changes += 1
                return state.published[name]?.versions.removeValue(forKey: FunctionVersion(String(number)))
            }
            if let deleted { onRetired(deleted.configurationID) }
        }
    }

    private func replace(_ name: FunctionName, with function: InvocableFunction?, aliases: [String: AliasRecord]?) {
        let replaced = state.withLock { state -> InvocableFunction? in
            state.changes += 1
            if let aliases { state.published[name, default: Published()].aliases = aliases }
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
        throw notFound(reference)
    }

    private func load(
        _ version: FunctionVersion,
        of name: FunctionName
    ) async throws(LambdaError) -> VersionRecord? {
        guard let number = version.number else { return nil }
        do throws(MetadataStoreError) {
            return try await activation.finish(number, of: name, isForInvoke: true)
        } catch {
            throw .service(cause: error)
        }
    }

    /// An invoke's error names the version that would have been run.
    private func notFound(_ reference: FunctionReference) -> LambdaError {
        .functionNotFound(arn: locality.functionARN(reference.name, qualifier: reference.qualifier ?? .latest))
    }
}

extension FunctionDirectory: EventTargets {
    package func knownTarget(of reference: FunctionReference) -> EventTarget? {
        state.withLock { state in
            guard let function = state.function(reference), let settings = state.settings[reference.name] else {
                return nil
            }
            return EventTarget(
                function: function,
                settings: settings.eventSettings(of: reference),
                isStopped: settings.isStopped,
                allowsLoop: settings.allowsLoop
            )
        }
    }

    package func target(of reference: FunctionReference) async throws(LambdaError) -> EventTarget {
        while true {
            if let target = knownTarget(of: reference) { return target }
            _ = try await resolve(reference)
        }
    }
}

extension AliasRecord {
    /// The version of one invoke.
    fileprivate func drawVersion() -> FunctionVersion {
        routing == nil ? version : version(for: .random(in: 0..<1))
    }
}

extension FunctionRecord {
    /// What it has chosen to run in, all versions of it; nil if it leaves that to the service.
    var sandbox: SandboxKind? { SandboxKind(tags: tags) }

    /// What environments of a definition of it, the unpublished or a version's, are known by.
    func configurationID(of definition: FunctionDefinition) -> InvocableFunction.ConfigurationID {
        .init(definition.configurationID, in: sandbox)
    }
}

extension InvocableFunction {
    /// A version of a function.
    convenience init(
        _ name: FunctionName,
        _ version: FunctionVersion,
        _ definition: FunctionDefinition,
        _ sandbox: SandboxKind?,
        in locality: Locality
    ) {
        self.init(
            configurationID: ConfigurationID(definition.configurationID, in: sandbox),
            locality: locality,
            name: name,
            version: version,
            runtime: definition.runtime,
            handler: definition.handler,
            timeoutSeconds: definition.timeoutSeconds,
            memoryMegabytes: definition.memoryMegabytes,
            ephemeralStorageMegabytes: definition.ephemeralStorageMegabytes,
            environment: definition.environment ?? [:],
            codeHash: definition.codeHash,
            layerHashes: definition.layers?.map(\.codeHash) ?? [],
            logging: FunctionLogging(definition.logging),
            subnetIDs: definition.network?.subnetIDs ?? [],
            startsFromSnapshot: version != .latest && definition.snapStart == .publishedVersions,
            sandbox: sandbox
        )
    }
}
