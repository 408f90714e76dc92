/// Whether a worker can be counted on, as its manager sees it: a state machine.
///
/// A worker that is not heard of may still run what it was given. It ends that by itself some time after the last heartbeat that
/// was answered, so the manager waits somewhat longer, and then takes it for over.
///
/// Instants are nanoseconds of any clock that never goes back.
package struct WorkerLife {
    /// A moment; see above.
    package typealias Instant = Int

    private enum State: Equatable {
        /// There is a connection, and the worker has said what it is. Next: `silent`.
        case present
        /// There is no connection. Next: `present`, `lost`.
        case silent
        /// What it had is over. Next: `present`, with nothing of what it had before.
        case lost
    }

    private var state: State = .silent
    /// Until when the worker may run what it was given.
    private var runsUntil: Instant
    private var fence: Int

    /// How long after its last heartbeat that was answered what a worker runs is taken for over, if it goes on by itself for so
    /// long: longer, by as much as clocks may differ in speed. In nanoseconds, both.
    package static func fence(ofLeash leash: Int) -> Int { leash / 10 * 11 }

    /// - Parameters:
    ///   - fence: How long after the last answer to a heartbeat a worker may run what it was given, in nanoseconds, with
    ///     whatever the clocks of both may differ in speed.
    ///   - now: When the worker became known, and whatever it may have been given before it.
    package init(fence: Int, at now: Instant) {
        self.fence = fence
        runsUntil = now + fence
    }

    /// A heartbeat is about to be answered.
    package mutating func answering(at now: Instant) {
        runsUntil = max(runsUntil, now + fence)
    }

    /// The manager has taken over what somebody else may have let the worker run until now.
    package mutating func inherited(at now: Instant) {
        runsUntil = max(runsUntil, now + fence)
        if state == .lost { state = .silent }
    }

    /// The worker says how long it goes on by itself. Returns whether it is longer than was thought.
    package mutating func told(leash: Int, at now: Instant) -> Bool {
        let needed = Self.fence(ofLeash: leash)
        guard needed > fence else { return false }
        fence = needed
        runsUntil = max(runsUntil, now + needed)
        return true
    }

    /// There is a connection.
    package mutating func connected() {
        state = .present
    }

    /// The connection has ended.
    package mutating func disconnected() {
        if state == .present { state = .silent }
    }

    /// Time has passed. Returns whether what the worker had is over by this.
    package mutating func timePassed(to now: Instant) -> Bool {
        guard state == .silent, now >= runsUntil else { return false }
        state = .lost
        return true
    }

    /// Whether it may be given invokes.
    package var isPresent: Bool { state == .present }

    /// Whether what it had is over.
    package var isLost: Bool { state == .lost }
}
