import CodeStore
import FleetProtocol
import LambdaAPI
import Placement
import Synchronization
import Worker

/// What is known of the worker besides its environments, for placement.
struct WorkerSurvey {
    /// What function versions use of the CPU, and how often that was measured.
    var loads: [LoadEntry] = []
    var round = 0
    /// The packages that are unpacked, and the version of that.
    var code: Set<ShortDigest> = []
    var codeVersion: Int?
}

// What placement would like to know.
extension WorkerServer {
    /// How often the environments' use of the CPU is measured, in heartbeats: seldom enough not to be noticed, and often enough to
    /// find a function that keeps a core busy within a minute.
    private static let heartbeatsPerRound = 10

    /// Looks at code and load until the task is cancelled.
    func survey() async {
        var accounts = LoadAccounts<EnvironmentID>()
        var lastLook = now()
        var heartbeats = 0
        repeat {
            if let inventory = await worker.codeInventory(since: state.withLock({ $0.survey.codeVersion })) {
                let digests = Set(inventory.trees.compactMap { ShortDigest(hexadecimal: $0.hexadecimal) })
                state.withLock { state in
                    state.survey.codeVersion = inventory.version
                    state.survey.code = digests
                }
            }
            heartbeats += 1
            if heartbeats % Self.heartbeatsPerRound == 0 {
                let look = now()
                let readings = await readings(since: lastLook)
                let loads = accounts.looked(at: readings, after: look - lastLook)
                lastLook = look
                state.withLock { state in
                    state.survey.loads = loads
                    state.survey.round += 1
                }
            }
        } while (try? await Task.sleep(for: heartbeatInterval)) != nil
    }

    private func readings(since lastLook: Int) async -> [LoadAccounts<EnvironmentID>.Reading] {
        let (all, working) = state.withLock { state in
            let all = state.environments.values.compactMap { environment in
                state.machine.entries[environment.id].map { (environment.id, CensusEntry.Key(environment, $0)) }
            }
            return (all, state.machine.environments(workingSince: lastLook))
        }
        let found = await worker.meter.nanoseconds(of: working)
        return all.map { id, key in .init(environment: id, key: key, cpuNanoseconds: found[id]) }
    }
}
