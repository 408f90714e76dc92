/// How often something may happen: a token bucket in the form of the generic cell rate algorithm (ITU-T I.371), which
/// keeps one number and needs no timer.
///
/// Moments are nanoseconds of any clock that never goes back; nothing here reads one.
package struct RateLimit: Sendable {
    /// The time after which one more event is allowed, in nanoseconds.
    private let interval: Int
    /// How far events may run ahead of their rate: the bucket's size as time.
    private let tolerance: Int
    /// When the bucket will be full again.
    private var fullAt = Int.min

    /// At most `count` events at once and, in the long run, `count` in each period.
    ///
    /// - Parameters:
    ///   - count: At least 1.
    ///   - periodNanoseconds: How long it takes to refill an empty bucket.
    package init(_ count: Int, perNanoseconds periodNanoseconds: Int) {
        precondition(count > 0 && periodNanoseconds > 0, "a rate of nothing is no rate limit")
        interval = max(1, periodNanoseconds / count)
        tolerance = interval * (count - 1)
    }

    /// How many events are allowed at this moment, at most `count`.
    package func allowance(at now: Int, upTo count: Int) -> Int {
        let ahead = max(fullAt, now) - now
        guard ahead <= tolerance else { return 0 }
        return min(count, (tolerance - ahead) / interval + 1)
    }

    /// Whether as much is allowed as ever.
    package func isFull(at now: Int) -> Bool { fullAt <= now }

    /// Counts an event if it is allowed at this moment, and returns whether it is.
    package mutating func take(at now: Int) -> Bool {
        let start = max(fullAt, now)
        guard start - now <= tolerance else { return false }
        fullAt = start + interval
        return true
    }

    /// So many events that were counted have not happened.
    package mutating func giveBack(_ count: Int) {
        fullAt = max(Int.min + interval * count, fullAt) - interval * count
    }
}
