@testable import WorkerRole

extension HostedEnvironments {
    /// Somebody brings an event that no other may follow.
    mutating func runRequested(
        _ invoke: Invoke,
        in environment: EnvironmentID,
        showing token: Token,
        at now: Instant
    ) -> RunAction {
        runRequested(invoke, in: environment, showing: token, followers: 0, at: now) {
            preconditionFailure("nobody follows")
        }
    }
}
