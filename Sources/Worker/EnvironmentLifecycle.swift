import RuntimeAPI

/// The life of one execution environment, as a state machine: created, initialising, idle and busy in turn, ended.
/// Source: `spec/runtime-api.md` section 5.
///
/// It owns what the life consists of and decides what each event leads to; ``ExecutionEnvironment`` carries it out.
/// Generic over what an invocation is and over the clock's instants, so that tests need neither.
struct EnvironmentLifecycle<Invocation, Instant: Comparable> {
    private enum State {
        /// The sandbox is being made. Next: `initialising`, `ended`.
        case preparing
        /// The runtime has been started and has not asked for an event. Next: `idle`, `ended`.
        case initialising(deadline: Instant)
        /// The runtime waits for an event; frozen once it has waited a while. Next: `busy`, `ended`.
        case idle(isFrozen: Bool)
        /// The runtime works on an event. Next: `answered`, `ended`.
        case busy(Invocation, deadline: Instant)
        /// The caller has its answer; the runtime has not yet asked for another event. Next: `idle`, `ended`.
        case answered(Invocation, deadline: Instant)
        /// Over, for whatever reason. Nothing follows.
        case ended
    }

    /// Why an environment ended.
    enum End {
        /// It was idle too long, its function changed, or the service stops.
        case retired
        /// The service cannot wait for what it does any longer.
        case aborted
        /// The host could not make it; nothing of the function has run.
        case preparationFailed
        /// The function's own initialisation failed, in one of three ways.
        case initialisationError(RuntimeDocument)
        case initialisationExit(RuntimeExit)
        case initialisationTimeout
        /// The runtime ended by itself during or after an event.
        case exit(RuntimeExit)
        /// An event took longer than the function's timeout.
        case timeout
    }

    enum ReadyAction {
        /// Initialisation is over.
        case reportInitialised
        /// The event before is over with everything that belongs to it.
        case finish(Invocation)
        /// The same, and the environment was asked to end when it has finished.
        case finishAndEnd(Invocation, End)
        case none
    }

    enum InvokeAction {
        case deliver
        case thawAndDeliver
        /// The environment cannot take an event now.
        case refuse
    }

    enum AnswerAction {
        /// Answer the caller.
        case answer(Invocation)
        case none
    }

    enum EndAction {
        /// Nobody waits for this environment's answer.
        case end(End)
        /// Answer the caller with what ended the environment.
        case failAndEnd(Invocation, End)
        /// The caller has been answered; only the log is to be finished.
        case finishAndEnd(Invocation, End)
        case none
    }

    enum FreezeAction {
        case freeze
        case none
    }

    private var state: State = .preparing
    private var isRetiring = false

    /// Whether the environment's life is over.
    var hasEnded: Bool {
        if case .ended = state { true } else { false }
    }

    /// The moment at which the environment must be done with what it does now, if there is one.
    var deadline: Instant? {
        switch state {
        case .initialising(let deadline), .busy(_, let deadline), .answered(_, let deadline): deadline
        case .preparing, .idle, .ended: nil
        }
    }

    /// The sandbox stands and the runtime's process is about to start. Returns false if the life is over already.
    mutating func runtimeStarting(deadline: Instant) -> Bool {
        guard case .preparing = state else { return false }
        state = .initialising(deadline: deadline)
        return true
    }

    /// The sandbox could not be made or the runtime not be executed by fault of the host.
    mutating func preparationFailed() -> EndAction {
        end(.preparationFailed)
    }

    /// The runtime asked for an event.
    mutating func runtimeBecameReady() -> ReadyAction {
        switch state {
        case .initialising:
            state = .idle(isFrozen: false)
            return .reportInitialised
        case .answered(let invocation, _):
            if isRetiring {
                state = .ended
                return .finishAndEnd(invocation, .retired)
            }
            state = .idle(isFrozen: false)
            return .finish(invocation)
        case .preparing, .idle, .busy, .ended:
            return .none
        }
    }

    /// An event is given to the environment.
    mutating func invoked(_ invocation: Invocation, deadline: Instant) -> InvokeAction {
        guard case .idle(let isFrozen) = state else { return .refuse }
        state = .busy(invocation, deadline: deadline)
        return isFrozen ? .thawAndDeliver : .deliver
    }

    /// The runtime answered the event, well or with an error.
    mutating func answered() -> AnswerAction {
        guard case .busy(let invocation, let deadline) = state else { return .none }
        state = .answered(invocation, deadline: deadline)
        return .answer(invocation)
    }

    /// The runtime reported that it cannot initialise.
    mutating func initialisationFailed(_ error: RuntimeDocument) -> EndAction {
        guard case .initialising = state else { return .none }
        return end(.initialisationError(error))
    }

    /// The runtime's process has ended.
    mutating func runtimeExited(_ exit: RuntimeExit) -> EndAction {
        if case .initialising = state {
            return end(.initialisationExit(exit))
        }
        return end(.exit(exit))
    }

    /// The clock reached `now`; ends what has exceeded its deadline.
    mutating func timerFired(now: Instant) -> EndAction {
        switch state {
        case .initialising(let deadline) where deadline <= now:
            end(.initialisationTimeout)
        case .busy(_, let deadline) where deadline <= now, .answered(_, let deadline) where deadline <= now:
            end(.timeout)
        case .preparing, .initialising, .idle, .busy, .answered, .ended:
            .none
        }
    }

    /// The environment has been idle long enough to be frozen.
    mutating func idledLongEnough() -> FreezeAction {
        guard case .idle(isFrozen: false) = state else { return .none }
        state = .idle(isFrozen: true)
        return .freeze
    }

    /// The environment is no longer wanted: it ends at once, or when it has finished what it does.
    mutating func retired() -> EndAction {
        switch state {
        case .busy, .answered:
            isRetiring = true
            return .none
        case .preparing, .initialising, .idle:
            return end(.retired)
        case .ended:
            return .none
        }
    }

    /// The environment has to end at once, whatever it does.
    mutating func aborted() -> EndAction {
        end(.aborted)
    }

    private mutating func end(_ reason: End) -> EndAction {
        defer { state = .ended }
        switch state {
        case .busy(let invocation, _):
            return .failAndEnd(invocation, reason)
        case .answered(let invocation, _):
            return .finishAndEnd(invocation, reason)
        case .preparing, .initialising, .idle:
            return .end(reason)
        case .ended:
            return .none
        }
    }
}

/// How the runtime's process came to its end, in the words of Lambda's error messages.
/// Source: `spec/invoke.md` section 4.
package enum RuntimeExit: Hashable, Sendable {
    /// Exit status 0.
    case withoutReason
    /// Any other exit status.
    case status(Int)
    /// A signal; exceeding the memory limit is signal 9.
    case signal(Int)
    /// The bootstrap could not be executed at all; the reason is an operating system's message.
    case notExecutable(path: String, reason: String)
    /// There is no file that could be the bootstrap.
    case noBootstrap(candidates: [String])
}
