/// Decides how many workers a fleet should have, as a state machine: it grows at once and by much, and shrinks late and by little,
/// since a host that is missing refuses invokes, and one too many only costs.
///
/// What counts is memory that was promised to environments that work, and half of what was promised to idle ones, which end by
/// themselves when nobody needs them; on top of that, a part is to be free. A start that was refused says more than any sum: then
/// there is to be at least one worker more than there is.
///
/// It knows nothing of the time before it was made, and begins with as many workers as there are. Moments are seconds of any clock
/// that never goes back.
package struct CapacityPlanner: Sendable {
    /// How an operator wants it to decide.
    package struct Policy: Sendable {
        /// The part of all memory that is to be free, 0 up to but not including 1.
        package var headroom = 0.2
        /// As much more must be free before there are fewer workers, so that one who goes is not wanted back.
        package var shrinkMargin = 0.1
        /// Fewer must have been enough for so long before there are fewer, in seconds.
        package var shrinkDelay = 600
        /// The bounds of the decision.
        package var workersMin = 1
        package var workersMax = 1000
        /// By which part of the workers their number may grow or shrink from one look to the next; by two and by one in any case.
        package var growthPart = 0.5
        package var shrinkPart = 0.1
        /// Which part of idle environments' memory counts.
        package var idlePart = 0.5

        package init() {}
    }

    /// How many are named that could go.
    private static let emptiestMax = 20

    private let policy: Policy
    private var desired: Int?
    /// What a worker has, if there is none to look at.
    private var memoryMB = 0
    /// Zones do not go with their last worker.
    private var zones: Set<ZoneName> = []
    /// Since when fewer would be enough.
    private var enoughSince: Int?

    package init(policy: Policy = Policy()) {
        self.policy = policy
    }

    /// Takes in what the fleet has to do at a moment, and decides.
    package mutating func looked(at load: CapacityLoad, now: Int) -> CapacityPlan {
        let counted = load.workers.filter { !$0.isLeaving }
        if !counted.isEmpty { memoryMB = counted.reduce(0) { $0 + $1.memoryMB } / counted.count }
        zones.formUnion(counted.map(\.zone))
        // What runs on those that leave must be elsewhere soon.
        let needed = load.workers.reduce(0.0) { $0 + Double($1.busyMB) + Double($1.idleMB) * policy.idlePart }
        let before = desired ?? bounded(counted.count)
        let (next, reason) = decide(needed, before, counted.count, load.refusedStarts, at: now)
        desired = next
        return plan(next, counted, reason)
    }

    private mutating func decide(
        _ needed: Double,
        _ before: Int,
        _ present: Int,
        _ refused: Int,
        at now: Int
    ) -> (Int, String) {
        var wanted = count(for: needed, headroom: policy.headroom)
        if refused > 0 { wanted = max(wanted, present + 1) }
        if bounded(wanted) > before {
            enoughSince = nil
            let most = before + max(2, Int(Double(before) * policy.growthPart))
            return (
                min(bounded(wanted), most),
                refused > 0 ? "\(refused) environments found no worker" : "the memory in use wants \(wanted) workers"
            )
        }
        let enough = bounded(count(for: needed, headroom: policy.headroom + policy.shrinkMargin))
        guard enough < before, refused == 0 else {
            enoughSince = nil
            let isAtMost = wanted > policy.workersMax
            return (
                bounded(before),
                isAtMost
                    ? "the load wants \(wanted) workers, and the most is \(policy.workersMax)" : "the load is as before"
            )
        }
        let since = enoughSince ?? now
        enoughSince = since
        guard now - since >= policy.shrinkDelay else {
            return (before, "\(enough) would be enough since \(now - since) s")
        }
        let fewer = max(enough, before - max(1, Int(Double(before) * policy.shrinkPart)))
        return (fewer, "\(enough) have been enough for \(policy.shrinkDelay) s")
    }

    /// How many workers have so much memory, and a part of it free. Without any worker ever seen, the least that there may be.
    private func count(for needed: Double, headroom: Double) -> Int {
        guard memoryMB > 0 else { return policy.workersMin }
        let usable = Double(memoryMB) * max(0.01, 1 - headroom)
        return Int(min((needed / usable).rounded(.up), Double(Int32.max)))
    }

    private func bounded(_ count: Int) -> Int {
        min(max(count, policy.workersMin), max(policy.workersMin, policy.workersMax))
    }

    // MARK: The plan

    private func plan(_ desired: Int, _ workers: [CapacityLoad.Worker], _ reason: String) -> CapacityPlan {
        var present: [ZoneName: Int] = [:]
        for worker in workers { present[worker.zone, default: 0] += 1 }
        let zones = Self.divide(desired, among: self.zones, present)
        let surplus = Set(zones.filter { $0.present > $0.desired }.map(\.name))
        let candidates = workers.sorted {
            (surplus.contains($0.zone) ? 0 : 1, $0.busyMB, $0.idleMB, $0.name)
                < (surplus.contains($1.zone) ? 0 : 1, $1.busyMB, $1.idleMB, $1.name)
        }
        return CapacityPlan(
            desired: desired,
            present: workers.count,
            zones: zones,
            emptiest: candidates.prefix(Self.emptiestMax).map {
                .init(name: $0.name, zone: $0.zone, busyMB: $0.busyMB, promisedMB: $0.busyMB + $0.idleMB)
            },
            reason: reason
        )
    }

    /// Alike for all zones; what is left over goes where most are already, so that as few as possible move.
    private static func divide(
        _ desired: Int,
        among zones: Set<ZoneName>,
        _ present: [ZoneName: Int]
    ) -> [CapacityPlan.Zone] {
        guard !zones.isEmpty else { return [] }
        let (each, rest) = desired.quotientAndRemainder(dividingBy: zones.count)
        let byPresence = zones.sorted { (present[$1] ?? 0, $0) < (present[$0] ?? 0, $1) }
        let plans = byPresence.enumerated().map { position, zone in
            CapacityPlan.Zone(name: zone, desired: each + (position < rest ? 1 : 0), present: present[zone] ?? 0)
        }
        return plans.sorted { $0.name < $1.name }
    }
}
