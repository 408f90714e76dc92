import LambdaAPI
import NIOCore
import RuntimeAPI
import Telemetry

/// The subscribers to an environment's telemetry. Source: `spec/runtime-api.md` section 3.
struct TelemetryFanout {
    private var subscribers: [TelemetrySubscriber] = []
    /// What has happened since initialisation began, for those who subscribe in the course of it.
    private var past: [(event: PlatformEvent, time: Timestamp)] = []
    private var keepsPast = false
    /// What was printed since the last newline.
    private var openLines: [LogSource: [UInt8]] = [:]

    /// A longer line becomes several events, in bytes.
    private static let lineBytesMax = 64 << 10

    /// Whether nobody wants anything, now or later in this initialisation; the common case.
    var isIdle: Bool { subscribers.isEmpty && !keepsPast }

    /// Initialisation begins: extensions can subscribe until it is over.
    mutating func initialisationBegan() {
        removeAll()
        keepsPast = true
    }

    mutating func initialisationEnded() {
        past = []
        keepsPast = false
    }

    /// Whether anybody wants events of this kind.
    func wants(_ kind: TelemetryKind) -> Bool {
        subscribers.contains { $0.subscription.kinds.contains(kind) }
    }

    /// Takes in a subscriber, and tells it what it has missed. A second subscription of an extension to the same API
    /// replaces its first.
    mutating func add(_ subscriber: TelemetrySubscriber, platform: PlatformIdentity) {
        subscribers.removeAll { earlier in
            guard earlier.subscription.subscriber == subscriber.subscription.subscriber,
                earlier.subscription.api == subscriber.subscription.api
            else { return false }
            earlier.close()
            return true
        }
        subscribers.append(subscriber)
        for (event, time) in past { send(event, of: platform, at: time, to: subscriber) }
    }

    /// Passes a platform event on.
    mutating func publish(_ event: PlatformEvent, of platform: PlatformIdentity, at time: Timestamp) {
        if keepsPast { past.append((event, time)) }
        for subscriber in subscribers { send(event, of: platform, at: time, to: subscriber) }
    }

    private func send(
        _ event: PlatformEvent,
        of platform: PlatformIdentity,
        at time: Timestamp,
        to subscriber: TelemetrySubscriber
    ) {
        guard subscriber.subscription.kinds.contains(.platform) else { return }
        switch subscriber.subscription.api {
        case .telemetry:
            if event.isOfTelemetryAPI { subscriber.append(event.json(of: platform, at: time)) }
        case .logs:
            if event.isOfLogsAPI { subscriber.append(event.json(of: platform, at: time)) }
            if let end = event.endOfLogsAPI(at: time) { subscriber.append(end) }
        }
    }

    /// Takes in what was printed, and passes its whole lines on.
    mutating func printed(_ bytes: [UInt8], by source: LogSource, at time: Timestamp) {
        let kind: TelemetryKind = source == .function ? .function : .extension
        guard wants(kind) else { return }
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = openLines[source, default: []] + rest[..<newline]
            openLines[source] = nil
            publish(String(decoding: line, as: UTF8.self), printedBy: kind, at: time)
            rest = rest[(newline + 1)...]
        }
        guard !rest.isEmpty else { return }
        openLines[source, default: []] += rest
        guard let open = openLines[source], open.count > Self.lineBytesMax else { return }
        openLines[source] = nil
        publish(String(decoding: open, as: UTF8.self), printedBy: kind, at: time)
    }

    /// Passes on what the runtime or an extension has printed: one line without its newline.
    private func publish(_ line: String, printedBy kind: TelemetryKind, at time: Timestamp) {
        for subscriber in subscribers where subscriber.subscription.kinds.contains(kind) {
            subscriber.append(
                PlatformEvent.json(type: kind.rawValue, at: time) { event in
                    event.member("record", PrintedLine(text: line, subscription: subscriber.subscription))
                }
            )
        }
    }

    /// Delivers what has gathered without further delay.
    func flush() {
        for subscriber in subscribers { subscriber.flush() }
    }

    /// Delivers what has gathered, and calls `onFinished` when all of it has been, or is given up.
    func finish(_ onFinished: @escaping () -> Void) {
        var left = subscribers.count
        guard left > 0 else { return onFinished() }
        for subscriber in subscribers {
            subscriber.finish {
                left -= 1
                if left == 0 { onFinished() }
            }
        }
    }

    /// What has been asked for.
    var subscriptions: [TelemetrySubscription] { subscribers.map(\.subscription) }

    /// Ends all subscriptions: the processes that made them end.
    mutating func removeAll() {
        for subscriber in subscribers { subscriber.close() }
        subscribers = []
        openLines = [:]
        initialisationEnded()
    }
}

/// What a process printed: an object where it is one and the subscriber knows of such, otherwise text.
private struct PrintedLine: JSONEncodable {
    let text: String
    let subscription: TelemetrySubscription

    func encode(to writer: inout JSONWriter) {
        let knowsObjects = subscription.api == .telemetry && subscription.schemaVersion >= "2022-12-13"
        let bytes = Array(text.utf8)
        if knowsObjects, bytes.first == UInt8(ascii: "{"), (try? JSONParser.parse(bytes)) != nil {
            writer.verbatim(text)
        } else {
            writer.string(text + "\n")
        }
    }
}

extension PlatformEvent {
    fileprivate var isOfTelemetryAPI: Bool {
        if case .subscription(let subscription) = self { subscription.api == .telemetry } else { true }
    }

    /// The older API knows nothing of initialisations.
    fileprivate var isOfLogsAPI: Bool {
        switch self {
        case .initStart, .initRuntimeDone, .initReport, .restoreStart, .restoreRuntimeDone, .restoreReport: false
        case .subscription(let subscription): subscription.api == .logs
        case .start, .runtimeDone, .report, .extension, .dropped: true
        }
    }

    /// The older API has an event of its own for the end of an invoke.
    fileprivate func endOfLogsAPI(at time: Timestamp) -> [UInt8]? {
        guard case .report(let report, _) = self else { return nil }
        return Self.json(type: "platform.end", at: time) { event in
            event.member("record", object: { $0.member("requestId", report.requestID.rawValue) })
        }
    }
}
