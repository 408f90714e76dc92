/// How far the clock of a guest is from the host's, as its answers tell: each shows the guest's clock at a moment between its
/// question and itself. The quickest answer tells it best. Pure; all times are nanoseconds.
struct GuestClock {
    /// Beyond this it is set right. Less is not to be seen by a function, and a host under load cannot measure much less.
    private static let tolerance = 500_000

    private var best: (roundTrip: Int, error: Int)?

    /// An answer to a question that was asked at one time of the host's clock came at another.
    mutating func answered(asked: Int, at now: Int, showing guest: UInt64) {
        // What a guest says may be anything.
        guard let guest = Int(exactly: guest), guest > 0, now >= asked else { return }
        let roundTrip = now - asked
        if let best, best.roundTrip <= roundTrip { return }
        best = (roundTrip, guest.subtractingReportingOverflow(asked + roundTrip / 2).partialValue)
    }

    /// By how much to set the guest's clock forward; nil if it is near enough. What was learned so far is no longer true then.
    mutating func takeCorrection() -> Int64? {
        guard let error = best?.error, error.magnitude > Self.tolerance else { return nil }
        best = nil
        return Int64(-error)
    }
}
