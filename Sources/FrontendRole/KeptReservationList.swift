/// Environments that may be used once more without their manager's being asked, as a state machine.
///
/// Workers keep them for a moment only, and nobody tells when they do no more; one that is used too late costs a message that
/// was in vain. The latest is used first, which is good for longest.
///
/// Generic over what tells those apart that may use each other's. Instants are nanoseconds of any clock that never goes back.
package struct KeptReservationList<Key: Hashable, Reservation> {
    /// A moment; see above.
    package typealias Instant = Int

    private struct Kept {
        let reservation: Reservation
        let until: Instant
    }

    /// How long one may be used. Shorter than workers keep it, by what a message takes to get there.
    private static var lifetime: Int { 3_000_000 }
    /// The most that are kept of a kind.
    private static var countMax: Int { 256 }

    /// The latest at the end.
    private var kept: [Key: [Kept]] = [:]

    /// Nothing is kept yet.
    package init() {}

    /// Keeps one.
    package mutating func add(_ reservation: Reservation, for key: Key, at now: Instant) {
        var list = kept[key] ?? []
        // Not twice in memory while it changes.
        kept[key] = nil
        if let oldest = list.first, oldest.until < now || list.count >= Self.countMax {
            list.removeAll { $0.until < now }
            if list.count >= Self.countMax { list.removeFirst() }
        }
        list.append(Kept(reservation: reservation, until: now + Self.lifetime))
        kept[key] = list
    }

    /// Takes out the latest that can be used still.
    package mutating func take(for key: Key, at now: Instant) -> Reservation? {
        guard let last = kept[key]?.popLast() else { return nil }
        if last.until >= now { return last.reservation }
        // All others are older still.
        kept[key] = nil
        return nil
    }
}
