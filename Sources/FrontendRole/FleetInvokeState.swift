/// One invoke on its way through a fleet, as a state machine: an environment is reserved of the manager that its function belongs
/// to, and the event brought to the worker.
///
/// What may be tried again is decided here and nowhere else: only what has certainly not been begun. A worker says so in so many
/// words; a manager has begun nothing in any case; and what could not be sent was not begun either. Once the event is on its way to a
/// worker, and the connection ends before anything is heard, nobody can tell, and the invoke has failed.
///
/// Instants are nanoseconds of any clock that never goes back.
package struct FleetInvokeState {
    /// A moment; see above.
    package typealias Instant = Int

    private enum State {
        /// A manager is looked for, or asked. Next: `bringing`, `over`.
        case reserving
        /// The event is on its way to the worker, or there. Next: `reserving`, `over`.
        case bringing
        case over
    }

    /// What is to be done when nothing was begun.
    package enum RetryAction: Equatable {
        /// Ask for an environment again, so many nanoseconds later.
        case reserve(after: Int)
        /// It has been tried for long enough.
        case giveUp
        case none
    }

    private var state: State = .reserving
    private var attempts = 0
    private let deadline: Instant

    /// How long it is until the first further attempt; twice as long until each that follows, up to the last.
    private static let pauseFirst = 2_000_000
    private static let pauseLast = 250_000_000

    /// - Parameter deadline: When nothing is tried any more.
    package init(deadline: Instant) {
        self.deadline = deadline
    }

    /// A manager has given an environment. Returns whether the event is to be brought there.
    package mutating func reserved() -> Bool {
        guard case .reserving = state else { return false }
        state = .bringing
        return true
    }

    /// No manager is known, or it could not be reached or says that it is another's, or the worker has begun nothing.
    package mutating func notBegun(at now: Instant) -> RetryAction {
        guard !isOver else { return .none }
        state = .reserving
        let pause = min(Self.pauseFirst << min(attempts, 16), Self.pauseLast)
        attempts += 1
        guard now + pause < deadline else {
            state = .over
            return .giveUp
        }
        // The first time at once: most often the fleet has changed a moment ago, and everybody knows by now.
        return .reserve(after: attempts == 1 ? 0 : pause)
    }

    /// The invoke is answered, or has failed for good. Returns whether that is news.
    package mutating func ended() -> Bool {
        defer { state = .over }
        return !isOver
    }

    /// Whether nothing more is done.
    package var isOver: Bool { if case .over = state { true } else { false } }
}
