/// Whether a worker can be counted on, as its manager sees it: a state machine.
///
/// A worker that is not heard of may still run what it was given. It ends that by itself some time after the last heartbeat that
/// was answered, so the manager waits somewhat longer, and then takes it for over. A worker that was evicted is not answered
/// any more, so the same is true of it though it is heard of. And one that is not even listed has nothing running: it has left
/// when nothing did, or was evicted for so long that all is over.
///
/// Instants are nanoseconds of any clock that never goes back.
package struct WorkerLife {
    /// A moment; see above.
    package typealias Instant = Int

    /// How the fleet lists a worker.
    package enum Listing {
        case member
        /// It is no member, and may run what it was given while it was one.
        case evicted
        /// Neither is.
        case none
    }

    /// How the worker is listed.
    package private(set) var listing: Listing
    /// Whether there is a connection, and the worker has said what it is.
    package private(set) var isConnected = false
    /// Whether what it had is over.
    package private(set) var isLost = false
    /// Until when the worker may run what it was given.
    private var runsUntil: Instant
    private var fence: Int

    /// How long after its last heartbeat that was answered what a worker runs is taken for over, if it goes on by itself for so
    /// long: longer, by as much as clocks may differ in speed. In nanoseconds, both.
    package static func fence(ofLeash leash: Int) -> Int { leash / 10 * 11 }

    /// - Parameters:
    ///   - fence: How long after the last answer to a heartbeat a worker may run what it was given, in nanoseconds, with
    ///     whatever the clocks of both may differ in speed.
    ///   - now: When the worker became known, and whatever it may have been given before it.
    package init(fence: Int, listed listing: Listing = .member, at now: Instant) {
        self.fence = fence
        self.listing = listing
        runsUntil = now + fence
    }

    /// A heartbeat is about to be answered.
    package mutating func answering(at now: Instant) {
        runsUntil = max(runsUntil, now + fence)
    }

    /// The manager has taken over what somebody else may have let the worker run until now.
    package mutating func inherited(at now: Instant) {
        runsUntil = max(runsUntil, now + fence)
        isLost = false
    }

    /// The worker says how long it goes on by itself. Returns whether it is longer than was thought.
    package mutating func told(leash: Int, at now: Instant) -> Bool {
        let needed = Self.fence(ofLeash: leash)
        guard needed > fence else { return false }
        fence = needed
        runsUntil = max(runsUntil, now + needed)
        return true
    }

    /// There is a connection. Of what it had before it is lost, nothing is left.
    package mutating func connected() {
        isConnected = true
        isLost = false
    }

    /// The connection has ended.
    package mutating func disconnected() {
        isConnected = false
    }

    /// The worker is listed like this from now on.
    ///
    /// - Returns: Whether it is a member again. What it has must then be asked for, over another connection, before it is
    ///   answered: it may have been taken for lost.
    package mutating func listed(as listing: Listing) -> Bool {
        defer { self.listing = listing }
        return listing == .member && self.listing != .member
    }

    /// Time has passed. Returns whether what the worker had is over by this.
    package mutating func timePassed(to now: Instant) -> Bool {
        guard !isLost, !isPresent else { return false }
        isLost = now >= runsUntil || listing == .none && !isConnected
        return isLost
    }

    /// Whether there should be a connection. One that opens when it is wanted no more is closed at once: if the worker is listed
    /// again, somebody else may talk with it already.
    package var wantsConnection: Bool { listing != .none }

    /// Whether it may be given invokes, and is answered.
    package var isPresent: Bool { isConnected && listing == .member }
}
