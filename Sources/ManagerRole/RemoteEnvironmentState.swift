/// An environment on another host, as its manager sees it: a state machine.
///
/// The worker tells a token each time that the environment becomes idle; whoever is given the token brings the event to the worker
/// itself. The manager hears nothing when that happens, only that the environment is idle again. When it has heard nothing for a
/// while, or another invoke wants the environment, it has the token made void: then the worker says either that nobody has come and
/// gives a new token, or that somebody has.
///
/// A token may be good for a chain of invokes, one after the other; then the environment may be free between any two of them, and
/// is *lent* rather than given.
///
/// Generic over invokes and tokens. Instants are nanoseconds of any clock that never goes back.
package struct RemoteEnvironmentState<Invoke, Token: Equatable> {
    /// A moment; see above.
    package typealias Instant = Int

    private enum State {
        /// It is being made. Next: `idle`, `ended`.
        case starting
        /// Whoever is given the token may use it. Next: `reserved`, `stranded`, `ended`.
        case idle(Token)
        /// The token was given to this invoke, and to so many that may follow; the worker says no more of it than what comes of it.
        /// Next: `idle`, `running`, `unused`, `ended`.
        case reserved(Invoke, Token, followers: Int, since: Instant)
        /// Whoever was given the token cannot reach the worker, and has begun nothing. It rests for a while, since the next one
        /// might be the same. Next: `idle`, `ended`.
        case unused(since: Instant)
        /// The worker has said that it runs this, or one that follows it, and that no others will. Next: `idle`, `ended`.
        case running(Invoke, followers: Int)
        /// Somebody wanted it while its worker could not be reached; whoever assigns invokes takes it for busy. Next: `idle`,
        /// `ended`.
        case stranded
        /// It takes no more invokes. Next: gone.
        case ended
        /// Another manager has it, or nothing is left of it. Nothing follows.
        case gone
    }

    private var state: State

    /// One that is being made.
    package init() {
        state = .starting
    }

    /// One that another manager had, and that is idle.
    package init(idle token: Token) {
        state = .idle(token)
    }

    /// One that another manager had, and that runs an invoke.
    package init(running invoke: Invoke) {
        state = .running(invoke, followers: 0)
    }

    /// What becomes of a wish for the environment.
    package enum RunAction {
        /// Give the token to the invoke's caller.
        case reserve(Token)
        /// It cannot be had now.
        case refuse
    }

    /// An invoke is to have the environment.
    ///
    /// - Parameter followers: How many may follow it without being asked for.
    package mutating func runRequested(
        _ invoke: Invoke,
        followers: Int,
        isReachable: Bool,
        at now: Instant
    ) -> RunAction {
        guard case .idle(let token) = state else { return .refuse }
        guard isReachable else {
            state = .stranded
            return .refuse
        }
        state = .reserved(invoke, token, followers: followers, since: now)
        return .reserve(token)
    }

    /// What has changed by the environment's being idle.
    package enum IdleAction {
        /// It has initialised.
        case initialised
        /// This invoke is over, if there was one, and the environment may be given another. So many might have followed it and have
        /// not.
        case idle(after: Invoke?, unused: Int)
        /// Its token is another one, and nothing else has changed.
        case none
    }

    /// The worker says that the environment is idle, and how many invokes have followed the one that it was given to.
    package mutating func becameIdle(_ token: Token, followers used: Int) -> IdleAction {
        switch state {
        case .starting:
            state = .idle(token)
            return .initialised
        case .idle:
            state = .idle(token)
            return .none
        case .reserved(let invoke, _, let followers, _), .running(let invoke, let followers):
            state = .idle(token)
            return .idle(after: invoke, unused: max(0, followers - used))
        case .stranded, .unused:
            state = .idle(token)
            return .idle(after: nil, unused: 0)
        case .ended, .gone:
            return .none
        }
    }

    /// The worker says that somebody has come with the token. Returns whether that is news.
    @discardableResult
    package mutating func foundRunning() -> Bool {
        guard case .reserved(let invoke, _, let followers, _) = state else { return false }
        state = .running(invoke, followers: followers)
        return true
    }

    /// Whoever was given a token will not use it.
    ///
    /// - Returns: The invoke that it was given to, which is over here, and how many might have followed it; nil if the token is not
    ///   the one that was given away last.
    package mutating func wasNotUsed(_ token: Token, at now: Instant) -> (invoke: Invoke, followers: Int)? {
        guard case .reserved(let invoke, token, let followers, _) = state else { return nil }
        state = .unused(since: now)
        return (invoke, followers)
    }

    /// Whether the token was given away so long ago that the worker should be asked about it.
    package func isDoubtful(at now: Instant, after patience: Int) -> Bool {
        switch state {
        case .reserved(_, _, _, let since), .unused(let since): now - since >= patience
        case .starting, .idle, .running, .stranded, .ended, .gone: false
        }
    }

    /// Whether it may be free though the worker has not said so.
    package var isLent: Bool {
        if case .reserved(_, _, let followers, _) = state { followers > 0 } else { false }
    }

    /// Whether an invoke has it, as far as is known.
    package var isBusy: Bool {
        switch state {
        case .reserved, .running: true
        case .starting, .idle, .stranded, .unused, .ended, .gone: false
        }
    }

    /// What it does, for those who count.
    enum Activity {
        case starting, idle, busy, ending
    }

    var activity: Activity {
        switch state {
        case .starting: .starting
        case .idle, .stranded, .unused: .idle
        case .reserved, .running: .busy
        case .ended, .gone: .ending
        }
    }

    /// Whether it may be given an invoke.
    package var isIdle: Bool { if case .idle = state { true } else { false } }

    /// What has changed by the environment's end.
    package enum EndAction {
        /// It is news; this invoke is over, if there was one.
        case end(Invoke?)
        case none
    }

    /// The environment takes no more invokes. What it ran is over by then.
    package mutating func ended() -> EndAction {
        switch state {
        case .starting, .idle, .stranded, .unused:
            state = .ended
            return .end(nil)
        case .reserved(let invoke, _, _, _), .running(let invoke, _):
            state = .ended
            return .end(invoke)
        case .ended, .gone:
            return .none
        }
    }

    /// Nothing of the environment is left; ``ended()`` has been called before. Returns whether that is news.
    package mutating func removed() -> Bool {
        if case .gone = state { return false }
        state = .gone
        return true
    }

    /// Another manager has it from now on.
    package mutating func forgotten() {
        state = .gone
    }
}
