import LambdaAPI
import Telemetry

/// Writes the platform's events to the log of an environment's function.
struct PlatformLog {
    let identity: PlatformIdentity
    /// The log, once there is one.
    var stream: FunctionLogStream?
    /// Whether the function's log is of JSON, and what of the platform's it shows then.
    let isJSON: Bool
    let level: SystemLogLevel

    /// Whether the log has events of this level and JSON; a log of text has the lines that it has.
    func shows(_ other: SystemLogLevel) -> Bool {
        isJSON && level.shows(other)
    }

    /// Appends the event's lines, if it has any in this log.
    func append(_ event: PlatformEvent) {
        guard let stream else { return }
        guard isJSON else {
            for line in event.lines(of: identity) { stream.append(line: line) }
            return
        }
        guard shows(event.level) else { return }
        stream.append(line: String(decoding: event.json(of: identity, at: .now()), as: UTF8.self))
    }
}
