import RuntimeAPI

/// The life of one execution environment, as a state machine. Source: `spec/runtime-api.md` section 5.
///
/// It is created, initialises, and then is idle and busy in turn. When an invoke times out or a process fails, its
/// processes are ended and the environment stays, `/tmp` included: it is *stopped*, and its next invoke initialises it
/// anew within the function's own timeout. The same follows an initialisation that fails, so such a one is tried once
/// more, in the invoke.
///
/// A template is initialised for a snapshot, and ends with that. A copy of it goes on from there instead of initialising; it does
/// not outlive a failure, since another copy is made as fast as its own processes would be.
///
/// It owns what the life consists of and decides what each event leads to; ``ExecutionEnvironment`` carries it out.
/// Generic over what an invocation is and over the clock's instants, so that tests need neither.
struct EnvironmentLifecycle<Invocation, Instant: Comparable> {
    private enum State {
        /// The sandbox is being made. Next: `initialising`, `restoring`, `ended`.
        case preparing
        /// Processes have been started, and not all have asked for an event. Next: `idle`, `saving`, `resetting`, `ended`.
        case initialising(deadline: Instant)
        /// A snapshot is being taken of the environment, a template. Next: `ended`.
        case saving
        /// Processes of a snapshot go on, and have not all asked for an event. Next: `idle`, `ended`.
        case restoring(deadline: Instant)
        /// Everybody waits for an event; frozen after a while. Next: `busy`, `resetting`, `shuttingDown`, `ended`.
        case idle(isFrozen: Bool)
        /// No process runs. Next: `reinitialising`, `ended`.
        case stopped
        /// Processes have been started for this event, which they get next. Next: `busy`, `resetting`, `ended`.
        case reinitialising(Invocation, deadline: Instant)
        /// The runtime works on an event. Next: `answered`, `resetting`, `ended`.
        case busy(Invocation, deadline: Instant)
        /// The caller has its answer; somebody has not yet asked for another event. Next: `idle`, `resetting`,
        /// `shuttingDown`, `ended`.
        case answered(Invocation, deadline: Instant)
        /// Processes are being ended. Next: `stopped`, `ended`.
        case resetting
        /// Processes are being ended for the last time. Next: `ended`.
        case shuttingDown
        /// Over, for whatever reason. Nothing follows.
        case ended
    }

    /// What went wrong.
    enum Failure {
        /// The host could not make the environment, or lost it.
        case host(reason: String)
        /// The runtime reported that it cannot initialise.
        case initialisation(RuntimeDocument)
        /// The runtime's process has ended by itself.
        case runtimeExit(RuntimeExit)
        /// An extension's process has ended, or was not there to begin with.
        case extensionExit(errorType: String, RuntimeExit)
        /// It took longer than it may.
        case timeout
        /// The service cannot wait for what it does any longer.
        case aborted

        /// Whether the environment is of no use afterwards. One that ran out of memory could do so again at once.
        var isFinal: Bool {
            switch self {
            case .host, .aborted, .runtimeExit(.outOfMemory), .extensionExit(_, .outOfMemory): true
            case .initialisation, .runtimeExit, .extensionExit, .timeout: false
            }
        }
    }

    enum ReadyAction {
        /// Initialisation is over.
        case reportInitialised
        /// The same, of a template: take the snapshot; ``snapshotEnded()`` follows.
        case takeSnapshot
        /// Restoration is over.
        case reportRestored
        /// Initialisation within an invoke is over: give its event to the runtime.
        case deliver(Invocation)
        /// The event before is over with everything that belongs to it.
        case finish(Invocation)
        /// The same, and the environment was asked to end when it has finished.
        case finishAndShutDown(Invocation)
        case none
    }

    enum InvokeAction {
        case deliver
        case thawAndDeliver
        /// Start the processes; ``everybodyBecameReady()`` says when to deliver.
        case initialise
        /// The environment cannot take an event now.
        case refuse
    }

    enum AnswerAction {
        /// Answer the caller.
        case answer(Invocation)
        case none
    }

