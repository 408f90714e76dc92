/// What speaks against a worker, in weighted parts. The least wins.
package struct PlacementScore: Sendable, Hashable, Codable {
    /// The zone has more of the function than the one with the least.
    package var zoneSpread = 0.0
    /// The host has more of the function than its part.
    package var hostSpread = 0.0
    /// The function has much of the host.
    package var crowding = 0.0
    /// The function is noisy, and so are others there.
    package var noise = 0.0
    /// The host is not full.
    package var packing = 0.0
    /// The host does not have the code.
    package var codeMiss = 0.0

    /// All parts together.
    package var total: Double { zoneSpread + hostSpread + crowding + noise + packing + codeMiss }
}

extension Fleet {
    /// The part of a host that noisy functions may use before one more is as bad there as it can be.
    private static let noisyPartMax = 0.25

    /// What speaks against a worker that could have the environment.
    @inline(__always)
    func score(_ demand: Demand, _ zone: Demand.Zone, _ worker: Int32, having own: Int) -> PlacementScore {
        let weights = policy.weights
        let record = workers[worker]
        var score = PlacementScore()
        score.zoneSpread = weights.zoneSpread * Double(zone.excess) / demand.zoneSlack
        if own > 0 {
            let excess = Double(max(0, own + 1 - demand.hostPart))
            // Grows ever more slowly, so that it stays below a zone's weight, and a host with five too many is still
            // worse than one with four.
            score.hostSpread = weights.hostSpread * excess / (1 + excess)
            let crowded = max(1, Double(record.usableCPUMilli) * weights.crowdedPart)
            score.crowding = weights.crowding * min(1, Double(own * demand.cpuMilli) / crowded)
        }
        if demand.isNoisy {
            let usable = max(1, Double(record.usableCPUMilli) * Self.noisyPartMax)
            score.noise = weights.noise * min(1, Double(record.noisyCPUMilli) / usable)
        }
        score.packing = weights.packing * (1 - record.fullness)
        if !demand.hasCode(worker, in: self) { score.codeMiss = weights.codeMiss }
        return score
    }

    /// Whether a worker of a kind that suits can have the environment.
    @inline(__always)
    func hasRoom(_ demand: Demand, _ worker: Int32) -> Bool {
        workers[worker].roomMB >= demand.memoryMB
    }
}
