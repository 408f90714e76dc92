import ArgumentParser
import FleetSimulator

/// Runs simulated fleets. For developers of Swiftlet; users have no need of it.
@main
struct FleetSimulatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet-simulator",
        abstract:
            "Run fleets on a virtual clock, with troubles that are drawn from seeds, and look for broken promises."
    )

    @Option(help: "How many seeds are run.") var seeds: UInt64 = 1000
    @Option(help: "The first seed.") var first: UInt64 = 0
    @Option(help: "After how many seeds progress is told.") var every: UInt64 = 500
    @Flag(help: "Tell all that happens.") var trace = false

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        var figures = SimulationFigures()
        var failed = 0
        for seed in first..<first + seeds {
            let outcome = Simulation(seed: seed, trace: trace ? { print($0) } : nil).run()
            figures.add(outcome.figures)
            if !outcome.violations.isEmpty {
                failed += 1
                print("seed \(seed):")
                for violation in outcome.violations.prefix(5) { print("    \(violation)") }
            }
            let done = seed - first + 1
            if done % every == 0 || done == seeds {
                let seconds = (clock.now - start) / .seconds(1)
                print("\(done) seeds, \(failed) failed, \(Int(Double(done) / seconds * 60)) a minute")
            }
        }
        print(figures)
        if failed > 0 { throw ExitCode.failure }
    }
}
