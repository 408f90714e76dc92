import ControlPlane
import LambdaAPI
import Logging
import MetadataStore
import Telemetry
import Worker

/// The snapshots of the functions of a service that is one process.
struct HostSnapshots: SnapshotMaker {
    let worker: Worker
    let logger: Logger

    func makeSnapshot(of function: InvocableFunction) async -> SnapshotOutcome {
        do throws(SnapshotFailure) {
            return try await worker.makeSnapshot(of: function) ? .made : .unavailable
        } catch {
            switch error {
            case .function(let failure):
                return .failed(failure.reason)
            case .stopped:
                return .stopped
            case .host(let reason):
                logger.error(
                    "a version starts without a snapshot, since none could be made",
                    metadata: [
                        LogKey.functionName: "\(function.name):\(function.version)", LogKey.error: "\(reason)",
                    ]
                )
                return .unavailable
            }
        }
    }

    func stopMaking() { worker.stopSnapshots() }

    func snapshots() -> [InvocableFunction.Identity] { worker.snapshots?.kept ?? [] }

    func removeSnapshot(of version: InvocableFunction.Identity) { worker.snapshots?.forget(version) }
}

extension SnapshotFailure.FunctionFailure {
    /// Why the version is `Failed`, with the code of the model's enumeration that fits.
    fileprivate var reason: FunctionStatus.Reason {
        let code =
            if isTimeout {
                "FunctionError.InitTimeout"
            } else if errorType.hasPrefix("Extension.") {
                "FunctionError.ExtensionInitError"
            } else {
                "FunctionError.RuntimeInitError"
            }
        let text = isTimeout ? "it took too long" : message.isEmpty ? errorType : "\(errorType): \(message)"
        return FunctionStatus.Reason(
            code: code,
            text: "The function could not be initialized for SnapStart: \(text). Its log tells more."
        )
    }
}
