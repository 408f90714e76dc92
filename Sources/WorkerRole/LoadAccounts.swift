import FleetProtocol

/// What function versions use of a worker's CPU, from looks at their environments now and then: a state machine.
///
/// Only environments that have worked since the last look need be looked at; all others count as having used nothing. A version
/// that uses nothing is told of a few times more, since whoever is told smooths what it hears, and then no more.
///
/// Generic over what identifies environments.
struct LoadAccounts<EnvironmentID: Hashable> {
    /// An environment, and what was found of it.
    struct Reading {
        let environment: EnvironmentID
        let key: CensusEntry.Key
        /// All the CPU time that it has used so far, in nanoseconds; nil if nobody has looked.
        let cpuNanoseconds: Int?
    }

    /// So often is told of a version that it uses nothing any more.
    private static var quietMax: Int { 8 }

    private var lastReadings: [EnvironmentID: Int] = [:]
    /// How often versions have been told of, since they last used anything.
    private var quietRounds: [CensusEntry.Key: Int] = [:]

    /// All environments of the worker have been looked at, as far as necessary.
    ///
    /// - Parameter elapsed: Nanoseconds since the last time.
    /// - Returns: What managers are to hear.
    mutating func looked(at readings: [Reading], after elapsed: Int) -> [LoadEntry] {
        var sums: [CensusEntry.Key: (used: Int, count: Int)] = [:]
        var readingsNow: [EnvironmentID: Int] = [:]
        for reading in readings {
            let before = lastReadings[reading.environment]
            readingsNow[reading.environment] = reading.cpuNanoseconds ?? before
            var used = 0
            // What an environment has used before it was first looked at is its set-up, for the most part.
            if let now = reading.cpuNanoseconds, let before { used = max(0, now - before) }
            sums[reading.key, default: (0, 0)].used += used
            sums[reading.key]?.count += 1
        }
        lastReadings = readingsNow
        guard elapsed > 0 else { return [] }
        var entries: [LoadEntry] = []
        for (key, sum) in sums {
            let cpuMilli = sum.used * 1000 / sum.count / elapsed
            if cpuMilli > 0 {
                quietRounds[key] = 0
            } else {
                guard let rounds = quietRounds[key] else { continue }
                quietRounds[key] = rounds < Self.quietMax ? rounds + 1 : nil
            }
            entries.append(LoadEntry(key, cpuMilli: cpuMilli))
        }
        quietRounds = quietRounds.filter { sums[$0.key] != nil }
        return entries
    }
}
