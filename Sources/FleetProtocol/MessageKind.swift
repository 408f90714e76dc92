import HostLink

/// The kinds of messages between the roles of a fleet. A number that has been released keeps its meaning; a host ignores kinds
/// that it does not know.
package enum MessageKind: UInt8, Sendable, CaseIterable {
    // From a frontend to a manager, as a call.
    case reserve = 16
    // Its answers.
    case reserved = 17
    case refused = 18
    // From a frontend to a manager: a reservation that it cannot use.
    case unused = 19

    // From a frontend to a worker, as a call.
    case run = 24
    case consumed = 25
    // Its answers.
    case began = 26
    case chunk = 27
    case result = 28
    case notRun = 29

    // From a manager to a worker.
    case own = 32
    case disown = 33
    case start = 34
    case retire = 35
    case abort = 36
    case voidToken = 37
    case heartbeatAnswer = 38

    // From a worker to a manager.
    case registered = 48
    case outdated = 49
    case report = 50
    case reported = 51
    case event = 52
    case heartbeat = 53

    // From anybody who may ask, as a call with a JSON document.
    case ask = 64
    // Its answers.
    case answer = 65
    case complaint = 66

    // From a frontend to a worker, as a call about logs.
    case askLogs = 72
    // Its answers.
    case logs = 73
    case logsRefused = 74
}
