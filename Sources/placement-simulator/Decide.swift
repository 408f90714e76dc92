import ArgumentParser
import Placement
import PlacementSimulator

/// Times decisions on a fleet that has environments.
struct Decide: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Fill a fleet, and time decisions on it.")

    @OptionGroup var fleet: FleetOptions
    @Option(help: "How many environments there are when decisions are timed.") var environments = 300_000
    @Option(help: "How many environments a function has at most when the fleet is filled.")
    var perFunctionMax = 1000
    @Flag(help: "Give each worker a label of its own.") var ownLabels = false
    @Option(help: "How many decisions are timed in a round.") var decisions = 20_000
    @Option(help: "How many rounds there are.") var rounds = 5
    @Option(help: "How many decisions are compared with the best of all workers.") var compared = 0

    /// Times are in microseconds, with a value for each round.
    struct Result: Encodable {
        var environments: Int
        var functions: Int
        var emptyWorkers: Int
        var usedMemory: Double
        var fleetMiB: Double
        var peakMiB: Double
        var p50: [Double] = []
        var p99: [Double] = []
        var refusalP50: [Double] = []
        var refusalP99: [Double] = []
        /// Of those that were timed, how many found no room.
        var refused = 0
        var bestOfAll = 0
        var lossMean = 0.0
        var lossMax = 0.0
    }

    func run() throws {
        let before = ThisProcess.residentMiB("VmRSS")
        var filling = FleetFilling(
            seed: fleet.seed,
            workers: fleet.workers,
            zones: fleet.zones,
            hostScale: fleet.hostScale,
            ownLabels: ownLabels,
            policy: PlacementPolicy()
        )
        _ = filling.fill(environments, perFunctionMax: perFunctionMax)
        let figures = filling.fleet.figures()
        var result = Result(
            environments: figures.environments,
            functions: figures.functions,
            emptyWorkers: figures.emptyWorkers,
            usedMemory: Double(figures.usedMemoryMB) / Double(max(1, figures.usableMemoryMB)),
            fleetMiB: ThisProcess.residentMiB("VmRSS") - before,
            peakMiB: ThisProcess.residentMiB("VmHWM")
        )
        for _ in 0..<rounds {
            time(&filling, &result)
            timeRefusals(&filling, &result)
        }
        compare(&filling, &result)
        try ThisProcess.printJSON(result)
    }

    private func time(_ filling: inout FleetFilling, _ result: inout Result) {
        var times: [Double] = []
        for _ in 0..<decisions {
            let (function, seed) = (filling.nextRequest(), filling.nextSeed())
            let begun = ThisProcess.nanoseconds()
            let decision = filling.fleet.decide(function.request, seed: seed)
            times.append(Double(ThisProcess.nanoseconds() - begun) / 1000)
            if let worker = decision.worker { filling.exchange(function, on: worker) } else { result.refused += 1 }
        }
        let quantiles = Quantiles(times)
        result.p50.append(quantiles[0.5])
        result.p99.append(quantiles[0.99])
    }

    /// No worker has room for these.
    private func timeRefusals(_ filling: inout FleetFilling, _ result: inout Result) {
        var times: [Double] = []
        for _ in 0..<decisions / 10 {
            var request = filling.nextRequest().request
            request.function = FunctionVersion(request.function.identity, memoryMB: FunctionVersion.memoryMBMax)
            let seed = filling.nextSeed()
            let begun = ThisProcess.nanoseconds()
            let decision = filling.fleet.decide(request, seed: seed)
            times.append(Double(ThisProcess.nanoseconds() - begun) / 1000)
            precondition(decision.worker == nil)
        }
        let quantiles = Quantiles(times)
        result.refusalP50.append(quantiles[0.5])
        result.refusalP99.append(quantiles[0.99])
    }

    private func compare(_ filling: inout FleetFilling, _ result: inout Result) {
        var losses: [Double] = []
        for _ in 0..<compared {
            let (function, seed) = (filling.nextRequest(), filling.nextSeed())
            guard let worker = filling.fleet.decide(function.request, seed: seed).worker,
                let score = filling.fleet.score(function.request, on: worker),
                let best = filling.fleet.bestOfAll(function.request)
            else { continue }
            losses.append(score.total - best.score.total)
            if score.total <= best.score.total { result.bestOfAll += 1 }
            filling.exchange(function, on: worker)
        }
        result.lossMean = Quantiles.mean(losses)
        result.lossMax = losses.max() ?? 0
    }
}
