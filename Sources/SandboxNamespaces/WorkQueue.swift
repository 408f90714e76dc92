import Dispatch
import Synchronization

/// Where system calls that may block for a while run: making mounts and cgroups, waiting for programs to end.
/// The threads of Swift's own pool, of which there are as many as processors, are not for that.
///
/// A few pieces of work run at a time and the others wait their turn. Most of what sandboxes need is done under one lock
/// or another of the kernel's, so doing more at once makes all of it slower: a hundred mounts at a time take seconds
/// each, one after the other milliseconds.
final class WorkQueue: Sendable {
    private struct State {
        var running = 0
        /// Work that waits, the next at the end.
        var waiting: [@Sendable () -> Void] = []
        /// Work that came since, the next at the beginning.
        var arrived: [@Sendable () -> Void] = []

        mutating func takeNext() -> (@Sendable () -> Void)? {
            if waiting.isEmpty {
                waiting = arrived.reversed()
                arrived = []
            }
            return waiting.popLast()
        }
    }

    private let state = Mutex(State())
    private let queue: DispatchQueue
    private let width: Int

    /// - Parameter width: How many pieces of work run at a time.
    init(label: String, width: Int) {
        self.width = width
        queue = DispatchQueue(label: label, attributes: .concurrent)
    }

    /// Does this work when its turn comes. Does not block.
    func perform(_ work: @escaping @Sendable () -> Void) {
        let starts = state.withLock { state in
            guard state.running < width else {
                state.arrived.append(work)
                return false
            }
            state.running += 1
            return true
        }
        if starts { start(work) }
    }

    /// Does this work when its turn comes, and returns its result.
    func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            perform { continuation.resume(returning: work()) }
        }
    }

    /// Does this work when its turn comes. Blocks the calling thread, which must be another work queue's.
    func wait<Value: Sendable>(for work: @escaping @Sendable () -> Value) -> Value {
        let outcome = Outcome<Value>()
        perform { outcome.set(work()) }
        return outcome.wait()
    }

    private func start(_ work: @escaping @Sendable () -> Void) {
        queue.async {
            work()
            let next = self.state.withLock { state in
                let next = state.takeNext()
                if next == nil { state.running -= 1 }
                return next
            }
            if let next { self.start(next) }
        }
    }
}
