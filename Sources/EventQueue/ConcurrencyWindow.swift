import LambdaAPI

/// How many events of a lane may run at once, as a state machine.
///
/// It begins narrow, so that a burst of short events does not start an environment for each of them, and widens as long as
/// events wait though it is full: 300 a minute, as fast as Lambda adds pollers to a queue (`spec/async-esm.md` section 3,
/// Concurrency). When an event is throttled, what still runs is what there is room for, and it narrows to that; with
/// nothing else running it closes for a moment, so that events are not all tried and put off one after the other.
struct ConcurrencyWindow: Equatable {
    /// How wide it is at first.
    static let start = 16
    /// How long it is full before it is one wider, in milliseconds.
    static let growthInterval = 200
    /// How long it does not widen after an event was throttled, and stays closed if nothing else runs, in milliseconds.
    static let pause = 1000

    private(set) var limit = start
    private(set) var running = 0
    /// Since when it has been full while events waited.
    private var fullSince: Timestamp?
    private var closedUntil: Timestamp?

    /// What an event that wants to run is told.
    enum Answer: Equatable {
        /// It runs, and is reported to ``finished(wasThrottled:at:)``.
        case run
        /// It may ask again then, or when another has finished.
        case wait(until: Timestamp)
    }

    /// An event wants to run.
    mutating func eventWaits(at now: Timestamp) -> Answer {
        if let closedUntil, closedUntil > now { return .wait(until: closedUntil) }
        closedUntil = nil
        if running >= limit {
            let since = fullSince ?? now
            fullSince = since
            let next = Timestamp(milliseconds: since.milliseconds + Self.growthInterval)
            guard next <= now else { return .wait(until: next) }
            limit += 1
            fullSince = now
        } else if let since = fullSince, since <= now {
            fullSince = nil
        }
        running += 1
        return .run
    }

    /// An event that ran has finished.
    mutating func finished(wasThrottled: Bool, at now: Timestamp) {
        running -= 1
        guard wasThrottled else { return }
        limit = min(limit, max(1, running))
        let end = Timestamp(milliseconds: now.milliseconds + Self.pause)
        fullSince = end
        if running == 0 { closedUntil = end }
    }
}
