/// Takes the workers that a search looks at.
protocol CandidateSink {
    mutating func take(_ worker: Int32, _ zone: Demand.Zone, _ own: Int, _ score: PlacementScore)
    /// How many were taken.
    var count: Int { get }
}

/// Where an environment goes: the search among a bounded number of candidates, each of which could have it.
///
/// In each zone the fullest hosts that have room are looked at, since they are what density wants; some that are drawn,
/// in case the fullest all have their part of the function; and hosts that have the code. If all of them have their
/// part, more are passed over until one has not. Only when no candidate was found is the search exhaustive, which is
/// then short: a host of a higher class than the request's has room for certain, so only those of its very class are
/// tried one by one.
///
/// For a request that asks for labels, the hosts that have the rarest of them take the place of the zones' shelves.
extension Fleet {
    /// Looks at candidates. Finds at least one if there is any.
    func search<Sink: CandidateSink>(_ demand: Demand, seed: UInt64, into sink: inout Sink) {
        var draw = Draw(seed: seed)
        for isAvoided in [false, true] {
            let zones = demand.zones.filter { $0.isAvoided == isAvoided }
            guard !zones.isEmpty else { continue }
            lookAtHolders(demand, zones, &draw, &sink)
            if let label = demand.labels.first {
                lookAtLabelled(labels.workers(with: label), demand, zones, &draw, &sink)
            } else {
                for zone in firstZones(of: zones, &draw) { look(into: zone, demand, &draw, &sink) }
                if sink.count == 0 { lookEverywhere(demand, zones, &sink) }
            }
            if sink.count > 0 { return }
        }
    }

    /// Those that have the least of the function, as many as the bound says; among equals they are drawn.
    private func firstZones(of zones: [Demand.Zone], _ draw: inout Draw) -> ArraySlice<Demand.Zone> {
        guard zones.count > policy.bounds.zones else { return zones[...] }
        let start = draw.below(zones.count)
        let turned = (zones[start...] + zones[..<start]).enumerated().sorted {
            ($0.element.environments, $0.offset) < ($1.element.environments, $1.offset)
        }
        return turned.map(\.element).prefix(policy.bounds.zones)
    }

    /// Takes a worker for a candidate if it can have the environment and is in one of these zones.
    @inline(__always)
    private func considerIfEligible<Sink: CandidateSink>(
        _ worker: Int32,
        _ demand: Demand,
        _ zones: [Demand.Zone],
        _ sink: inout Sink
    ) {
        let record = workers[worker]
        guard record.isOpen, record.roomMB >= demand.memoryMB, demand.kinds.contains(Int(record.kind)),
            labels.has(worker, demand.labels), let zone = zones.first(where: { $0.number == Int(record.zone) })
        else { return }
        consider(worker, zone, demand, &sink)
    }

    // MARK: Hosts that have a label

    /// Looks at as many of them as the bound says, or on until one is a candidate.
    private func lookAtLabelled<Sink: CandidateSink>(
        _ hosts: [Int32],
        _ demand: Demand,
        _ zones: [Demand.Zone],
        _ draw: inout Draw,
        _ sink: inout Sink
    ) {
        let start = draw.below(hosts.count)
        for offset in hosts.indices {
            guard offset < policy.bounds.labelled || sink.count == 0 else { return }
            let position = start + offset
            considerIfEligible(hosts[position < hosts.count ? position : position - hosts.count], demand, zones, &sink)
        }
    }

    // MARK: Hosts that have the code

    private func lookAtHolders<Sink: CandidateSink>(
        _ demand: Demand,
        _ zones: [Demand.Zone],
        _ draw: inout Draw,
        _ sink: inout Sink
    ) {
        guard let code = demand.code, policy.bounds.holders > 0 else { return }
        // Not always the same, so that what came last does not get all that follows.
        var skip = codes.holders(of: code) > policy.bounds.holders ? draw.below(policy.bounds.holders) : 0
        var left = policy.bounds.holders
        codes.forEachHolder(of: code) { worker in
            skip -= 1
            guard skip < 0 else { return true }
            considerIfEligible(worker, demand, zones, &sink)
            left -= 1
            return left > 0
        }
    }

    // MARK: A zone

