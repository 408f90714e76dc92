import FleetProtocol
import LambdaAPI
import Worker

/// How many environments a worker has of each function version.
struct WorkerCensus: Equatable {
    private var counts: [CensusEntry.Key: Int] = [:]

    /// Of a worker that has none.
    init() {}

    init(of environments: some Sequence<ExecutionEnvironment>, in machine: WorkerServer.Machine) {
        for environment in environments {
            guard let entry = machine.entries[environment.id] else { continue }
            counts[CensusEntry.Key(environment, entry), default: 0] += 1
        }
    }

    /// The counts that are different from those before.
    func changes(since before: WorkerCensus) -> [CensusEntry] {
        var changes: [CensusEntry] = []
        for (key, count) in counts where before.counts[key] != count { changes.append(CensusEntry(key, count: count)) }
        for key in before.counts.keys where counts[key] == nil { changes.append(CensusEntry(key, count: 0)) }
        return changes
    }
}

extension CensusEntry.Key {
    /// What an environment is counted under.
    init(_ environment: ExecutionEnvironment, _ entry: WorkerServer.Machine.Entry) {
        self.init(
            partition: entry.partition,
            configuration: environment.function.configurationID.rawValue,
            memoryMB: environment.function.memoryMegabytes
        )
    }
}
