import Placement

/// What came of a simulation.
package struct SimulationReport: Sendable, Codable, Equatable {
    package var strategy = ""
    package var invocations = 0
    /// Invocations that found no idle environment and got a new one.
    package var coldStarts = 0
    /// Of those, how many found their code on the host.
    package var codeHits = 0
    /// Invocations for which no worker had room, and such as met their function's limit.
    package var refused = 0
    package var throttled = 0
    /// Averages over the samples, one a minute.
    package var environments = 0.0
    package var environmentsMax = 0
    /// Hosts without environments, as a part of all, and their memory as a part of all memory. They could be switched
    /// off.
    package var emptyHosts = 0.0
    package var emptyMemory = 0.0
    /// Memory in use of the hosts that have environments.
    package var utilisation = 0.0
    /// See ``FleetFigures/noisyPart``.
    package var noisyPart = 0.0
    /// Of the functions that have three environments or more at the end: the part of a function that its largest zone,
    /// and its largest host, has; the average, and what only every twentieth is above.
    package var zoneShare = 0.0
    package var zoneShareP95 = 0.0
    package var hostShare = 0.0
    package var hostShareP95 = 0.0
    /// What the zones' part would be at best.
    package var zoneShareLeast = 0.0
    /// How many functions these figures are of.
    package var spreadFunctions = 0
    /// Decisions, in microseconds.
    package var decisionP50 = 0.0
    package var decisionP99 = 0.0

    private var samples = 0
    private var nanoseconds: [UInt64] = []

    private enum CodingKeys: String, CodingKey {
        case strategy, invocations, coldStarts, codeHits, refused, throttled, environments, environmentsMax, emptyHosts
        case emptyMemory
        case utilisation, noisyPart, zoneShare, zoneShareP95, hostShare, hostShareP95, zoneShareLeast, spreadFunctions
        case decisionP50, decisionP99
    }

    /// The part of invocations that started cold.
    package var coldStartShare: Double { invocations == 0 ? 0 : Double(coldStarts) / Double(invocations) }

    mutating func coldStart(hasCode: Bool, nanoseconds time: UInt64) {
        coldStarts += 1
        if hasCode { codeHits += 1 }
        nanoseconds.append(time)
    }

    mutating func sample(_ figures: FleetFigures) {
        samples += 1
        let part = 1 / Double(samples)
        environments += (Double(figures.environments) - environments) * part
        environmentsMax = max(environmentsMax, figures.environments)
        emptyHosts += (Double(figures.emptyWorkers) / Double(max(1, figures.workers)) - emptyHosts) * part
        let memory = Double(max(1, figures.emptyMemoryMB + figures.usableMemoryMB))
        emptyMemory += (Double(figures.emptyMemoryMB) / memory - emptyMemory) * part
        let use = Double(figures.usedMemoryMB) / Double(max(1, figures.usableMemoryMB))
        utilisation += (use - utilisation) * part
        noisyPart += (figures.noisyPart - noisyPart) * part
    }

    mutating func end(concentrations: [Concentration], _ plan: Simulation.Plan) {
        let some = concentrations.filter { $0.environments >= 3 }
        spreadFunctions = some.count
        let zoneShares = some.map { Double($0.zoneMax) / Double($0.environments) }
        let hostShares = some.map { Double($0.hostMax) / Double($0.environments) }
        let least = some.map { Double(($0.environments + plan.zones - 1) / plan.zones) / Double($0.environments) }
        (zoneShare, zoneShareP95) = (Quantiles.mean(zoneShares), Quantiles(zoneShares)[0.95])
        (hostShare, hostShareP95) = (Quantiles.mean(hostShares), Quantiles(hostShares)[0.95])
        zoneShareLeast = Quantiles.mean(least)
        let times = Quantiles(nanoseconds.map { Double($0) / 1000 })
        (decisionP50, decisionP99) = (times[0.5], times[0.99])
        nanoseconds = []
    }
}

/// Values in order, to be asked what a part of them is below.
package struct Quantiles {
    private let sorted: [Double]

    /// Of these values.
    package init(_ values: [Double]) { sorted = values.sorted() }

    /// The value that this part of all is not above; 0 without any.
    package subscript(part: Double) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
    }

    /// The mean; 0 without any.
    package static func mean(_ values: [Double]) -> Double {
        values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
    }
}
