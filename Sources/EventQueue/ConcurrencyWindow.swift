import LambdaAPI

/// How many events of a lane may run at once, as a state machine.
///
/// It begins narrow, so that a burst of short events does not start an environment for each of them, and widens as long as
/// events wait though it is full: 300 a minute, as fast as Lambda adds pollers to a queue (`spec/async-esm.md` section 3,
/// Concurrency). When an event is throttled, what still runs is what there is room for, and it narrows to that.
struct ConcurrencyWindow: Equatable {
    /// How wide it is at first.
    static let start = 16
    /// How long it is full before it is one wider, in milliseconds.
    static let growthInterval = 200
    /// How long it stays as it is after an event was throttled, in milliseconds.
    static let pause = 1000

    private(set) var limit = start
    /// Since when it has been full while events waited.
    private var fullSince: Timestamp?

    /// Events wait, and so many run. Returns whether one more may; if not, when to ask again at the latest.
    mutating func admit(running: Int, at now: Timestamp) -> (mayRun: Bool, askAgain: Timestamp?) {
        guard running >= limit else {
            fullSince = nil
            return (true, nil)
        }
        let since = fullSince ?? now
        let next = Timestamp(milliseconds: since.milliseconds + Self.growthInterval)
        guard next <= now else {
            fullSince = since
            return (false, next)
        }
        limit += 1
        fullSince = now
        return (running < limit, Timestamp(milliseconds: now.milliseconds + Self.growthInterval))
    }

    /// An event was throttled; so many others still run.
    mutating func throttled(running: Int, at now: Timestamp) {
        limit = min(limit, max(1, running))
        fullSince = Timestamp(milliseconds: now.milliseconds + Self.pause)
    }
}