    /// Whom a failure concerns.
    enum Concern {
        /// Nobody waits for this environment.
        case nobody
        /// It initialised, for whoever comes first.
        case initialisation
        /// It was being restored, for whoever comes first.
        case restoration
        /// Answer this caller with the failure.
        case caller(Invocation)
        /// The caller has been answered; only the log is to be finished.
        case answered(Invocation)
    }

    enum FailureAction {
        /// End the processes; ``processesEnded()`` follows.
        case reset(Concern, Failure)
        /// The life is over.
        case end(Concern, Failure)
        case none
    }

    enum RetirementAction {
        /// End the processes in good order, thawing them first where they are frozen; ``processesEnded()`` follows.
        case shutDown(thawing: Bool)
        /// The life is over.
        case end
        case none
    }

    enum StopAction {
        /// The environment can take an event again.
        case reportStopped
        /// The life is over.
        case end
        case none
    }

    enum FreezeAction {
        case freeze
        case none
    }

    private var state: State = .preparing
    private var isRetiring = false
    private var isRestored = false
    private let endsAfterFailedInitialisation: Bool
    private let isTemplate: Bool

    /// - Parameters:
    ///   - endsAfterFailedInitialisation: Whether an initialisation that fails ahead of any invoke is the end, rather than left to
    ///     the next invoke to try again.
    ///   - isTemplate: Whether it is initialised for a snapshot.
    init(endsAfterFailedInitialisation: Bool = false, isTemplate: Bool = false) {
        self.endsAfterFailedInitialisation = endsAfterFailedInitialisation || isTemplate
        self.isTemplate = isTemplate
    }

    /// Whether the environment's life is over.
    var hasEnded: Bool {
        if case .ended = state { true } else { false }
    }

    /// Whether processes initialise, for an invoke or ahead of one.
    var isInitialising: Bool {
        switch state {
        case .initialising, .reinitialising: true
        case .preparing, .saving, .restoring, .idle, .stopped, .busy, .answered, .resetting, .shuttingDown, .ended:
            false
        }
    }

    /// Whether processes of a snapshot are about to be ready.
    var isRestoring: Bool {
        if case .restoring = state { true } else { false }
    }

    /// Whether processes are being ended for the last time.
    var isShuttingDown: Bool {
        if case .shuttingDown = state { true } else { false }
    }

    /// The invoke whose caller waits for the runtime's answer.
    var currentInvocation: Invocation? {
        if case .busy(let invocation, _) = state { invocation } else { nil }
    }

    /// The invoke whose caller has the answer, and that is not over yet.
    var answeredInvocation: Invocation? {
        if case .answered(let invocation, _) = state { invocation } else { nil }
    }

    /// The moment at which the environment must be done with what it does now, if there is one.
    var deadline: Instant? {
        switch state {
        case .initialising(let deadline), .restoring(let deadline), .reinitialising(_, let deadline),
            .busy(_, let deadline), .answered(_, let deadline):
            deadline
        case .preparing, .saving, .idle, .stopped, .resetting, .shuttingDown, .ended: nil
        }
    }

    // MARK: The course of things

    /// The sandbox stands and processes are about to be started. Returns false if the life is over already.
    mutating func sandboxBecameReady(deadline: Instant) -> Bool {
        guard case .preparing = state else { return false }
        state = .initialising(deadline: deadline)
        return true
    }

    /// The sandbox stands, as the copy of a template, and its processes go on. Returns false if the life is over already.
    mutating func sandboxWasRestored(deadline: Instant) -> Bool {
        guard case .preparing = state else { return false }
        state = .restoring(deadline: deadline)
        isRestored = true
        return true
    }

    /// The snapshot has been taken, or could not be. Returns false if the life was over already.
    mutating func snapshotEnded() -> Bool {
        guard case .saving = state else { return false }
        state = .ended
        return true
    }

    /// The runtime and all extensions have asked for the next event.
    mutating func everybodyBecameReady() -> ReadyAction {
        switch state {
        case .initialising where isTemplate:
            state = .saving
            return .takeSnapshot
        case .initialising:
            state = .idle(isFrozen: false)
            return .reportInitialised
        case .restoring:
            state = .idle(isFrozen: false)
            return .reportRestored
        case .reinitialising(let invocation, let deadline):
            state = .busy(invocation, deadline: deadline)
            return .deliver(invocation)
        case .answered(let invocation, _):
            if isRetiring {
                state = .shuttingDown
                return .finishAndShutDown(invocation)
            }
            state = .idle(isFrozen: false)
            return .finish(invocation)
        case .preparing, .saving, .idle, .stopped, .busy, .resetting, .shuttingDown, .ended:
            return .none
        }
    }

