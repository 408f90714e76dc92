/// One fleet on a virtual clock, with clients and troubles that follow from a seed.
package struct Simulation {
    /// What has come of it.
    package struct Outcome: Sendable {
        package let seed: UInt64
        /// What must not have been; empty if all was well.
        package let violations: [String]
        package let figures: SimulationFigures
    }

    private static let troubled = 45 * Span.second
    /// How long it takes at most until all is well again: what silence, leases and fences take one after the other.
    private static let healing = 75 * Span.second
    private static let last = 100 * Span.second
    /// How long it is from one look at the end to the next.
    private static let pause = 3 * Span.second

    private let seed: UInt64
    private let trace: ((String) -> Void)?

    /// - Parameter trace: Told what happens.
    package init(seed: UInt64, trace: ((String) -> Void)? = nil) {
        self.seed = seed
        self.trace = trace
    }

    /// Runs it to its end. The same for a seed each time.
    package func run() -> Outcome {
        let world = World(seed: seed, trace: trace)
        let fleet = SimulatedFleet(in: world)
        let troubles = Troubles(of: fleet)
        let clients = Clients(of: fleet)
        for process in fleet.processes {
            world.at(world.random.pick(0...2000) * Span.millisecond) { process.start() }
        }
        world.after(2 * Span.second) { troubles.plan(until: Self.troubled) }
        clients.invoke(until: Self.troubled)
        world.run(until: Self.troubled) { fleet.oracle.check() }
        troubles.end()
        settle(fleet, clients, within: Self.healing)
        clients.invokeEach()
        settle(fleet, clients, within: Self.last)
        fleet.oracle.count { $0.events = world.eventCount }
        return Outcome(seed: seed, violations: fleet.oracle.violations, figures: fleet.oracle.figures)
    }
    /// Lets time pass until all is as it must be in the end, but not for ever.
    private func settle(_ fleet: SimulatedFleet, _ clients: Clients, within span: Int) {
        let end = fleet.world.now + span
        while true {
            fleet.world.run(until: min(end, fleet.world.now + Self.pause)) { fleet.oracle.check() }
            let violations = clients.violations + EndState(of: fleet).violations
            if violations.isEmpty { return }
            guard fleet.world.now < end else {
                for violation in violations { fleet.oracle.violated(violation) }
                return
            }
        }
    }
}
