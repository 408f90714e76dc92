import LambdaAPI
import NIOCore
import RuntimeAPI

/// What the platform tells about an environment: in the function's log, and to extensions that subscribed to telemetry.
/// Sources: `spec/invoke.md` section 7, `spec/runtime-api.md` section 3.
enum PlatformEvent {
    case initStart(InitialisationPhase)
    case initRuntimeDone(InitialisationPhase, Outcome)
    case initReport(InitialisationPhase, duration: TimeAmount, Outcome)
    case restoreStart
    case restoreRuntimeDone(Outcome)
    case restoreReport(duration: TimeAmount, Outcome)
    case start(RequestID, version: FunctionVersion, traceHeader: String)
    case runtimeDone(RuntimeDone)
    case report(InvocationReport, traceHeader: String)
    case `extension`(ExtensionStatus)
    case subscription(TelemetrySubscription)
    case dropped(records: Int, bytes: Int)

    /// When processes initialise.
    enum InitialisationPhase: String {
        /// Ahead of the first invoke.
        case initialisation = "init"
        /// Within an invoke, after an initialisation that failed or a reset.
        case invoke
    }

    /// How something ended.
    struct Outcome: Equatable {
        /// `success`, `failure`, `error` or `timeout`.
        let status: String
        let errorType: String?

        static let success = Outcome(status: "success", errorType: nil)

        static func failure(_ document: FailureDocument) -> Outcome {
            Outcome(
                status: document.status.rawValue,
                errorType: document.status == .timeout ? nil : document.errorType
            )
        }

        var isSuccess: Bool { status == Self.success.status }
    }

    /// The end of the runtime's part of an invoke.
    struct RuntimeDone {
        let requestID: RequestID
        let traceHeader: String
        let outcome: Outcome
        /// When the event was delivered.
        let startedAt: Timestamp
        /// From the delivery of the event until the runtime asked for the next one, or failed.
        let duration: TimeAmount
        /// The response's size.
        let producedBytes: Int
        /// From the delivery until the response began, and from then until it ended; absent where there was none.
        let responseLatency: TimeAmount?
        let responseDuration: TimeAmount?
    }

    /// The event's name after `platform.`.
    var name: String {
        switch self {
        case .initStart: "initStart"
        case .initRuntimeDone: "initRuntimeDone"
        case .initReport: "initReport"
        case .restoreStart: "restoreStart"
        case .restoreRuntimeDone: "restoreRuntimeDone"
        case .restoreReport: "restoreReport"
        case .start: "start"
        case .runtimeDone: "runtimeDone"
        case .report: "report"
        case .extension: "extension"
        case .subscription(let subscription):
            subscription.api == .telemetry ? "telemetrySubscription" : "logsSubscription"
        case .dropped: "logsDropped"
        }
    }

    /// The least verbose system log level at which the event is in a JSON log.
    var level: SystemLogLevel {
        switch self {
        case .initRuntimeDone(_, let outcome), .initReport(_, _, let outcome), .restoreRuntimeDone(let outcome),
            .restoreReport(_, let outcome):
            .ofDone(outcome)
        case .runtimeDone(let done): .ofDone(done.outcome)
        case .report(let report, _):
            report.failure == nil ? .info : .warn
        case .initStart, .restoreStart, .start, .extension, .subscription: .info
        case .dropped: .warn
        }
    }
}

extension SystemLogLevel {
    /// The level of something that is done.
    static func ofDone(_ outcome: PlatformEvent.Outcome) -> SystemLogLevel {
        outcome.isSuccess ? .debug : .warn
    }

    /// Whether a log at this level shows what is of another.
    func shows(_ other: SystemLogLevel) -> Bool {
        rank <= other.rank
    }

    private var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        default: 2
        }
    }
}
