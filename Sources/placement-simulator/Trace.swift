import ArgumentParser
import PlacementSimulator

/// Runs a workload with each strategy.
struct Trace: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run a workload in virtual time with each strategy.")

    @OptionGroup var fleet: FleetOptions
    @Option(help: "How many functions there are.") var functions = 50_000
    @Option(help: "How long it runs, in seconds of the simulated clock.") var seconds = 3600.0
    @Option(help: "What is left out of the report at the beginning, in seconds.") var warmUp = 900.0
    @Option(help: "How often a function is invoked at most in a second.") var rateMax = 20.0
    @Option(help: "Which strategies run: swiftlet, full, best, first, random.")
    var strategies = "swiftlet,best,first,random"

    func run() throws {
        var plan = Simulation.Plan()
        plan.seed = fleet.seed
        plan.workers = fleet.workers
        plan.zones = fleet.zones
        plan.hostScale = fleet.hostScale
        plan.functions = functions
        plan.seconds = seconds
        plan.warmUpSeconds = warmUp
        plan.shape.ratePerSecondMax = rateMax
        var reports: [SimulationReport] = []
        for name in strategies.split(separator: ",") {
            switch name {
            case "swiftlet": reports.append(simulate(plan, BoundedSearch(seed: fleet.seed)))
            case "full": reports.append(simulate(plan, FullSearch()))
            case "best": reports.append(simulate(plan, BestFit()))
            case "first": reports.append(simulate(plan, FirstFit()))
            case "random": reports.append(simulate(plan, RandomFit(seed: fleet.seed)))
            default: throw ValidationError("there is no strategy \(name)")
            }
        }
        try ThisProcess.printJSON(reports)
    }

    private func simulate(_ plan: Simulation.Plan, _ strategy: some PlacementStrategy) -> SimulationReport {
        var strategy = strategy
        var simulation = Simulation(plan, clock: ThisProcess.nanoseconds)
        return simulation.run(&strategy)
    }
}
