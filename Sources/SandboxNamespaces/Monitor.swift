import CSandbox
import Glibc
import Synchronization

/// A thread that waits for descriptors to become readable and for deadlines to pass, and calls back.
///
/// Callbacks run one at a time on that thread and must not block. It also starts the launcher, because the kernel ends
/// the launcher with the thread that started it, and threads of pools end at any time.
final class Monitor: Sendable {
    typealias Callback = @Sendable () -> Void

    /// What names a watched descriptor or a deadline. Never used twice, so a late event cannot meet the wrong callback.
    struct Registration: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct State {
        var watched: [Registration: Callback] = [:]
        var deadlines: [Registration: (instant: ContinuousClock.Instant, callback: Callback)] = [:]
        var errands: [Callback] = []
        var nextNumber: UInt64 = 1
        var isStopping = false
        /// Until when the thread waits at most; `nil`: without end. It is not woken for a later deadline.
        var waitsUntil: ContinuousClock.Instant? = ContinuousClock.now

        mutating func makeRegistration() -> Registration {
            defer { nextNumber += 1 }
            return Registration(number: nextNumber)
        }
    }

    private let state = Mutex(State())
    private let events: OwnedDescriptor
    private let wakeUp: OwnedDescriptor
    private let thread = Mutex<pthread_t?>(nil)

    init() throws(SystemError) {
        events = OwnedDescriptor(try checked("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) })
        let flags = CInt(EFD_CLOEXEC) | CInt(EFD_NONBLOCK)
        wakeUp = OwnedDescriptor(try checked("eventfd") { eventfd(0, flags) })
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: 0))
        try checked("epoll_ctl") { epoll_ctl(events.rawValue, EPOLL_CTL_ADD, wakeUp.rawValue, &event) }
        var handle = pthread_t()
        let context = Unmanaged.passRetained(self)
        let error = pthread_create(&handle, nil, { Monitor.main($0) }, context.toOpaque())
        guard error == 0 else {
            context.release()
            throw SystemError(operation: "pthread_create", errno: error)
        }
        thread.withLock { $0 = handle }
    }

    /// Calls back whenever the descriptor can be read or its peer has gone, until ``unwatch(_:_:)``.
    ///
    /// - Parameter urgent: Whether to wait for exceptional conditions instead, as files of the kernel signal changes.
    func watch(
        _ descriptor: OwnedDescriptor,
        urgent: Bool = false,
        _ callback: @escaping Callback
    ) throws(SystemError) -> Registration {
        let registration = state.withLock { state in
            let registration = state.makeRegistration()
            state.watched[registration] = callback
            return registration
        }
        var event = epoll_event(
            events: (urgent ? EPOLLPRI : EPOLLIN).rawValue,
            data: epoll_data_t(u64: registration.number)
        )
        do {
            try checked("epoll_ctl") { epoll_ctl(events.rawValue, EPOLL_CTL_ADD, descriptor.rawValue, &event) }
        } catch {
            state.withLock { _ = $0.watched.removeValue(forKey: registration) }
            throw error
        }
        return registration
    }

    /// Ends a watch. A callback that runs on the monitor's thread at this moment is not waited for.
    func unwatch(_ descriptor: OwnedDescriptor, _ registration: Registration) {
        let known = state.withLock { $0.watched.removeValue(forKey: registration) != nil }
        if known { epoll_ctl(events.rawValue, EPOLL_CTL_DEL, descriptor.rawValue, nil) }
    }

    /// Calls back once, after this time, unless ``cancel(_:)`` comes first.
    func schedule(after delay: Duration, _ callback: @escaping Callback) -> Registration {
        let instant = ContinuousClock.now + delay
        let (registration, isNearest) = state.withLock { state in
            let registration = state.makeRegistration()
            state.deadlines[registration] = (instant, callback)
            return (registration, state.waitsUntil.map { instant < $0 } ?? true)
        }
        if isNearest { wake() }
        return registration
    }

    func cancel(_ registration: Registration) {
        state.withLock { _ = $0.deadlines.removeValue(forKey: registration) }
    }

    /// Runs something on the monitor's thread.
    func perform(_ errand: @escaping Callback) {
        state.withLock { $0.errands.append(errand) }
        wake()
    }

    /// Ends the thread and waits for it. No callback runs afterwards. Must not be called on the thread itself.
    func stop() {
        state.withLock { $0.isStopping = true }
        wake()
        guard let handle = thread.withLock({ $0.take() }) else { return }
        pthread_join(handle, nil)
        events.close()
        wakeUp.close()
    }

    private func wake() {
        eventfd_write(wakeUp.rawValue, 1)
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        guard let context else { return nil }
        sb_name_thread("sandboxes")
        Unmanaged<Monitor>.fromOpaque(context).takeRetainedValue().run()
        return nil
    }

    private func run() {
        let eventsMax = 64
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: eventsMax) { ready in
            while true {
                let (due, wait) = takeDue()
                for callback in due { callback() }
                if state.withLock({ $0.isStopping }) { return }
                let count = epoll_wait(
                    events.rawValue,
                    ready.baseAddress,
                    CInt(eventsMax),
                    due.isEmpty ? wait : 0
                )
                for event in ready.prefix(Int(max(0, count))) {
                    if event.data.u64 == 0 {
                        var count: eventfd_t = 0
                        eventfd_read(wakeUp.rawValue, &count)
                    } else {
                        let registration = Registration(number: event.data.u64)
                        let callback = state.withLock { $0.watched[registration] }
                        callback?()
                    }
                }
            }
        }
    }

    /// The callbacks whose time has come, and how many milliseconds there are until the next (-1: there is none).
    private func takeDue() -> (due: [Callback], waitMilliseconds: CInt) {
        state.withLock { state in
            var due = state.errands
            state.errands = []
            state.waitsUntil = nil
            guard !state.deadlines.isEmpty else { return (due, -1) }
            let now = ContinuousClock.now
            var nearest: Duration?
            // Deadlines exist only while a sandbox is being made or ended, so there are few.
            for (registration, deadline) in state.deadlines {
                let left = deadline.instant - now
                if left <= .zero {
                    due.append(deadline.callback)
                    state.deadlines[registration] = nil
                } else {
                    nearest = min(nearest ?? left, left)
                }
            }
            guard let nearest else { return (due, -1) }
            state.waitsUntil = now + nearest
            // Rounded up: waking too early would only mean waiting again.
            return (due, CInt(clamping: Int64(nearest / .milliseconds(1)) + 1))
        }
    }
}
