/// What a worker tells a manager of the partitions that are the manager's, as a state machine: which of its environments the
/// manager can take for gone.
///
/// A worker answers each question in its order. A manager may ask again before it has an answer, since it has lost a partition
/// and got it back, or has connected while it was given it; then only the last answer counts. What the manager has made since it
/// asked, the answer cannot name.
///
/// Generic over what identifies environments.
package struct PartitionReports<EnvironmentID: Hashable> {
    private struct Report {
        /// How many answers are to come.
        var awaited = 0
        /// What the manager knew of when it asked last, and the answer has not named.
        var missing: Set<EnvironmentID> = []
    }

    private var reports: [Int: Report] = [:]

    /// Of a connection over which nothing was asked yet.
    package init() {}

    /// The worker is asked for what it has of a partition.
    ///
    /// - Parameter known: What the manager knows of.
    package mutating func asked(_ partition: Int, knowing known: Set<EnvironmentID>) {
        reports[partition, default: Report()].awaited += 1
        reports[partition]?.missing = known
    }

    /// The worker names an environment. Returns whether that belongs to the answer that counts.
    package mutating func named(_ environment: EnvironmentID, of partition: Int) -> Bool {
        guard reports[partition]?.awaited == 1 else { return false }
        reports[partition]?.missing.remove(environment)
        return true
    }

    /// The worker has named all that it has of a partition.
    ///
    /// - Returns: What the manager knew of and is not there; nil if another answer is to come, or none was awaited.
    package mutating func completed(_ partition: Int) -> Set<EnvironmentID>? {
        guard let report = reports[partition] else { return nil }
        reports[partition]?.awaited -= 1
        guard report.awaited == 1 else { return nil }
        reports[partition] = nil
        return report.missing
    }

    /// The worker follows another manager, and tells this one nothing.
    package mutating func refused(_ partition: Int) {
        _ = completed(partition)
    }

    /// The connection has ended.
    package mutating func disconnected() {
        reports = [:]
    }
}
