package import MetadataStore

/// An observer's side of others' leases, as a state machine: who has not renewed for all of its lease. All moments are
/// nanoseconds of one clock that nobody can set.
///
/// Only time through which it has watched counts. After a pause, its own or the store's, nobody is thought dead for
/// what nobody could see.
package struct MemberWatch: Sendable {
    /// Who is to be evicted, and what was seen of it.
    package struct Eviction: Sendable, Equatable {
        package let member: FleetMemberID
        package let renewals: Int
    }

    private struct Sighting {
        var renewals: Int
        /// For how long it has been the same.
        var watched = 0
        let lease: Int
    }

    /// The part of the lease that counts at most between two looks.
    private static let gapPart = 4
    /// The renewals after which a member is thought to stay.
    private static let settledRenewals = 2

    private var sightings: [FleetMemberID: Sighting] = [:]
    private var lastLook: Int?

    package init() {}

    /// Somebody has looked.
    ///
    /// - Parameters:
    ///   - members: Those that are watched.
    ///   - renewals: What was read of all members. Of one that is not named nothing is known.
    ///   - now: A moment after the answer has come.
    /// - Returns: Who has not renewed for all of its lease.
    package mutating func looked(
        at members: [FleetMember],
        _ renewals: [Incarnation: Int],
        at now: Int
    ) -> [Eviction] {
        let elapsed = max(0, now - (lastLook ?? now))
        lastLook = now
        var evictions: [Eviction] = []
        var next: [FleetMemberID: Sighting] = [:]
        for member in members {
            guard let count = renewals[member.id.incarnation] else { continue }
            let lease = member.leaseMilliseconds * 1_000_000
            var sighting = Sighting(renewals: count, lease: lease)
            if let last = sightings[member.id], last.renewals == count {
                sighting.watched = last.watched + min(elapsed, lease / Self.gapPart)
                if sighting.watched >= lease { evictions.append(Eviction(member: member.id, renewals: count)) }
            }
            next[member.id] = sighting
        }
        sightings = next
        return evictions
    }

    /// Whether a member has been there for some renewals, and still renews.
    package func isSettled(_ member: FleetMemberID) -> Bool {
        guard let sighting = sightings[member] else { return false }
        return sighting.renewals >= Self.settledRenewals && sighting.watched < sighting.lease / 2
    }
}
