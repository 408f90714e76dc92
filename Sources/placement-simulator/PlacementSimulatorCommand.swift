import ArgumentParser

/// Measures placement, and compares it with simpler strategies. For developers of Swiftlet; users have no need of it.
@main
struct PlacementSimulatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "placement-simulator",
        abstract: "Measure placement on fleets and workloads that are drawn from a seed.",
        subcommands: [Decide.self, Trace.self]
    )
}

/// A fleet's size and what it is drawn from.
struct FleetOptions: ParsableArguments {
    @Option(help: "What everything is drawn from.") var seed: UInt64 = 1
    @Option(help: "How many workers there are.") var workers = 10_000
    @Option(help: "How many zones there are.") var zones = 3
    @Option(help: "What hosts' sizes are multiplied by.") var hostScale = 1.0
}
