import Synchronization

/// What a sandbox is asked for and has not answered yet, each with a deadline.
///
/// A deadline is set before the question is put, so that no answer comes too early to take it back.
final class SandboxDeadlines: Sendable {
    enum Answer: Hashable {
        case creation
        case start(ProcessToken)
        case clearing
        case adoption
    }

    private let monitor: Monitor
    private let patience: Duration
    private let pending = Mutex<[Answer: Monitor.Registration]>([:])

    /// - Parameter patience: How long each answer may take.
    init(monitor: Monitor, patience: Duration) {
        self.monitor = monitor
        self.patience = patience
    }

    /// Calls back on the monitor's thread if the answer does not come in time.
    func expect(_ answer: Answer, orElse late: @escaping Monitor.Callback) {
        let deadline = monitor.schedule(after: patience) { [weak self] in
            self?.pending.withLock { _ = $0.removeValue(forKey: answer) }
            late()
        }
        pending.withLock { $0[answer] = deadline }
    }

    /// The answer has come, or nobody waits for it any more.
    func cancel(_ answer: Answer) {
        if let deadline = pending.withLock({ $0.removeValue(forKey: answer) }) { monitor.cancel(deadline) }
    }

    /// There will be no answers.
    func cancelAll() {
        let deadlines = pending.withLock { pending in
            defer { pending = [:] }
            return pending.values
        }
        for deadline in deadlines { monitor.cancel(deadline) }
    }
}
