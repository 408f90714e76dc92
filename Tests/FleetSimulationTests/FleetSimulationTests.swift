import FleetSimulator
import Testing

/// Whole fleets on virtual clocks. More seeds are run by `fleet-simulator`.
struct FleetSimulationTests {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func promisesHoldWhateverGoesWrong(seed: UInt64) {
        let outcome = Simulation(seed: seed).run()
        #expect(outcome.violations == [], "seed \(seed)")
    }

    /// A seed that has failed can be looked at.
    @Test func seedIsTheSameEachTime() {
        #expect(Simulation(seed: 42).run().figures == Simulation(seed: 42).run().figures)
    }

    /// Otherwise the simulations would show nothing.
    @Test func troublesOccurAndMostInvokesAreAnswered() {
        var figures = SimulationFigures()
        for seed in 1000..<1020 as Range<UInt64> { figures.add(Simulation(seed: seed).run().figures) }
        #expect(figures.faults > 20 && figures.lost > 0 && figures.throttled > 0)
        #expect(figures.answered * 2 > figures.invokes)
    }
}
