import Synchronization

/// Wakes the one who waits for it; if nobody does, whoever waits next.
final class Signal: Sendable {
    private struct State {
        var isSet = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func set() {
        let waiter = state.withLock { state in
            state.isSet = state.waiter == nil
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when it is set, or when the task is cancelled.
    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isSet = state.withLock { state in
                    guard !state.isSet, !Task.isCancelled else {
                        state.isSet = false
                        return true
                    }
                    state.waiter = waiter
                    return false
                }
                if isSet { waiter.resume() }
            }
        } onCancel: {
            state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }?
            .resume()
        }
    }

    /// Returns when it is set, at a moment, or when the task is cancelled.
    func wait(until moment: Int, by clock: any FleetClock) async {
        guard clock.now() < moment else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await clock.sleep(until: moment) }
            group.addTask { await self.wait() }
            await group.next()
            group.cancelAll()
        }
    }
}
