/// A member's own side of its lease, as a state machine. All moments are nanoseconds of one clock that nobody can set.
///
/// Others may evict the member when they have seen no renewal for all of the lease. They have seen the last one after
/// it was sent; so the member stops what the lease allows when that long has passed since it was sent, less a margin
/// for clocks that run at different rates. What is sent and not answered counts for nothing.
package struct MemberLease: Sendable {
    /// What is to be done.
    package enum Action: Sendable, Equatable {
        /// Join under a new incarnation, and tell by ``joined(at:)`` or ``requestFailed(at:)``.
        case join
        /// Renew the lease, and tell by ``renewed(at:)``, ``requestFailed(at:)`` or ``evicted(at:)``.
        case renew
        /// The lease allows things from now on.
        case beginActing
        /// The lease allows nothing any more.
        case stopActing
        /// The lease allows again what it did.
        case resumeActing
        /// Forget what the lease has allowed: others have it.
        case forget
    }

    private enum Phase {
        /// Not a member.
        case out
        /// A member, as far as is known. What the lease allows ends at a moment; whether it has been stopped is told
        /// apart, and whether it has ever begun.
        case member(end: Int, isActing: Bool, hasBegun: Bool)
    }

    /// The part of the lease that is left as a margin.
    private static let marginPart = 10
    /// The part of the lease after which it is renewed.
    private static let intervalPart = 5
    /// The part of the interval after which what has failed is tried again.
    private static let retryPart = 4

    /// How long the lease is.
    package let duration: Int

    private var phase = Phase.out
    /// When what is underway was sent; nil if nothing is.
    private var sent: Int?
    /// When the next request is due.
    private var due: Int
    /// When it is due at the latest since there is something to be read.
    private var hastened: Int?

    /// - Parameter duration: How long others must see no renewal before they evict it.
    package init(duration: Int, at now: Int) {
        self.duration = duration
        due = now
    }

    /// How often the lease is renewed.
    package var interval: Int { duration / Self.intervalPart }

    /// Whether the lease allows anything at a moment, whatever timers have noticed.
    package func isInForce(at now: Int) -> Bool {
        guard case .member(let end, let isActing, _) = phase else { return false }
        return isActing && now < end
    }

    /// Whether the process is a member, as far as is known.
    package var isMember: Bool {
        if case .member = phase { true } else { false }
    }

    /// When the next request is due, if none is underway.
    package var requestDue: Int { min(due, hastened ?? due) }

    /// When what the lease allows ends; nil if it allows nothing.
    package var end: Int? {
        guard case .member(let end, true, _) = phase else { return nil }
        return end
    }

    /// Time has passed, of which ``end`` is to be looked at.
    package mutating func endPassed(at now: Int) -> [Action] {
        guard case .member(let end, true, let hasBegun) = phase, now >= end else { return [] }
        phase = .member(end: end, isActing: false, hasBegun: hasBegun)
        return [.stopActing]
    }

    /// Time has passed, of which ``requestDue`` is to be looked at. Returns what is to be sent, at once; nil for
    /// nothing.
    package mutating func requestDuePassed(at now: Int) -> Action? {
        guard sent == nil, now >= requestDue else { return nil }
        sent = now
        hastened = nil
        return isMember ? .renew : .join
    }

    /// There is something to be read. The next renewal need not wait beyond a moment.
    package mutating func hasten(to moment: Int) {
        hastened = min(moment, hastened ?? moment)
    }

    /// The process is a member.
    package mutating func joined(at now: Int) -> [Action] {
        guard let sent, !isMember else { return [] }
        return answered(sent, wasActing: false, hasBegun: false, at: now)
    }

    /// The lease is renewed.
    package mutating func renewed(at now: Int) -> [Action] {
        guard let sent, case .member(_, let isActing, let hasBegun) = phase else { return [] }
        return answered(sent, wasActing: isActing, hasBegun: hasBegun, at: now)
    }

    /// An answer has come to what was sent at a moment.
    private mutating func answered(_ sent: Int, wasActing: Bool, hasBegun: Bool, at now: Int) -> [Action] {
        self.sent = nil
        due = sent + interval
        let end = sent + duration - duration / Self.marginPart
        // The answer may have taken so long that the lease is over again.
        let isActing = now < end
        phase = .member(end: end, isActing: isActing, hasBegun: hasBegun || isActing)
        guard isActing != wasActing else { return [] }
        if wasActing { return [.stopActing] }
        return [hasBegun ? .resumeActing : .beginActing]
    }

    /// Nothing is known of what has become of the last request.
    package mutating func requestFailed(at now: Int) {
        sent = nil
        due = now + interval / Self.retryPart
        hastened = nil
    }

    /// The process is no member any more.
    package mutating func evicted(at now: Int) -> [Action] {
        sent = nil
        guard case .member(_, let isActing, _) = phase else { return [] }
        phase = .out
        due = now
        return isActing ? [.stopActing, .forget] : [.forget]
    }
}
