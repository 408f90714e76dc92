/// How a fleet is used at a moment.
package struct FleetFigures: Sendable, Hashable {
    package var workers = 0
    /// Workers without environments, which could be switched off.
    package var emptyWorkers = 0
    package var environments = 0
    /// How many functions have environments.
    package var functions = 0
    /// What environments have, of the workers that have any, and what these could give.
    package var usedMemoryMB = 0
    package var usableMemoryMB = 0
    /// What workers without environments could give.
    package var emptyMemoryMB = 0
    /// The part of its host's promised CPU that noisy functions have, as an average vCPU of a noisy function sees it.
    package var noisyPart = 0.0
}

/// How much of a function would be lost with what has the most of it.
package struct Concentration: Sendable, Hashable {
    package var environments: Int
    /// How many of them are in the zone, and on the host, that has the most.
    package var zoneMax: Int
    package var hostMax: Int
}

extension Fleet {
    /// How the fleet is used. Looks at all workers.
    package func figures() -> FleetFigures {
        var figures = FleetFigures(workers: workers.count, functions: functions.count)
        var (noisy, seen) = (0.0, 0.0)
        for worker in workers.all {
            let record = workers[worker]
            guard record.environments > 0 else {
                figures.emptyWorkers += 1
                figures.emptyMemoryMB += Int(record.usableMemoryMB)
                continue
            }
            figures.environments += record.environments
            figures.usedMemoryMB += record.usedMemoryMB
            figures.usableMemoryMB += Int(record.usableMemoryMB)
            let part = Double(record.noisyCPUMilli) / max(1, Double(record.usableCPUMilli))
            noisy += Double(record.noisyCPUMilli)
            seen += Double(record.noisyCPUMilli) * part
        }
        figures.noisyPart = noisy > 0 ? seen / noisy : 0
        return figures
    }

    /// Whether a worker is known to have a package of code.
    package func hasCode(_ code: CodeHash, on id: WorkerID) -> Bool {
        guard let worker = workers.number(of: id), let number = codes.find(code) else { return false }
        return codes.has(number, worker)
    }

    /// How concentrated a function is; nil if it has no environments. Looks at each of its hosts.
    package func concentration(of function: FunctionVersion) -> Concentration? {
        guard let number = functions.find(function) else { return nil }
        var found = Concentration(environments: Int(functions[number].environments), zoneMax: 0, hostMax: 0)
        for zone in zones.indices {
            found.zoneMax = max(found.zoneMax, functions.environments(of: number, in: zone))
        }
        residences.forEachWorker(of: number) { _, count in
            found.hostMax = max(found.hostMax, count)
            return true
        }
        return found
    }
}