    /// An event is given to the environment.
    mutating func invoked(_ invocation: Invocation, deadline: Instant) -> InvokeAction {
        switch state {
        case .idle(let isFrozen):
            state = .busy(invocation, deadline: deadline)
            return isFrozen ? .thawAndDeliver : .deliver
        case .stopped:
            state = .reinitialising(invocation, deadline: deadline)
            return .initialise
        case .preparing, .initialising, .saving, .restoring, .reinitialising, .busy, .answered, .resetting,
            .shuttingDown, .ended:
            return .refuse
        }
    }

    /// The runtime answered the event, well or with an error.
    mutating func answered() -> AnswerAction {
        guard case .busy(let invocation, let deadline) = state else { return .none }
        state = .answered(invocation, deadline: deadline)
        return .answer(invocation)
    }

    /// The environment has been idle long enough to be frozen.
    mutating func idledLongEnough() -> FreezeAction {
        guard case .idle(isFrozen: false) = state else { return .none }
        state = .idle(isFrozen: true)
        return .freeze
    }

    // MARK: Failures

    /// Something went wrong.
    mutating func failed(_ failure: Failure) -> FailureAction {
        let concern: Concern
        switch state {
        case .preparing, .stopped, .resetting, .shuttingDown:
            guard failure.isFinal else { return .none }
            state = .ended
            return .end(.nobody, failure)
        case .saving, .ended:
            // The processes end with their sandbox when it is kept.
            return .none
        case .restoring:
            state = .ended
            return .end(.restoration, failure)
        case .idle:
            concern = .nobody
        case .initialising:
            concern = .initialisation
            isRetiring = endsAfterFailedInitialisation
        case .reinitialising(let invocation, _), .busy(let invocation, _):
            concern = .caller(invocation)
        case .answered(let invocation, _):
            concern = .answered(invocation)
        }
        if isRestored { isRetiring = true }
        if failure.isFinal {
            state = .ended
            return .end(concern, failure)
        }
        state = .resetting
        return .reset(concern, failure)
    }

    /// The clock reached `now`; what has exceeded its deadline fails.
    mutating func timerFired(now: Instant) -> FailureAction {
        guard let deadline, deadline <= now else { return .none }
        return failed(.timeout)
    }

    /// No process is left of those that were to be ended.
    mutating func processesEnded() -> StopAction {
        switch state {
        case .resetting where !isRetiring:
            state = .stopped
            return .reportStopped
        case .resetting, .shuttingDown:
            state = .ended
            return .end
        case .preparing, .initialising, .saving, .restoring, .idle, .stopped, .reinitialising, .busy, .answered, .ended:
            return .none
        }
    }

    // MARK: The end

    /// The environment is no longer wanted: it ends now, or when it has finished what it does.
    mutating func retired() -> RetirementAction {
        switch state {
        case .reinitialising, .busy, .answered, .resetting:
            isRetiring = true
            return .none
        case .idle(let isFrozen):
            state = .shuttingDown
            return .shutDown(thawing: isFrozen)
        case .preparing, .initialising, .restoring, .stopped:
            state = .ended
            return .end
        case .saving, .shuttingDown, .ended:
            return .none
        }
    }
}

/// How a process came to its end, in the words of Lambda's error messages. Source: `spec/invoke.md` section 4.
package enum RuntimeExit: Hashable, Sendable {
    /// Exit status 0.
    case withoutReason
    /// Any other exit status.
    case status(Int)
    /// A signal.
    case signal(Int)
    /// The kernel ended it because the environment exceeded its memory.
    case outOfMemory
    /// The program could not be executed at all; the reason is an operating system's message.
    case notExecutable(path: String, reason: String)
    /// There is no file that could be the bootstrap.
    case noBootstrap(candidates: [String])
}
