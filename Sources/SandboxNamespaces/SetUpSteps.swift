import CSandbox
import Sandbox

/// For tests: the step of a sandbox's set-up that shall fail, and how. In effect in debug builds only.
package struct SetUpFault: Sendable {
    /// Steps of the service count from 1, those of the launcher and init go on from there. From 1001 on they are
    /// the steps that the launcher takes for an init that runs already.
    package var step: Int
    package var errno: CInt

    package init(step: Int, errno: CInt) {
        self.step = step
        self.errno = errno
    }
}

/// Counts and names the steps of making or adopting a sandbox, so that errors say which one failed and tests can make each fail.
struct SetUpSteps {
    let sandbox: SandboxID
    let purpose: Purpose
    let fault: SetUpFault?
    private(set) var taken = 0

    /// What the steps are for.
    enum Purpose {
        case setUp, adoption

        /// The error of a step, as the sandbox room has it.
        func error(in sandbox: SandboxID, _ reason: String, errno: CInt) -> SandboxError {
            switch self {
            case .setUp:
                SandboxError(.setUpFailed, "failed to set up sandbox \(sandbox): \(reason)", errno: errno)
            case .adoption:
                SandboxError(.adoptionFailed, "failed to adopt sandbox \(sandbox): \(reason)", errno: errno)
            }
        }
    }

    init(sandbox: SandboxID, purpose: Purpose = .setUp, fault: SetUpFault?) {
        self.sandbox = sandbox
        self.purpose = purpose
        self.fault = fault
    }

    /// Takes one step. Its error becomes one of the sandbox room that names the step.
    mutating func take<Value>(
        _ name: String,
        _ step: () throws(SystemError) -> Value
    ) throws(SandboxError) -> Value {
        taken += 1
        do throws(SystemError) {
            #if DEBUG
            if let fault, fault.step == taken { throw SystemError(operation: name, errno: fault.errno) }
            #endif
            return try step()
        } catch {
            throw purpose.error(in: sandbox, "\(name): \(error)", errno: error.errno)
        }
    }

    /// The fault for the launcher's and init's steps, as the message has it by which our last step asks for them.
    var remainingFault: (step: UInt32, error: Int32) {
        let ours = taken + 1
        guard let fault, fault.step > ours else { return (0, 0) }
        let isLaunchers = fault.step > Int(SB_LAUNCHER_STEPS)
        return (UInt32(isLaunchers ? fault.step : fault.step - ours), fault.errno)
    }
}
