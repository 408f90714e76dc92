import Synchronization

/// Hands elements from whoever has them to whoever waits for them, in their order.
final class Mailbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var waiters: [CheckedContinuation<Element, Never>] = []
    }

    private let state = Mutex(State())

    func send(_ element: Element) {
        let waiter = state.withLock { state -> CheckedContinuation<Element, Never>? in
            guard state.waiters.isEmpty else { return state.waiters.removeFirst() }
            state.elements.append(element)
            return nil
        }
        waiter?.resume(returning: element)
    }

    /// The next element, as soon as there is one.
    func next() async -> Element {
        await withCheckedContinuation { waiter in
            let element = state.withLock { state -> Element? in
                guard state.elements.isEmpty else { return state.elements.removeFirst() }
                state.waiters.append(waiter)
                return nil
            }
            if let element { waiter.resume(returning: element) }
        }
    }

    /// Whether nothing was sent that nobody has taken.
    var isEmpty: Bool { state.withLock { $0.elements.isEmpty } }
}
