extension Fleet {
    /// Keeps the best candidate.
    private struct Best: CandidateSink {
        var worker: Int32?
        var total = Double.infinity
        var count = 0

        @inline(__always)
        mutating func take(_ worker: Int32, _ zone: Demand.Zone, _ own: Int, _ score: PlacementScore) {
            count += 1
            guard score.total < total else { return }
            self.worker = worker
            total = score.total
        }
    }

    /// Where a new environment goes.
    ///
    /// Changes nothing. Tell ``placed(_:on:)`` before the next decision, though the environment is still being made,
    /// and ``removed(_:from:)`` if it does not come to be; else the environments of a burst all get the same room.
    ///
    /// A worker is found whenever one can have the environment. Which of them is the best of those that were looked at;
    /// their number does not grow with the fleet.
    ///
    /// - Parameter seed: Draws the candidates. The same fleet answers the same seed alike.
    package func decide(_ request: PlacementRequest, seed: UInt64) -> PlacementDecision {
        let demand = Demand(request, in: self)
        var best = Best()
        search(demand, seed: seed, into: &best)
        guard let worker = best.worker else { return .refuse(ruledOut(by: request)) }
        return .place(on: workers.ids[Int(worker)])
    }

    /// The best of all workers, for which each is looked at: what ``decide(_:seed:)`` comes close to, and too slow for
    /// a large fleet.
    package func bestOfAll(_ request: PlacementRequest) -> (worker: WorkerID, score: PlacementScore)? {
        let demand = Demand(request, in: self)
        var best: (worker: WorkerID, score: PlacementScore)?
        for isAvoided in [false, true] where best == nil {
            forEachEligible(demand) { worker, zone in
                guard zone.isAvoided == isAvoided else { return true }
                let own = demand.environments(on: worker, in: self)
                let score = score(demand, zone, worker, having: own)
                if score.total < best?.score.total ?? .infinity { best = (workers.ids[Int(worker)], score) }
                return true
            }
        }
        return best
    }

    /// What speaks against a worker for a request; nil if it cannot have the environment.
    package func score(_ request: PlacementRequest, on id: WorkerID) -> PlacementScore? {
        guard let worker = workers.number(of: id), obstacle(to: request, on: worker) == nil else { return nil }
        let demand = Demand(request, in: self)
        guard let zone = demand.zones.first(where: { $0.number == Int(workers[worker].zone) }) else { return nil }
        return score(demand, zone, worker, having: demand.environments(on: worker, in: self))
    }

    /// Looks at each worker that can have the environment, with how much memory it has free, until the body says false.
    package func forEachEligible(
        _ request: PlacementRequest,
        _ body: (_ worker: WorkerID, _ roomMB: Int) -> Bool
    ) {
        forEachEligible(Demand(request, in: self)) { worker, _ in
            body(workers.ids[Int(worker)], workers[worker].roomMB)
        }
    }

    private func forEachEligible(_ demand: Demand, _ body: (Int32, Demand.Zone) -> Bool) {
        var zones: [Demand.Zone?] = Array(repeating: nil, count: self.zones.count)
        for zone in demand.zones { zones[zone.number] = zone }
        var suits = Array(repeating: false, count: kinds.entries.count)
        for kind in demand.kinds { suits[kind] = true }
        for worker in workers.all {
            let record = workers[worker]
            guard record.isOpen, suits[Int(record.kind)], record.roomMB >= demand.memoryMB,
                let zone = zones[Int(record.zone)], labels.has(worker, demand.labels)
            else { continue }
            guard body(worker, zone) else { return }
        }
    }

    // MARK: Why not

    /// The first rule that speaks against a worker; nil if it can have the environment.
    func obstacle(to request: PlacementRequest, on worker: Int32) -> RuledOut.Rule? {
        let record = workers[worker]
        return closure(of: record) ?? kinds.entries[Int(record.kind)].kind.obstacle(to: request)
            ?? (hasLabels(worker, labels.find(request.labels)) ? shortage(of: record, for: request.function) : .labels)
    }

    /// How many workers each rule rules out, for which each is looked at.
    func ruledOut(by request: PlacementRequest) -> RuledOut {
        var ruledOut = RuledOut(workers: workers.count)
        let ofKind = kinds.entries.map { $0.kind.obstacle(to: request) }
        let wanted = labels.find(request.labels)
        for worker in workers.all {
            let record = workers[worker]
            var rule = closure(of: record) ?? ofKind[Int(record.kind)]
            if rule == nil, !hasLabels(worker, wanted) { rule = .labels }
            if let rule = rule ?? shortage(of: record, for: request.function) { ruledOut[rule] += 1 }
        }
        return ruledOut
    }

    /// Whether a worker has these labels, which are nil if nobody has them all.
    private func hasLabels(_ worker: Int32, _ wanted: [Int32]?) -> Bool {
        guard let wanted else { return false }
        return wanted.isEmpty || labels.has(worker, wanted)
    }

    private func closure(of record: WorkerTable.Record) -> RuledOut.Rule? {
        switch record.standing {
        case .silent: .silent
        case .draining: .draining
        case .cordoned: .cordoned
        case .open: record.leaseNearsEnd ? .leaseEnding : nil
        }
    }

    private func shortage(of record: WorkerTable.Record, for function: FunctionVersion) -> RuledOut.Rule? {
        if Int(record.usableMemoryMB) - record.usedMemoryMB < function.memoryMB { return .memory }
        if record.roomMB < function.memoryMB { return .cpu }
        return nil
    }
}
