package import LambdaAPI
package import NIOCore
import Telemetry

/// What the queue knows of time, so that tests can let minutes pass in an instant.
package protocol EventClock: Sendable {
    /// This moment.
    func now() -> Timestamp

    /// Calls once at that moment, or at once if it has passed. It may call early, if only by now and then.
    func call(at moment: Timestamp, _ body: @escaping @Sendable () -> Void)
}

/// The host's clock. It is looked at every few seconds, in case somebody sets it.
package struct HostClock: EventClock {
    private static let waitMax = 5000
    private let eventLoop: any EventLoop

    package init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    package func now() -> Timestamp { .now() }

    package func call(at moment: Timestamp, _ body: @escaping @Sendable () -> Void) {
        let wait = min(max(0, moment.milliseconds - now().milliseconds), Self.waitMax)
        eventLoop.scheduleTask(in: .milliseconds(Int64(wait)), body)
    }
}
