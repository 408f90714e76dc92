package import LambdaAPI
import NIOCore
import Synchronization
package import Worker

/// Environments on other hosts pass from one manager to another without being ended.
extension WorkerManager {
    /// What an environment does that is taken over.
    package enum AdoptedPhase: Sendable {
        /// It is being made.
        case starting
        /// It may be given an invoke.
        case idle
        /// It has an invoke, whose end is counted.
        case busy
    }

    /// Takes over an environment that is on its host already. Must be called on the environment's event loop.
    package func adopt(_ environment: any ManagedEnvironment, isProvisioned: Bool, _ phase: AdoptedPhase) {
        let action = state.withLock { state -> Ledger.ReadyAction in
            guard state.environments[environment.id] == nil else { return .none }
            state.environments[environment.id] = environment
            let adopted: Ledger.AdoptedPhase =
                switch phase {
                case .starting: .starting
                case .idle: .idle
                case .busy: .busy
                }
            return state.ledger.environmentAdopted(
                environment.id,
                for: environment.function.configurationID,
                memory: environment.function.memory.bytes,
                on: ObjectIdentifier(environment.eventLoop),
                isProvisioned: isProvisioned,
                adopted,
                at: Self.now()
            )
        }
        carryOut(action, with: environment)
    }

    /// Has nothing to do any more with functions that are another manager's from now on. Their environments go on; invokes
    /// that wait for one are refused with `.moved`.
    ///
    /// - Returns: The environments that were theirs.
    package func forget(_ isForgotten: @Sendable (FunctionName) -> Bool) -> [any ManagedEnvironment] {
        let (environments, waiters) = state.withLock { state -> ([any ManagedEnvironment], [Invoke]) in
            var functions = Set<InvocableFunction.ConfigurationID>()
            for environment in state.environments.values where isForgotten(environment.function.name) {
                functions.insert(environment.function.configurationID)
            }
            for (function, invoke) in state.ledger.waiting where isForgotten(invoke.request.function.name) {
                functions.insert(function)
            }
            for (function, provisioned) in state.provisioned where isForgotten(provisioned.name) {
                functions.insert(function)
                state.provisioned[function] = nil
            }
            let (forgotten, waiters) = state.ledger.forget(functions)
            return (forgotten.compactMap { state.environments.removeValue(forKey: $0) }, waiters)
        }
        for waiter in waiters {
            waiter.refuse(InvokeFailure(.moved, "the function is another manager's now"))
        }
        return environments
    }
}
