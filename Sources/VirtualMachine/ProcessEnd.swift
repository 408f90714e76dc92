import Synchronization

/// The end of a process, which may come before anybody can be told.
final class ProcessEnd: Sendable {
    private enum State {
        case running
        case watched(@Sendable () -> Void)
        case ended
    }

    private let state = Mutex(State.running)

    var hasOccurred: Bool {
        state.withLock { state in
            if case .ended = state { return true }
            return false
        }
    }

    func occurred() {
        let callback = state.withLock { state -> (@Sendable () -> Void)? in
            defer { state = .ended }
            if case .watched(let callback) = state { return callback }
            return nil
        }
        callback?()
    }

    func set(_ callback: @escaping @Sendable () -> Void) {
        let isEnded = state.withLock { state in
            if case .ended = state { return true }
            state = .watched(callback)
            return false
        }
        if isEnded { callback() }
    }
}
