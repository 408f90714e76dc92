package import MetadataStore

/// A manager's side of workers that were evicted, as a state machine: which of them can have nothing running any more. All
/// moments are nanoseconds of one clock that nobody can set.
///
/// Managers answer an evicted worker no more, and it ends what nobody has answered for. But each knows of the eviction
/// only with its next renewal, which it needs to act at all: so all of them do when a manager's lease has passed since
/// anybody knew. When a fence has passed after that, whatever the worker was given is over, and it need not be awaited by
/// managers that come later.
package struct EvictedWatch: Sendable {
    /// When evicted workers were first seen.
    private var firstSeen: [FleetMemberID: Int] = [:]

    package init() {}

    /// Somebody has looked.
    ///
    /// - Parameters:
    ///   - view: The fleet as it was read before.
    ///   - fence: How long workers go on with what they were given, in nanoseconds, and somewhat longer.
    /// - Returns: Who has nothing running.
    package mutating func looked(at view: FleetView, fence: Int, at now: Int) -> [FleetMemberID] {
        let evicted = view.evictedWorkers.map(\.id)
        firstSeen = Dictionary(uniqueKeysWithValues: evicted.map { ($0, firstSeen[$0] ?? now) })
        let lease = view.members(.manager).map(\.leaseMilliseconds).max() ?? 0
        let span = lease * 1_000_000 + fence
        return evicted.filter { now - firstSeen[$0, default: now] >= span }
    }
}
