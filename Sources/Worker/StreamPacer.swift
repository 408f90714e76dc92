import LambdaAPI
import NIOCore

/// How fast a streamed response may come: so much at once, the rest at a steady rate, and no more than so much in all.
/// Source: `spec/invoke.md` section 5. A value without a clock: it is told the time.
struct StreamPacer {
    /// What may come at any speed, in bytes.
    var burstBytes = Limits.streamedResponseBurst.bytes
    /// What may come thereafter, in bytes per second.
    var bytesPerSecond = Limits.streamedResponseRate.bytes
    /// What may come in all, in bytes.
    var bytesMax = Limits.streamedResponseMax.bytes

    private var total = 0
    private var due: NIODeadline?

    enum Verdict: Equatable {
        /// More may come at once.
        case proceed
        /// More may come at this time.
        case wait(until: NIODeadline)
        /// The response is larger than it may be.
        case exceeded
    }

    /// So much has come.
    mutating func passed(bytes: Int, at now: NIODeadline) -> Verdict {
        let paced = max(0, min(bytes, total + bytes - burstBytes))
        total += bytes
        guard total <= bytesMax else { return .exceeded }
        guard paced > 0 else { return .proceed }
        let start = max(due ?? now, now)
        let due = start + .nanoseconds(Int64(Double(paced) / Double(bytesPerSecond) * 1e9))
        self.due = due
        // A pause so short costs more than it slows.
        return due - now < .milliseconds(5) ? .proceed : .wait(until: due)
    }
}
