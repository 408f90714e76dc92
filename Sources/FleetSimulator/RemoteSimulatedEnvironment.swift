import ManagerRole

/// The glue of `RemoteEnvironment` around ``RemoteEnvironmentState``.
final class RemoteSimulatedEnvironment {
    private enum Ending {
        case retire, abort
    }

    let id: Int
    let function: Int
    private let peer: SimulatedPeer
    private let assignment: SimulatedAssignment
    private(set) var state: RemoteEnvironmentState<SimulatedInvoke, Int>
    private var isRecalled = false
    private var ending: Ending?

    init(
        _ id: Int,
        of function: Int,
        on peer: SimulatedPeer,
        _ assignment: SimulatedAssignment,
        state: RemoteEnvironmentState<SimulatedInvoke, Int> = .init()
    ) {
        self.id = id
        self.function = function
        self.peer = peer
        self.assignment = assignment
        self.state = state
    }

    var lane: Lane { peer.lane }

    func run(_ invoke: SimulatedInvoke) -> Bool {
        guard peer.manager.isReady(peer.manager.fleet.partition(of: function)) else {
            invoke.refuse(.moved)
            lane.execute { [self] in assignment.becameReady(self) }
            return true
        }
        let followers = peer.isPresent ? peer.manager.takeFollowers(of: function) : 0
        let action = state.runRequested(
            invoke,
            followers: followers,
            isReachable: peer.isPresent,
            at: peer.manager.clock()
        )
        guard case .reserve(let token) = action else { return false }
        isRecalled = false
        let epoch = peer.manager.gives(function)
        invoke.complete(
            .reserved(.init(worker: peer.name, environment: id, token: token, followers: followers, epoch: epoch))
        )
        if followers > 0 {
            peer.manager.lent(self)
            assignment.answered(self)
        }
        return true
    }

    func recall() {
        guard state.isLent, !isRecalled else { return }
        isRecalled = true
        peer.send(.voidToken(id))
    }

    func retire() {
        ending = ending ?? .retire
        peer.send(.retire(id))
    }

    func received(_ event: FleetMessage.Event) {
        switch event {
        case .initialised(let token): becameIdle(token, followers: 0)
        case .idle(let token, let followers): becameIdle(token, followers: followers)
        case .running: foundRunning()
        case .answered: if state.isBusy { assignment.answered(self) }
        case .hostFailed: assignment.failedToInitialise(self)
        case .ended: end()
        case .removed, .noRoom: remove()
        }
    }

    private func foundRunning() {
        let wasLent = state.isLent
        guard state.foundRunning(), wasLent else { return }
        peer.manager.notLent(self)
        assignment.isStillBusy(self)
    }

    private func becameIdle(_ token: Int, followers: Int) {
        if state.isLent { peer.manager.notLent(self) }
        switch state.becameIdle(token, followers: followers) {
        case .initialised: assignment.becameReady(self)
        case .idle(let invoke, unused: _):
            invoke?.finished()
            assignment.becameReady(self)
        case .none: break
        }
    }

    private func end() {
        if state.isLent { peer.manager.notLent(self) }
        guard case .end(let invoke) = state.ended() else { return }
        invoke?.finished()
        assignment.ended(self)
    }

    func remove() {
        end()
        guard state.removed() else { return }
        assignment.removed(self)
        peer.forget(self)
    }

    func forgotten() {
        if state.isLent { peer.manager.notLent(self) }
        state.forgotten()
        peer.forget(self)
    }

    func reported(_ phase: FleetMessage.Phase) {
        switch ending {
        case nil: break
        case .retire: peer.send(.retire(id))
        case .abort: peer.send(.abort(id))
        }
        switch phase {
        case .starting: break
        case .idle(let token): becameIdle(token, followers: 0)
        case .busy: foundRunning()
        case .leaving: end()
        }
    }

    func askIfDoubtful(at now: Int, after patience: Int) {
        if state.isDoubtful(at: now, after: patience) { peer.send(.voidToken(id)) }
    }

    /// The token that its manager would give away; nil if it is not idle.
    var idleToken: Int? {
        var copy = state
        let nobody = SimulatedInvoke(0, of: function, on: lane, isOver: {})
        guard case .reserve(let token) = copy.runRequested(nobody, followers: 0, isReachable: true, at: 0) else {
            return nil
        }
        return token
    }
}
