import PlacementSimulator
import Testing

@testable import Placement

/// What the bounded search loses against one that looks at all workers.
struct SearchQualityTests {
    @Test(arguments: [UInt64](1...6))
    func losesLittleAgainstTheBestOfAll(seed: UInt64) {
        var filling = FleetFilling(seed: seed, workers: 400, zones: 3, hostScale: 0.1, policy: PlacementPolicy())
        _ = filling.fill(4000 * Int(seed))
        var losses: [Double] = []
        for _ in 0..<200 {
            let (function, draw) = (filling.nextRequest(), filling.nextSeed())
            guard let best = filling.fleet.bestOfAll(function.request) else {
                #expect(filling.fleet.decide(function.request, seed: draw).worker == nil, "seed \(seed)")
                continue
            }
            guard let worker = filling.fleet.decide(function.request, seed: draw).worker,
                let score = filling.fleet.score(function.request, on: worker)
            else {
                Issue.record("seed \(seed): refused although there is room")
                continue
            }
            #expect(score.total >= best.score.total - 1e-9, "seed \(seed)")
            // Never a zone or a host that has more than its part when one has not.
            #expect(score.zoneSpread + score.hostSpread <= best.score.zoneSpread + best.score.hostSpread + 1e-9)
            losses.append(score.total - best.score.total)
            filling.exchange(function, on: worker)
        }
        // A tenth of what an empty host is worse than a full one.
        #expect(Quantiles.mean(losses) < 0.2, "seed \(seed): \(Quantiles.mean(losses))")
    }
}
