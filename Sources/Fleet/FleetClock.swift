/// What a membership knows of time: a count that only ever grows, at the same rate as everybody's, also while the host
/// sleeps.
package protocol FleetClock: Sendable {
    /// This moment, in nanoseconds since an arbitrary one.
    func now() -> Int

    /// Returns at that moment, or when the task is cancelled.
    func sleep(until moment: Int) async
}

/// The host's clock since it was started, which nobody can set.
package struct HostFleetClock: FleetClock {
    private let start = ContinuousClock.now

    package init() {}

    package func now() -> Int { Self.nanoseconds(ContinuousClock.now - start) }

    package func sleep(until moment: Int) async {
        try? await Task.sleep(until: start + .nanoseconds(moment), clock: .continuous)
    }

    private static func nanoseconds(_ duration: Duration) -> Int { Int(duration / .nanoseconds(1)) }
}
