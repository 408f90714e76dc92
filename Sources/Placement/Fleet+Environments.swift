extension Fleet {
    /// An environment is on a worker from now on, or about to be. What a worker reports counts, even if there was no
    /// room.
    @discardableResult
    package mutating func placed(_ function: FunctionVersion, on id: WorkerID) -> Bool {
        guard let worker = workers.number(of: id) else { return false }
        add(functions.number(of: function), to: worker)
        return true
    }

    /// An environment has ended.
    @discardableResult
    package mutating func removed(_ function: FunctionVersion, from id: WorkerID) -> Bool {
        guard let worker = workers.number(of: id), let number = functions.find(function) else { return false }
        return remove(number, from: worker)
    }

    /// How many environments there are.
    package var environmentCount: Int { workers.all.reduce(0) { $0 + workers[$1].environments } }

    /// How many environments a function has on a worker.
    package func environments(of function: FunctionVersion, on id: WorkerID) -> Int {
        guard let worker = workers.number(of: id), let number = functions.find(function) else { return 0 }
        return residences.count(of: number, on: worker)
    }

    // MARK: Load

    /// A worker has measured what its environments of a function use of the CPU, each on the average and whether it runs or is
    /// frozen, in thousandths of a vCPU.
    ///
    /// It is held against what placement reckons with, which is less than the share, since shares are promised several times:
    /// see ``PlacementPolicy/cpuOvercommit``. Is remembered as long as the function has environments. A quarter of what is
    /// remembered is the last report.
    @discardableResult
    package mutating func measured(_ function: FunctionVersion, cpuMilli: Int) -> Bool {
        guard let number = functions.find(function) else { return false }
        let reckoned = Double(function.cpuMilli) / max(1, policy.cpuOvercommit)
        let parts = Int(Double(min(max(0, cpuMilli), 1 << 20)) * 1000 / reckoned)
        let load = (3 * Int(functions[number].loadMilli) + min(parts, 1 << 24)) / 4
        functions[number].loadMilli = Int32(load)
        let limit = functions[number].isNoisy ? policy.noisyUntil : policy.noisyFrom
        setNoisy(number, Double(load) / 1000 >= limit)
        return true
    }

    /// Whether a function uses more of the CPU than placement reckons with.
    package func isNoisy(_ function: FunctionVersion) -> Bool {
        functions.find(function).map { functions[$0].isNoisy } ?? false
    }

    private mutating func setNoisy(_ function: Int32, _ isNoisy: Bool) {
        guard functions[function].isNoisy != isNoisy else { return }
        functions[function].isNoisy = isNoisy
        let share = functions[function].version.cpuMilli
        var hosts: [(Int32, Int)] = []
        residences.forEachWorker(of: function) { worker, count in
            hosts.append((worker, count))
            return true
        }
        for (worker, count) in hosts { workers[worker].noisyCPUMilli += (isNoisy ? share : -share) * count }
    }

    // MARK: Counting

    private mutating func add(_ function: Int32, to worker: Int32) {
        if residences.add(function, worker) == 1 { functions[function].hosts += 1 }
        functions.count(function, in: Int(workers[worker].zone), by: 1)
        charge(worker, functions[function], 1)
    }

    @discardableResult
    mutating func remove(_ function: Int32, from worker: Int32) -> Bool {
        guard let left = residences.remove(function, worker) else { return false }
        if left == 0 { functions[function].hosts -= 1 }
        functions.count(function, in: Int(workers[worker].zone), by: -1)
        charge(worker, functions[function], -1)
        if functions[function].environments == 0 { functions.release(function) }
        return true
    }

    /// Counts what an environment takes, or gives back.
    private mutating func charge(_ worker: Int32, _ function: FunctionTable.Record, _ sign: Int) {
        let share = function.version.cpuMilli
        workers[worker].environments += sign
        workers[worker].usedMemoryMB += sign * function.version.memoryMB
        workers[worker].usedCPUMilli += sign * share
        if function.isNoisy { workers[worker].noisyCPUMilli += sign * share }
        reshelve(worker)
    }
}
