import FleetProtocol
import LambdaAPI
import NIOCore
import Worker

/// An environment on a worker. Invokes are given a reservation of it, with which they go to the worker themselves.
///
/// ## Concurrency
/// Confined to the event loop of its worker's connection.
///
/// JUSTIFICATION: the worker manager keeps references to environments of many event loops in one place.
/// SAFETY: `state` is behind `eventLoop.preconditionInEventLoop()` at every entry.
final class RemoteEnvironment: ManagedEnvironment, @unchecked Sendable {
    let id: EnvironmentID
    let function: InvocableFunction
    let isProvisioned: Bool
    let eventLoop: any EventLoop
    private let worker: WorkerPeer
    private let observer: any EnvironmentObserver
    private var state: RemoteEnvironmentState<Invoke, ReservationToken>
    /// Whether the worker was asked to have it back.
    private var isRecalled = false
    /// How the environment is to end, if it is. The worker may not have heard it.
    private var ending: MessageKind?

    init(
        _ id: EnvironmentID,
        of function: InvocableFunction,
        isProvisioned: Bool,
        on worker: WorkerPeer,
        observer: any EnvironmentObserver,
        state: RemoteEnvironmentState<Invoke, ReservationToken> = .init()
    ) {
        self.id = id
        self.function = function
        self.isProvisioned = isProvisioned
        self.worker = worker
        self.observer = observer
        self.state = state
        eventLoop = worker.eventLoop
    }

    // MARK: For whoever assigns invokes

    func run(_ invoke: Invoke) -> Bool {
        eventLoop.preconditionInEventLoop()
        guard case .reservation(let promise) = invoke.caller else {
            preconditionFailure("an invoke whose event is here was given an environment of another host")
        }
        guard worker.mayReserve(function) else {
            // Counted as an invoke until now, and looked at after that: whoever counts what runs of a partition that is given up
            // counts this one, or it ends here.
            invoke.refuse(InvokeFailure(.moved, "the function is another manager's now"))
            // It is idle still, which whoever assigns invokes must know: the partition may be ready in a moment. Whoever waits is
            // refused one after the other.
            eventLoop.execute { self.observer.environmentBecameIdle(self) }
            return true
        }
        let now = ManagerDesk.now()
        let followers = worker.isPresent ? worker.takeFollowers(of: function) : 0
        let action = state.runRequested(invoke, followers: followers, isReachable: worker.isPresent, at: now)
        guard case .reserve(let token) = action else {
            worker.giveBack(followers, of: function)
            return false
        }
        isRecalled = false
        promise.succeed(
            Reservation(
                worker: worker.name,
                address: worker.addressText,
                environmentID: id,
                token: token,
                followers: followers
            )
        )
        if followers > 0 {
            // It may be free at any time, and whoever wants one should wait for it a moment.
            worker.lent(self)
            observer.environmentAnswered(self)
            // Who has begun to wait before it was lent has asked nobody for it.
            if worker.isAwaited(function) { recall() }
        }
        return true
    }

    /// Another invoke wants the environment: if nobody uses it at this moment, it comes back.
    func recall() {
        eventLoop.preconditionInEventLoop()
        guard state.isLent, !isRecalled else { return }
        isRecalled = true
        worker.send(.voidToken, id.body)
    }

    func retire() {
        eventLoop.preconditionInEventLoop()
        ending = ending ?? .retire
        worker.send(.retire, id.body)
    }

    func abort() {
        eventLoop.preconditionInEventLoop()
        ending = .abort
        worker.send(.abort, id.body)
    }

    // MARK: For its worker

    /// Takes what the worker says.
    func received(_ event: EventMessage.Event) {
        eventLoop.preconditionInEventLoop()
        switch event {
        case .initialised(let token):
            becameIdle(token, followers: 0)
        case .idle(let token, let followers):
            becameIdle(token, followers: followers)
        case .running:
            foundRunning()
        case .answered:
            if state.isBusy { observer.environmentAnswered(self) }
        case .hostFailed(let reason):
            observer.environmentFailedToInitialise(self, InvokeFailure(.environmentFailed, reason))
        case .functionFailedToInitialise:
            observer.functionFailedToInitialise(in: self)
        case .ended:
            end()
        case .removed, .noRoom:
            remove()
        }
    }

    private func foundRunning() {
        let wasLent = state.isLent
        guard state.foundRunning(), wasLent else { return }
        worker.notLent(self)
        observer.environmentIsStillBusy(self)
    }

    private func becameIdle(_ token: ReservationToken, followers: Int) {
        if state.isLent { worker.notLent(self) }
        switch state.becameIdle(token, followers: followers) {
        case .initialised:
            observer.environmentInitialised(self)
        case .idle(let invoke, let unused):
            worker.giveBack(unused, of: function)
            // Its place first, then its environment: whoever comes next needs both.
            invoke?.finished()
            observer.environmentBecameIdle(self)
        case .none:
            break
        }
    }

    private func end() {
        if state.isLent { worker.notLent(self) }
        guard case .end(let invoke) = state.ended() else { return }
        invoke?.finished()
        observer.environmentEnded(self)
    }

    /// Nothing of it is left, or whatever is left of it is not used.
    func remove() {
        eventLoop.preconditionInEventLoop()
        end()
        guard state.removed() else { return }
        observer.environmentRemoved(self)
        worker.forget(self)
    }

    /// Another manager has it.
    func forgotten() {
        eventLoop.preconditionInEventLoop()
        if state.isLent { worker.notLent(self) }
        state.forgotten()
        worker.forget(self)
    }

    /// The worker tells again of what it has.
    func reported(_ phase: EnvironmentReport.Phase) {
        if let ending { worker.send(ending, id.body) }
        switch phase {
        case .starting: break
        case .idle(let token): becameIdle(token, followers: 0)
        case .busy: foundRunning()
        case .leaving: end()
        }
    }

    /// Asks the worker what has become of a reservation that nothing was heard of for so long.
    func askIfDoubtful(at now: Int, after patience: Int) {
        if state.isDoubtful(at: now, after: patience) { worker.send(.voidToken, id.body) }
    }

    /// A frontend cannot reach the worker, and will not use the token that it was given. Its invoke has no place any more, and the
    /// environment is left alone for a while.
    func wasNotUsed(_ token: ReservationToken) {
        eventLoop.preconditionInEventLoop()
        let wasLent = state.isLent
        let now = ManagerDesk.now()
        guard let (invoke, followers) = state.wasNotUsed(token, at: now) else { return }
        worker.giveBack(followers, of: function)
        if wasLent {
            worker.notLent(self)
            observer.environmentIsStillBusy(self)
        }
        invoke.finished()
    }

    /// Whether an invoke has it, as far as is known.
    var isBusy: Bool { state.isBusy }

    /// What it does, for those who count.
    var activity: RemoteEnvironmentState<Invoke, ReservationToken>.Activity { state.activity }
}