    private func look<Sink: CandidateSink>(
        into zone: Demand.Zone,
        _ demand: Demand,
        _ draw: inout Draw,
        _ sink: inout Sink
    ) {
        let needed = RoomShelf.roomClass(demand.memoryMB)
        let start = demand.kinds.count > policy.bounds.kinds ? draw.below(demand.kinds.count) : 0
        // The fewer of each kind the more kinds there are, so that a decision takes no longer.
        let part = max(1, min(demand.kinds.count, policy.bounds.kinds))
        let fullest = max(2, policy.bounds.fullest / part)
        let drawn = max(1, policy.bounds.drawn / part)
        var left = policy.bounds.kinds
        for offset in demand.kinds.indices where left > 0 {
            let entry = kinds.entries[demand.kinds[(start + offset) % demand.kinds.count]]
            guard entry.mayHaveRoom(in: zone.number, needed) else { continue }
            left -= 1
            if let used = entry.shelf(.used, in: zone.number) {
                lookAtFullest(used, zone, demand, fullest, &draw, &sink)
                lookAtDrawn(used, zone, demand, drawn, &draw, &sink)
            }
            // One is like the other.
            if let empty = entry.shelf(.empty, in: zone.number) { lookAtDrawn(empty, zone, demand, 1, &draw, &sink) }
        }
    }

    /// Looks at the fullest hosts of a shelf, and on until one has less than its part of the function.
    private func lookAtFullest<Sink: CandidateSink>(
        _ shelf: RoomShelf,
        _ zone: Demand.Zone,
        _ demand: Demand,
        _ limit: Int,
        _ draw: inout Draw,
        _ sink: inout Sink
    ) {
        let perClass = max(1, limit / 4)
        var (left, passedOverLeft, tooFullLeft) = (limit, policy.bounds.passedOver, policy.bounds.passedOver)
        var hasSpare = false
        var next = shelf.firstTaken(from: RoomShelf.roomClass(demand.memoryMB))
        while let roomClass = next, left > 0 || !hasSpare {
            let bucket = shelf.bucket(roomClass)
            let start = draw.below(bucket.count)
            for offset in bucket.indices {
                guard !hasSpare || (left > 0 && offset < perClass) else { break }
                let position = start + offset
                let worker = bucket[position < bucket.count ? position : position - bucket.count]
                guard hasRoom(demand, worker) else {
                    // Only of the request's own class, of which there may be many.
                    tooFullLeft -= 1
                    if tooFullLeft < 0 { break }
                    continue
                }
                if left > 0 {
                    left -= 1
                    hasSpare = consider(worker, zone, demand, &sink) < demand.hostPart || hasSpare
                } else if demand.environments(on: worker, in: self) < demand.hostPart {
                    consider(worker, zone, demand, &sink)
                    hasSpare = true
                } else {
                    passedOverLeft -= 1
                    if passedOverLeft < 0 { return }
                }
            }
            next = shelf.firstTaken(from: roomClass + 1)
        }
    }

    /// Looks at hosts of any class that has room.
    private func lookAtDrawn<Sink: CandidateSink>(
        _ shelf: RoomShelf,
        _ zone: Demand.Zone,
        _ demand: Demand,
        _ limit: Int,
        _ draw: inout Draw,
        _ sink: inout Sink
    ) {
        let needed = RoomShelf.roomClass(demand.memoryMB)
        for _ in 0..<limit {
            let from = needed + draw.below(RoomShelf.classCount - needed)
            guard let roomClass = shelf.firstTaken(from: from) ?? shelf.firstTaken(from: needed) else { return }
            let bucket = shelf.bucket(roomClass)
            let worker = bucket[draw.below(bucket.count)]
            if hasRoom(demand, worker) { consider(worker, zone, demand, &sink) }
        }
    }

    // MARK: Everywhere

    /// Finds a worker wherever there is one, unless none can have the environment.
    private func lookEverywhere<Sink: CandidateSink>(_ demand: Demand, _ zones: [Demand.Zone], _ sink: inout Sink) {
        for zone in zones {
            for kind in demand.kinds {
                for row in [ShelfRow.used, .empty] {
                    guard let shelf = kinds.entries[kind].shelf(row, in: zone.number) else { continue }
                    if let worker = firstWithRoom(shelf, demand) {
                        consider(worker, zone, demand, &sink)
                        return
                    }
                }
            }
        }
    }

    private func firstWithRoom(_ shelf: RoomShelf, _ demand: Demand) -> Int32? {
        var next = shelf.firstTaken(from: RoomShelf.roomClass(demand.memoryMB))
        while let roomClass = next {
            if let found = shelf.bucket(roomClass).first(where: { hasRoom(demand, $0) }) { return found }
            next = shelf.firstTaken(from: roomClass + 1)
        }
        return nil
    }

    /// Takes a worker for a candidate. Returns how many environments of the function it has.
    @inline(__always)
    @discardableResult
    private func consider<Sink: CandidateSink>(
        _ worker: Int32,
        _ zone: Demand.Zone,
        _ demand: Demand,
        _ sink: inout Sink
    ) -> Int {
        let own = demand.environments(on: worker, in: self)
        sink.take(worker, zone, own, score(demand, zone, worker, having: own))
        return own
    }
}
