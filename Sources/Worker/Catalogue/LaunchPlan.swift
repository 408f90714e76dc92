package import Sandbox

/// How to start the runtime of one function in its sandbox: the part that its runtime decides. The function's own
/// variables and those of the service (`_HANDLER`, credentials, …) come on top.
package struct LaunchPlan: Sendable, Hashable {
    /// Paths inside the sandbox, in order: the first that exists is executed. Managed runtimes have one;
    /// `provided.*` have `/var/task/bootstrap` and `/opt/bootstrap`.
    package var executables: [String]
    /// The arguments after the program's name.
    package var arguments: [String]
    /// The runtime's variables, lowest in precedence.
    package var environment: [String: String]
    /// What the runtime needs to see, beyond the function's code: its own directory at `/var/runtime`.
    package var mounts: [ReadOnlyMount]
    /// The userland that has the executables; `nil` for the host's.
    package var userland: UserlandID?
    /// The arguments with which the runtime is started before its function is known; `nil` if it cannot be.
    package var waitingArguments: [String]?
    /// Whether a runtime that waits can be copied with its machine.
    package var canBeCopied: Bool
    /// Whether `AWS_LAMBDA_EXEC_WRAPPER` has an effect; it has none on `provided.*`.
    package var honoursExecWrapper: Bool
    /// Whether a wrapper is executed in the runtime's place.
    package var isWrapped = false
    /// The directory to start in.
    package var workingDirectory: String { "/var/task" }

    /// The argument vector for one of ``executables``, the program's name first.
    package func argumentVector(executable: String) -> [String] {
        [executable] + arguments
    }

    /// This plan with the runtime's command line appended to a wrapper's, as `AWS_LAMBDA_EXEC_WRAPPER` asks for;
    /// the plan itself where the runtime does not honour it.
    package func wrapped(by wrapper: String) -> LaunchPlan {
        guard honoursExecWrapper, let executable = executables.first else { return self }
        var plan = self
        plan.executables = [wrapper]
        plan.isWrapped = true
        plan.waitingArguments = nil
        plan.arguments = [executable] + arguments
        return plan
    }
}
