import Sandbox

/// What a process started in a sandbox is called between the service and the sandbox's init.
struct ProcessToken: Hashable, Sendable {
    let rawValue: UInt64
}

/// The life of one sandbox: who waits for what, and what is to be done about each event.
///
/// It does nothing itself: the shell (``NamespacesSandbox``) carries out the actions that it answers. It is generic over
/// those who wait so that tests need no concurrency.
struct SandboxStateMachine<
    Creation: Sendable,
    Start: Sendable,
    ExitHandler: Sendable,
    Completion: Sendable,
    SocketRequest: Sendable,
    Destruction: Sendable
>: ~Copyable {
    private enum State: ~Copyable {
        /// Init builds the sandbox. Goes to `ready`, `ending` or `removing`.
        case creating(Creating)
        /// Processes can be started. Goes to `ending` or `removing`.
        case ready(Processes)
        /// Init was told to die, or its death is all that can follow. Goes to `removing`.
        case ending(Ending)
        /// No process is left; what the sandbox has on the host is being removed. Goes to `removed`.
        case removing(Departure)
        /// The end.
        case removed
    }

    private struct Creating {
        let creation: Creation
        let isAdoptable: Bool
    }

    private struct Processes {
        var starting: [ProcessToken: (start: Start, onExit: ExitHandler)] = [:]
        var running: [ProcessToken: ExitHandler] = [:]
        var clearings: [Completion] = []
        /// In the order in which init will answer them.
        var socketRequests: [SocketRequest] = []
        var nextToken: UInt64 = 1
        var adoption: Adoption = .none

        var bereaved: Bereaved {
            Bereaved(
                starts: starting.values.map(\.start),
                exits: Array(running.values),
                clearings: clearings,
                adoption: adoption.completion,
                socketRequests: socketRequests
            )
        }
    }

    private enum Adoption {
        /// Not to be adopted, or adopted already.
        case none
        /// Made for a function that is not known yet. Goes to `underway`.
        case possible
        /// A function's files are being attached. Goes to `none`.
        case underway(Completion)

        /// Who waits for it.
        var completion: Completion? {
            if case .underway(let completion) = self { completion } else { nil }
        }
    }

    /// Those to be told when everything is gone.
    private struct Departure {
        var creation: (Creation, SandboxError)?
        var destructions: [Destruction] = []
    }

    private struct Ending {
        var processes: Processes
        var departure: Departure
    }

    private var state: State

    /// - Parameter isAdoptable: Whether the sandbox is made for a function that is not known yet.
    init(creation: Creation, isAdoptable: Bool = false) {
        state = .creating(Creating(creation: creation, isAdoptable: isAdoptable))
    }

    private init(state: consuming State) {
        self.state = state
    }

    // MARK: Creation

    enum ReadyAction {
        case succeed(Creation)
        /// Too late: the sandbox is ending.
        case none
    }

    /// Init reported that the sandbox stands.
    mutating func initBecameReady() -> ReadyAction {
        switch consume self.state {
        case .creating(let creating):
            self = Self(state: .ready(Processes(adoption: creating.isAdoptable ? .possible : .none)))
            return .succeed(creating.creation)
        case let other:
            self = Self(state: other)
            return .none
        }
    }

    enum FailureAction {
        /// Init may live, so have it killed.
        case kill
        case none
    }

    /// A step failed, or the sandbox took too long to come about. The creator is told once all is removed.
    mutating func creationFailed(_ error: SandboxError) -> FailureAction {
        switch consume self.state {
        case .creating(let creating):
            self = Self(
                state: .ending(
                    Ending(
                        processes: Processes(adoption: .none),
                        departure: Departure(creation: (creating.creation, error))
                    )
                )
            )
            return .kill
        case let other:
            self = Self(state: other)
            return .none
        }
    }

    // MARK: Processes

    enum StartAction {
        case send(ProcessToken)
        case refuse(Start)
    }

    mutating func startRequested(_ start: Start, onExit: ExitHandler) -> StartAction {
        switch consume self.state {
        case .ready(var processes):
            let token = ProcessToken(rawValue: processes.nextToken)
            processes.nextToken += 1
            processes.starting[token] = (start, onExit)
            self = Self(state: .ready(processes))
            return .send(token)
        case let other:
            self = Self(state: other)
            return .refuse(start)
        }
    }

    enum ExecutionAction {
        case succeed(Start)
        case fail(Start, SandboxError)
        case none
    }

    /// Init reported that the process runs (`failure` is nil), or why it does not; or it could not be asked to start it.
    mutating func processExecuted(_ token: ProcessToken, failure: SandboxError?) -> ExecutionAction {
        withProcesses(orElse: .none) { processes in
            guard let (start, onExit) = processes.starting.removeValue(forKey: token) else { return .none }
            if let failure { return .fail(start, failure) }
            processes.running[token] = onExit
            return .succeed(start)
        }
    }

    enum StartDeadlineAction {
        /// Init does not answer: nothing in this sandbox can be relied on any more.
        case kill
        case none
    }

    mutating func startDeadlinePassed(_ token: ProcessToken) -> StartDeadlineAction {
        switch consume self.state {
        case .ready(let processes) where processes.starting[token] != nil:
            self = Self(state: .ending(Ending(processes: processes, departure: Departure())))
            return .kill
        case let other:
            self = Self(state: other)
            return .none
        }
    }

    enum ExitAction {
        case notify(ExitHandler)
        case none
    }

    /// Init reported that a process has ended.
    mutating func processExited(_ token: ProcessToken) -> ExitAction {
        withProcesses(orElse: .none) { processes in
            guard let onExit = processes.running.removeValue(forKey: token) else { return .none }
            return .notify(onExit)
        }
    }

    // MARK: Clearing

    enum ClearAction {
        /// Have init kill every process.
        case send
        /// It is about to already.
        case wait
        case refuse(Completion)
    }

    /// Every process is to end, and `clearing` to be told when the last is gone.
    mutating func clearRequested(_ clearing: Completion) -> ClearAction {
        switch consume self.state {
        case .ready(var processes):
            processes.clearings.append(clearing)
            let isFirst = processes.clearings.count == 1
            self = Self(state: .ready(processes))
            return isFirst ? .send : .wait
        case let other:
            self = Self(state: other)
            return .refuse(clearing)
        }
    }

    /// Init reported that no process is left. Returns those to be told.
    mutating func cleared() -> [Completion] {
        withProcesses(orElse: []) { processes in
            defer { processes.clearings = [] }
            return processes.clearings
        }
    }

    /// Init has not reported in time: there is a process that does not die, and the whole is given up.
    mutating func clearDeadlinePassed() -> StartDeadlineAction {
        switch consume self.state {
        case .ready(let processes) where !processes.clearings.isEmpty:
            self = Self(state: .ending(Ending(processes: processes, departure: Departure())))
            return .kill
        case let other:
            self = Self(state: other)
            return .none
        }
    }

    // MARK: Adoption

    enum AdoptionAction {
        /// Attach the function's files.
        case attach
        /// The sandbox has ended, or is not to be adopted, or not again.
        case refuse(Completion)
    }

    mutating func adoptionRequested(_ adoption: Completion) -> AdoptionAction {
        withProcesses(orElse: .refuse(adoption)) { processes in
            guard case .possible = processes.adoption else { return .refuse(adoption) }
            processes.adoption = .underway(adoption)
            return .attach
        }
    }

    enum AdoptedAction {
        case succeed(Completion)
        case fail(Completion, SandboxError)
        case none
    }

    /// The function's files are in their places (`failure` is nil), or not all of them are.
    mutating func adoptionCompleted(failure: SandboxError?) -> AdoptedAction {
        withProcesses(orElse: .none) { processes in
            guard let completion = processes.adoption.completion else { return .none }
            processes.adoption = .none
            return if let failure { .fail(completion, failure) } else { .succeed(completion) }
        }
    }

    /// The launcher does not answer: whether the function's files are there is not known.
    mutating func adoptionDeadlinePassed() -> StartDeadlineAction {
        switch consume self.state {
        case .ready(let processes) where processes.adoption.completion != nil:
            self = Self(state: .ending(Ending(processes: processes, departure: Departure())))
            return .kill
        case let other:
            self = Self(state: other)
            return .none
        }
    }

    // MARK: Sockets

    enum SocketAction {
        /// Ask init for one.
        case send
        case refuse(SocketRequest)
    }

    mutating func socketRequested(_ request: SocketRequest) -> SocketAction {
        switch consume self.state {
        case .ready(var processes):
            processes.socketRequests.append(request)
            self = Self(state: .ready(processes))
            return .send
        case let other:
            self = Self(state: other)
            return .refuse(request)
        }
    }

    /// Init has made a socket, or could not. Returns who has waited longest for one.
    mutating func socketMade() -> SocketRequest? {
        withProcesses(orElse: nil) { processes in
            processes.socketRequests.isEmpty ? nil : processes.socketRequests.removeFirst()
        }
    }

    private mutating func withProcesses<Action>(
        orElse none: Action,
        _ body: (inout Processes) -> Action
    ) -> Action {
        switch consume self.state {
        case .ready(var processes):
            let action = body(&processes)
            self = Self(state: .ready(processes))
            return action
        case .ending(var ending):
            let action = body(&ending.processes)
            self = Self(state: .ending(ending))
            return action
        case let other:
            self = Self(state: other)
            return none
        }
    }

    // MARK: End

    enum DestroyAction {
        case kill
        /// It is on its way; the destruction is finished with it.
        case wait
        case finish(Destruction)
    }

    mutating func destroyRequested(_ destruction: Destruction) -> DestroyAction {
        switch consume self.state {
        case .creating(let creating):
            let error = SandboxError(.gone, "sandbox was destroyed while it was created")
            let departure = Departure(creation: (creating.creation, error), destructions: [destruction])
            self = Self(state: .ending(Ending(processes: Processes(adoption: .none), departure: departure)))
            return .kill
        case .ready(let processes):
            self = Self(state: .ending(Ending(processes: processes, departure: Departure(destructions: [destruction]))))
            return .kill
        case .ending(var ending):
            ending.departure.destructions.append(destruction)
            self = Self(state: .ending(ending))
            return .wait
        case .removing(var departure):
            departure.destructions.append(destruction)
            self = Self(state: .removing(departure))
            return .wait
        case .removed:
            self = Self(state: .removed)
            return .finish(destruction)
        }
    }

    enum GoneAction {
        /// Tell those who wait, and remove what is on the host.
        case remove(Bereaved)
        case none
    }

    /// Those who wait for something of init when it goes.
    struct Bereaved {
        /// Their process was not started.
        var starts: [Start] = []
        /// Their process was lost.
        var exits: [ExitHandler] = []
        /// No process is left, and no sandbox either.
        var clearings: [Completion] = []
        /// The function's files were not attached.
        var adoption: Completion?
        var socketRequests: [SocketRequest] = []
    }

    /// Init and with it every process has ended, or never began. `error` is for a creator that still waits.
    mutating func initGone(_ error: SandboxError) -> GoneAction {
        switch consume self.state {
        case .creating(let creating):
            self = Self(state: .removing(Departure(creation: (creating.creation, error))))
            return .remove(Bereaved())
        case .ready(let processes):
            self = Self(state: .removing(Departure()))
            return .remove(processes.bereaved)
        case .ending(let ending):
            self = Self(state: .removing(ending.departure))
            return .remove(ending.processes.bereaved)
        case let other:
            self = Self(state: other)
            return .none
        }
    }

    enum RemovedAction {
        case finish(creation: (Creation, SandboxError)?, [Destruction])
        case none
    }

    /// Nothing of the sandbox is left on the host.
    mutating func removalCompleted() -> RemovedAction {
        switch consume self.state {
        case .removing(let departure):
            self = Self(state: .removed)
            return .finish(creation: departure.creation, departure.destructions)
        case let other:
            self = Self(state: other)
            return .none
        }
    }
}
