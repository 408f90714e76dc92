import DequeModule

/// Which sessions are free, and who waits for one, as a state machine.
struct SessionPool<Session, Waiter> {
    enum Action {
        /// Use this one, and give it back.
        case use(Session)
        /// Open another, use it, and give it back.
        case open
        /// Wait until one is handed over.
        case wait
    }

    private let sessionsMax: Int
    private var free: [Session] = []
    private var openCount = 0
    private var waiting: Deque<Waiter> = []

    init(sessionsMax: Int) {
        self.sessionsMax = sessionsMax
    }

    /// Somebody needs a session.
    ///
    /// - Parameter waiter: Kept if the answer is ``Action/wait``.
    mutating func lease(for waiter: @autoclosure () -> Waiter) -> Action {
        // The one that was used last is the likeliest to be connected.
        if let session = free.popLast() { return .use(session) }
        guard openCount >= sessionsMax else {
            openCount += 1
            return .open
        }
        waiting.append(waiter())
        return .wait
    }

    /// A session is not needed any more. Returns who gets it next.
    mutating func giveBack(_ session: Session) -> Waiter? {
        guard let waiter = waiting.popFirst() else {
            free.append(session)
            return nil
        }
        return waiter
    }
}
