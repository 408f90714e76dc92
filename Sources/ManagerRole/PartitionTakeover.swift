/// The partitions that a manager has, as a state machine: each is *ready* once every worker that may have environments of it has
/// said which, or counts as lost. Until then it cannot be known how many invokes run, and none may be begun.
///
/// Generic over what identifies workers.
package struct PartitionTakeover<Worker: Hashable> {
    private struct Holding {
        let epoch: Int
        var awaited: Set<Worker>
    }

    private var holdings: [Int: Holding] = [:]

    /// Of a manager that has none.
    package init() {}

    /// A partition is this manager's since an epoch; these workers may have environments of it.
    ///
    /// - Returns: Whether it is ready at once.
    package mutating func gained(_ partition: Int, since epoch: Int, awaiting workers: Set<Worker>) -> Bool {
        holdings[partition] = Holding(epoch: epoch, awaited: workers)
        return workers.isEmpty
    }

    /// A partition is not this manager's any more.
    package mutating func lost(_ partition: Int) {
        holdings[partition] = nil
    }

    /// A worker has told of all environments that it has of a partition.
    ///
    /// - Returns: Whether the partition has become ready by this.
    package mutating func reported(_ partition: Int, since epoch: Int, by worker: Worker) -> Bool {
        guard holdings[partition]?.epoch == epoch, holdings[partition]?.awaited.remove(worker) != nil else {
            return false
        }
        return holdings[partition]?.awaited.isEmpty == true
    }

    /// Whatever a worker had is over.
    ///
    /// - Returns: The partitions that have become ready by this.
    package mutating func workerLost(_ worker: Worker) -> [Int] {
        var ready: [Int] = []
        for partition in holdings.keys where holdings[partition]?.awaited.remove(worker) != nil {
            if holdings[partition]?.awaited.isEmpty == true { ready.append(partition) }
        }
        return ready
    }

    /// Since when a partition has been this manager's; nil if it is not.
    package func epoch(of partition: Int) -> Int? { holdings[partition]?.epoch }

    /// Whether invokes of a partition may be begun.
    package func isReady(_ partition: Int) -> Bool { holdings[partition]?.awaited.isEmpty ?? false }

    /// All partitions that are this manager's, with their epochs.
    package var epochs: [Int: Int] { holdings.mapValues(\.epoch) }

    /// Workers that have not yet told of something.
    package var awaited: Set<Worker> { holdings.values.reduce(into: []) { $0.formUnion($1.awaited) } }
}
