import DequeModule
import Dispatch
import Synchronization

/// Lets only so many environments start at a time. More at once would not be ready sooner, since starting takes CPU time,
/// but each would take longer: a burst of a thousand would have every one of them exceed its time to initialise.
///
/// Who has entered leaves once its environment has initialised, or after a while if that takes long: what waits for
/// something other than the CPU must not keep others from starting.
final class StartGate: Sendable {
    private struct State {
        var inside = 0
        var waiting: Deque<CheckedContinuation<Void, Never>> = []
        /// Those who wait until nobody starts.
        var spectators: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextSpectator = 0

        mutating func takeSpectators() -> [CheckedContinuation<Void, Never>] {
            defer { spectators = [:] }
            return Array(spectators.values)
        }
    }

    private let insideMax: Int
    private let state = Mutex(State())

    /// - Parameter insideMax: How many may start at a time; at least one.
    init(insideMax: Int) {
        self.insideMax = insideMax
    }

    /// Returns when it is the caller's turn, in the order of the calls. Not cancellable: the turn comes, since those
    /// inside leave.
    func enter() async -> Passage {
        await withCheckedContinuation { continuation in
            let mayEnter = state.withLock { state -> Bool in
                guard state.inside < insideMax else {
                    state.waiting.append(continuation)
                    return false
                }
                state.inside += 1
                return true
            }
            if mayEnter { continuation.resume() }
        }
        return Passage(gate: self)
    }

    /// Returns when nobody starts, or after a while: for work that need not be done just then. Not cancellable.
    func quiet(within patience: DispatchTimeInterval) async {
        await withCheckedContinuation { continuation in
            let spectator = state.withLock { state -> Int? in
                guard state.inside > 0 else { return nil }
                defer { state.nextSpectator += 1 }
                state.spectators[state.nextSpectator] = continuation
                return state.nextSpectator
            }
            guard let spectator else { return continuation.resume() }
            DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + patience) { [self] in
                state.withLock { $0.spectators.removeValue(forKey: spectator) }?.resume()
            }
        }
    }

    private func leave() {
        let resumed = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            // Whoever comes next takes the place.
            if let next = state.waiting.popFirst() { return [next] }
            state.inside -= 1
            return state.inside == 0 ? state.takeSpectators() : []
        }
        for continuation in resumed { continuation.resume() }
    }

    /// A place inside the gate.
    final class Passage: Sendable {
        private let gate: StartGate
        private let hasLeft = Atomic(false)

        fileprivate init(gate: StartGate) {
            self.gate = gate
        }

        deinit {
            leave()
        }

        /// Makes room for the next. Calls after the first do nothing.
        func leave() {
            guard !hasLeft.exchange(true, ordering: .relaxed) else { return }
            gate.leave()
        }
    }
}
