import FleetProtocol
package import LambdaAPI
import Synchronization

/// The function versions that frontends have described to a manager, and those that it has taken over environments of.
package final class KnownFunctions: Sendable {
    private struct State {
        var functions: [InvocableFunction.ConfigurationID: InvocableFunction] = [:]
        var configurations: [FunctionName: Set<InvocableFunction.ConfigurationID>] = [:]

        mutating func note(_ function: InvocableFunction) {
            if functions.count >= KnownFunctions.countMax { self = State() }
            functions[function.configurationID] = function
            configurations[function.name, default: []].insert(function.configurationID)
        }
    }

    /// So many are kept; when there are more, all are forgotten, and described again.
    fileprivate static let countMax = 100_000

    private let state = Mutex(State())

    package init() {}

    /// The function that a frontend asks an environment for; nil if it has never described it.
    func function(_ message: ReserveMessage) -> InvocableFunction? {
        state.withLock { state in
            if let known = state.functions[message.configurationID] { return known }
            guard let function = message.function else { return nil }
            state.note(function)
            return function
        }
    }

    /// There is an environment of a function version.
    func note(_ function: InvocableFunction) {
        state.withLock { $0.note(function) }
    }

    /// The unpublished version of a function has this configuration from now on; nil if it has none that can be invoked.
    ///
    /// - Returns: The configurations that are in force no more.
    package func latestChanged(
        _ name: FunctionName,
        to current: InvocableFunction.ConfigurationID?
    ) -> [InvocableFunction.ConfigurationID] {
        forget(name) { $0.version == .latest && $0.configurationID != current }
    }

    /// A version of a function is gone.
    package func versionDeleted(_ version: FunctionVersion, of name: FunctionName) -> [InvocableFunction
        .ConfigurationID]
    {
        forget(name) { $0.version == version }
    }

    /// A function is gone.
    package func deleted(_ name: FunctionName) -> [InvocableFunction.ConfigurationID] {
        forget(name) { _ in true }
    }

    private func forget(
        _ name: FunctionName,
        _ isForgotten: @Sendable (InvocableFunction) -> Bool
    ) -> [InvocableFunction.ConfigurationID] {
        state.withLock { state in
            let known = (state.configurations[name] ?? []).compactMap { state.functions[$0] }
            let forgotten = known.filter(isForgotten).map(\.configurationID)
            for configuration in forgotten {
                state.functions[configuration] = nil
                state.configurations[name]?.remove(configuration)
            }
            if state.configurations[name]?.isEmpty == true { state.configurations[name] = nil }
            return forgotten
        }
    }
}
