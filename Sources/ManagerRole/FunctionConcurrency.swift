package import Invocation
package import LambdaAPI
import Synchronization
package import WorkerManager

/// What functions have reserved and provisioned: of all of them, so that a manager has it at once when a function becomes its own.
package final class FunctionConcurrency: Sendable {
    /// What is set for one function.
    private struct Settings {
        var reserved: Int?
        var provisioned: [FunctionVersion: Int] = [:]
    }

    private struct State {
        var settings: [FunctionName: Settings] = [:]
        /// What is to be kept initialised.
        var environments: [InvocableFunction.ConfigurationID: (function: InvocableFunction, count: Int)] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// The reserved concurrency of a function, and what is provisioned for its versions.
    package func changed(_ function: FunctionName, reserved: Int?, provisioned: [FunctionVersion: Int]) {
        state.withLock { state in
            let isEmpty = reserved == nil && provisioned.isEmpty
            state.settings[function] = isEmpty ? nil : Settings(reserved: reserved, provisioned: provisioned)
        }
    }

    /// A function is gone.
    package func deleted(_ function: FunctionName) {
        state.withLock { $0.settings[function] = nil }
    }

    /// So many environments of a version are to be kept initialised, by whichever manager has the function.
    package func provisionChanged(_ function: InvocableFunction, to count: Int) {
        state.withLock { $0.environments[function.configurationID] = count > 0 ? (function, count) : nil }
    }

    /// Applies what is set for some functions to the limits of a manager whose they are now.
    package func apply(to limiter: ConcurrencyLimiter, _ isIncluded: @Sendable (FunctionName) -> Bool) {
        let settings = state.withLock { $0.settings.filter { isIncluded($0.key) } }
        for (name, settings) in settings {
            limiter.settingsChanged(of: name, reserved: settings.reserved, provisioned: settings.provisioned)
        }
    }

    /// Has the environments of some functions kept initialised by a manager whose they are now.
    package func provision(in manager: WorkerManager, _ isIncluded: @Sendable (FunctionName) -> Bool) {
        let wanted = state.withLock { $0.environments.values.filter { isIncluded($0.function.name) } }
        for (function, count) in wanted { manager.provision(function, count: count) }
    }
}
