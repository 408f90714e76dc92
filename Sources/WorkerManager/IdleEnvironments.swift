/// The idle environments of a function, by the event loop that each is served on.
struct IdleEnvironments<EnvironmentID: Hashable, Loop: Hashable> {
    /// The one used last at the end. Lists become empty, and then stay for the next environment on their loop.
    private var byLoop: [Loop: [EnvironmentID]] = [:]

    mutating func add(_ environment: EnvironmentID, on loop: Loop) {
        byLoop[loop, default: []].append(environment)
    }

    mutating func remove(_ environment: EnvironmentID, on loop: Loop) {
        byLoop[loop]?.removeAll { $0 == environment }
    }

    /// Takes out the one that was used last on this loop, or if it has none, on another: an invoke that stays on its loop
    /// saves a hop between threads.
    mutating func popLast(preferring loop: Loop) -> EnvironmentID? {
        if let environment = byLoop[loop]?.popLast() { return environment }
        guard let other = byLoop.first(where: { !$0.value.isEmpty })?.key else { return nil }
        return byLoop[other]?.popLast()
    }

    /// All of them, in no particular order.
    var all: [EnvironmentID] { byLoop.values.flatMap { $0 } }
}
