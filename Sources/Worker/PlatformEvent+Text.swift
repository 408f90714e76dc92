import LambdaAPI
import NIOCore
import RuntimeAPI

// The lines of a log in text format. Source: `spec/invoke.md` section 7.
extension PlatformEvent {
    /// The event's lines; most have one, and some none at all.
    func lines(of platform: PlatformIdentity) -> [String] {
        switch self {
        case .initStart(.initialisation):
            return ["INIT_START \(platform.versionText)"]
        case .restoreStart:
            return ["RESTORE_START \(platform.versionText)"]
        case .restoreReport(let duration, let outcome):
            let line = "RESTORE_REPORT Restore Duration: \(InvocationReport.milliseconds(duration)) ms"
            return [outcome.isSuccess ? line : line + outcome.text]
        case .initStart(.invoke), .initRuntimeDone, .restoreRuntimeDone, .runtimeDone:
            return []
        case .initReport(let phase, let duration, let outcome):
            // A good one has its figures in the REPORT of the first invoke, unless it came ahead of any.
            guard !outcome.isSuccess || platform.initializationType != .onDemand else { return [] }
            let line = "INIT_REPORT Init Duration: \(InvocationReport.milliseconds(duration)) ms"
            return ["\(line)\tPhase: \(phase.rawValue)\(outcome.text)"]
        case .start(let requestID, let version, _):
            return ["START RequestId: \(requestID) Version: \(version)"]
        case .report(let report, _):
            return ["END RequestId: \(report.requestID)", report.line]
        case .extension(let status):
            let events = status.events.map(\.rawValue).joined(separator: ", ")
            return ["EXTENSION\tName: \(status.name)\tState: \(status.state)\tEvents: [\(events)]"]
        case .subscription(let subscription):
            let kinds = subscription.kinds.map(\.rawValue.capitalised).joined(separator: ", ")
            let label = subscription.api == .telemetry ? "TELEMETRY" : "LOGS"
            return ["\(label)\tName: \(subscription.subscriber)\tState: Subscribed\tTypes: [\(kinds)]"]
        case .dropped(let records, let bytes):
            return ["LOGS\tDropped: \(records) records, \(bytes) bytes"]
        }
    }
}

extension PlatformEvent.Outcome {
    fileprivate var text: String {
        "\tStatus: \(status)" + (errorType.map { "\tError Type: \($0)" } ?? "")
    }
}

extension PlatformIdentity {
    fileprivate var versionText: String {
        "Runtime Version: \(runtimeVersion.name)\tRuntime Version ARN: \(runtimeVersion.arn)"
    }
}

extension String {
    /// With the first letter in upper case.
    fileprivate var capitalised: String {
        prefix(1).uppercased() + dropFirst()
    }
}
