package import LambdaAPI

/// What the control plane asks of whoever keeps execution environments.
package protocol FunctionEnvironments: Sendable {
    /// Keeps this many environments of a function's version initialised from now on. Does not wait for them.
    func provision(_ function: InvocableFunction, count: Int)

    /// How far that has come, nil if nothing is provisioned for the version, or nobody could be asked.
    func provisionProgress(
        of configuration: InvocableFunction.ConfigurationID,
        _ function: FunctionName
    ) async -> ProvisionProgress?

    /// Ends all environments of a function: idle ones now, those at work when they have finished.
    ///
    /// - Returns: How many they are.
    func recycle(_ function: FunctionName) async -> Int
}

/// How far the provision of a version has come.
package struct ProvisionProgress: Sendable, Equatable {
    /// How many environments have been initialised.
    package var ready: Int
    /// Why environments are missing, if not because they are being made: AWS's `StatusReason`, or a text of ours.
    package var failure: String?

    package init(ready: Int, failure: String? = nil) {
        self.ready = ready
        self.failure = failure
    }
}

/// For a control plane that stands alone: nothing is ever run.
package struct NoEnvironments: FunctionEnvironments {
    package init() {}
    package func provision(_ function: InvocableFunction, count: Int) {}
    package func provisionProgress(
        of configuration: InvocableFunction.ConfigurationID,
        _ function: FunctionName
    ) async -> ProvisionProgress? { nil }
    package func recycle(_ function: FunctionName) async -> Int { 0 }
}
