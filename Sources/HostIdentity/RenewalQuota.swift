import Foundation

/// How often each host may have its certificate renewed, so that one that is broken, or not its owner's any more,
/// cannot fill the authority's disk.
struct RenewalQuota: Sendable {
    /// How many renewals a host has within one life of a certificate. One that is well needs two.
    static let renewalsMax = 20

    private let life: TimeInterval
    private var renewals: [HostIdentity: [Date]] = [:]

    /// For certificates with that life.
    init(life: Duration) {
        self.life = TimeInterval(life.components.seconds)
    }

    /// Counts a renewal; false if there were too many.
    mutating func take(_ identity: HostIdentity, at now: Date) -> Bool {
        let recent = (renewals[identity] ?? []).filter { now.timeIntervalSince($0) < life }
        guard recent.count < Self.renewalsMax else { return false }
        renewals[identity] = recent + [now]
        return true
    }
}
