import EventQueue
import LambdaAPI
import Synchronization

/// A clock that stands still until a test moves it on.
final class ManualClock: EventClock {
    private struct State {
        var now = Timestamp.test(0)
        var calls: [(moment: Timestamp, body: @Sendable () -> Void)] = []
        var waiters: [CheckedContinuation<Void, Never>] = []

        var earliest: Int? { calls.indices.min { calls[$0].moment < calls[$1].moment } }
    }

    private let state = Mutex(State())

    func now() -> Timestamp { state.withLock { $0.now } }

    func call(at moment: Timestamp, _ body: @escaping @Sendable () -> Void) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
            guard moment > state.now else { return nil }
            state.calls.append((moment, body))
            defer { state.waiters = [] }
            return state.waiters
        }
        guard let waiters else { return body() }
        for waiter in waiters { waiter.resume() }
    }

    /// Moves on to a moment, by way of all the calls that there are until then.
    func advance(to end: Timestamp) {
        while true {
            let body = state.withLock { state -> (@Sendable () -> Void)? in
                guard let index = state.earliest, state.calls[index].moment <= end else {
                    state.now = max(state.now, end)
                    return nil
                }
                let call = state.calls.remove(at: index)
                state.now = max(state.now, call.moment)
                return call.body
            }
            guard let body else { return }
            body()
        }
    }

    func advance(seconds: Int) {
        advance(to: Timestamp(milliseconds: now().milliseconds + seconds * 1000))
    }

    /// Moves on to the next call, as soon as one is asked for, and returns how many milliseconds that was.
    @discardableResult
    func advanceToNextCall() async -> Int {
        while true {
            let before = now()
            let moment = state.withLock { state in state.earliest.map { state.calls[$0].moment } }
            if let moment {
                advance(to: moment)
                return moment.milliseconds - before.milliseconds
            }
            await withCheckedContinuation { waiter in
                let hasCall = state.withLock { state in
                    if state.calls.isEmpty { state.waiters.append(waiter) }
                    return !state.calls.isEmpty
                }
                if hasCall { waiter.resume() }
            }
        }
    }
}
