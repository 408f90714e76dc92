import LambdaAPI
import Telemetry

/// Writes the platform's events to the log of an environment's function.
struct PlatformLog {
    let identity: PlatformIdentity
    /// The log, once there is one.
    var stream: FunctionLogStream?
    /// Whether the function's log is of JSON, and what of the platform's it shows.
    let format: LogFormat
    let level: SystemLogLevel

    /// Appends the event's lines, if it has any in this log.
    func append(_ event: PlatformEvent) {
        guard let stream else { return }
        guard format == .json else {
            for line in event.lines(of: identity) { stream.append(line: line) }
            return
        }
        guard level.shows(event.level) else { return }
        stream.append(line: String(decoding: event.json(of: identity, at: .now()), as: UTF8.self))
    }
}
