import CGuest
import Glibc

/// Waits for descriptors and calls back, on the agent's one thread.
final class Poller {
    struct Readiness: OptionSet {
        let rawValue: UInt32

        static let readable = Readiness(rawValue: EPOLLIN.rawValue)
        static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
        /// The other side is gone, or the descriptor has failed. Always waited for.
        static let closed = Readiness(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
    }

    private struct Watch {
        var interest: Readiness
        let callback: (Readiness) -> Void
    }

    private let events: CInt
    private var watches: [CInt: Watch] = [:]

    init() throws(SystemFailure) {
        events = try checked("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) }
    }

    /// Calls back when the descriptor is ready for one of these.
    func watch(_ descriptor: CInt, for interest: Readiness, _ callback: @escaping (Readiness) -> Void)
        throws(SystemFailure)
    {
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(fd: descriptor))
        try checked("watch") { epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &event) }
        watches[descriptor] = Watch(interest: interest, callback: callback)
    }

    /// Changes what is waited for.
    func setInterest(_ interest: Readiness, in descriptor: CInt) {
        guard let known = watches[descriptor]?.interest, known != interest else { return }
        watches[descriptor]?.interest = interest
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(fd: descriptor))
        epoll_ctl(events, EPOLL_CTL_MOD, descriptor, &event)
    }

    /// To be called before the descriptor is closed.
    func unwatch(_ descriptor: CInt) {
        guard watches.removeValue(forKey: descriptor) != nil else { return }
        epoll_ctl(events, EPOLL_CTL_DEL, descriptor, nil)
    }

    /// Waits until something is ready, and calls back.
    func wait() {
        let eventsMax = 64
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: eventsMax) { ready in
            let count = epoll_wait(events, ready.baseAddress, CInt(eventsMax), -1)
            for event in ready.prefix(Int(max(0, count))) {
                // One callback may end another's watch.
                watches[event.data.fd]?.callback(Readiness(rawValue: event.events))
            }
        }
    }
}
