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
        guard
            case .reserve(let token) = state.runRequested(
                invoke,
                followers: 0,
                isReachable: peer.isPresent,
                at: peer.manager.clock()
            )
        else { return false }
        peer.manager.gives(function)
        invoke.complete(.reserved(.init(worker: peer.name, environment: id, token: token)))
        return true
    }

    func retire() {
        ending = ending ?? .retire
        peer.send(.retire(id))
    }

    func received(_ event: FleetMessage.Event) {
        switch event {
        case .initialised(let token), .idle(let token): becameIdle(token)
        case .running: state.foundRunning()
        case .answered: if state.isBusy { assignment.answered(self) }
        case .hostFailed: assignment.failedToInitialise(self)
        case .ended: end()
        case .removed, .noRoom: remove()
        }
    }

    private func becameIdle(_ token: Int) {
        switch state.becameIdle(token, followers: 0) {
        case .initialised: assignment.becameReady(self)
        case .idle(let invoke, unused: _):
            invoke?.finished()
            assignment.becameReady(self)
        case .none: break
        }
    }

    private func end() {
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
        case .idle(let token): becameIdle(token)
        case .busy: state.foundRunning()
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
