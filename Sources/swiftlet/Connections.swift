package import ControlPlane
import Invocation
package import LambdaAPI
import WorkerManager

/// What one room asks of another that it does not know.
extension WorkerManager: FunctionEnvironments {
    package func provisionProgress(
        of configuration: InvocableFunction.ConfigurationID,
        _ function: FunctionName
    ) async -> ProvisionProgress? {
        provisionProgress(of: configuration)
    }

    /// How far the provision of a version has come, nil if nothing is provisioned for it.
    func provisionProgress(of configuration: InvocableFunction.ConfigurationID) -> ProvisionProgress? {
        guard let status = provisionStatus(of: configuration) else { return nil }
        let failure =
            switch status.obstacle {
            case .initialisation: "FUNCTION_ERROR_INIT_FAILURE"
            case .memory: "The memory budget has no room for another execution environment."
            case .host: "The host could not make an execution environment."
            case nil: String?.none
            }
        return ProvisionProgress(ready: status.ready, failure: failure)
    }
}

extension ConcurrencyLimiter {
    /// Takes over what the control plane has stored.
    func apply(_ change: ConcurrencyChange) {
        switch change {
        case .changed(let function, let reserved, let provisioned):
            settingsChanged(of: function, reserved: reserved, provisioned: provisioned)
        case .deleted(let function):
            functionDeleted(function)
        }
    }
}

extension ServeConfiguration {
    var invokerSettings: Invoker.Settings {
        Invoker.Settings(concurrency: concurrency, requestsPerSecond: requestRate == 0 ? nil : requestRate)
    }
}
