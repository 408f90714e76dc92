import HeapModule
package import Placement

/// A fleet that serves a workload in virtual time, with one strategy.
///
/// The same seed makes the same workers, functions and invocations, whatever the strategy: all that is drawn is drawn
/// when an invocation arrives, and when it arrives depends on nothing else.
package struct Simulation {
    /// What is simulated.
    package struct Plan: Sendable {
        package var seed: UInt64 = 1
        package var workers = 1000
        package var zones = 3
        /// Hosts' sizes are multiplied by this.
        package var hostScale = 1.0
        package var functions = 10_000
        package var seconds = 3600.0
        /// What happens until then is not reported: a fleet that begins empty has cold starts only.
        package var warmUpSeconds = 900.0
        package var shape = WorkloadShape()
        package var policy = PlacementPolicy()

        /// The defaults.
        package init() {}
    }

    private enum Occurrence: UInt8, Comparable {
        case finished, expired, sampled, arrived

        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    private struct Event: Comparable {
        let seconds: Double
        let occurrence: Occurrence
        let subject: Int32

        static func < (left: Event, right: Event) -> Bool {
            (left.seconds, left.occurrence, left.subject) < (right.seconds, right.occurrence, right.subject)
        }
    }

    private struct Environment {
        var function: Int32
        var worker: WorkerID
        var idleSince = 0.0
        /// The one that was idle before it.
        var nextIdle: Int32 = -1
        var isBusy = true
    }

    private struct Function {
        let plan: SimulatedFunction
        /// The environment that was used last, of those that are idle.
        var idle: Int32 = -1
        var environments = 0
    }

    private let plan: Plan
    /// Nanoseconds of some clock, to time decisions with.
    private let clock: () -> UInt64
    private var random: SimulatedRandomness
    private var fleet: Fleet
    private var functions: [Function] = []
    private var environments: [Environment] = []
    private var free: [Int32] = []
    private var events = Heap<Event>()
    private var now = 0.0
    private var report: SimulationReport

    /// - Parameter clock: Times decisions; nothing else depends on it.
    package init(_ plan: Plan, clock: @escaping () -> UInt64 = { 0 }) {
        self.plan = plan
        self.clock = clock
        random = SimulatedRandomness(seed: plan.seed)
        fleet = Fleet(policy: plan.policy)
        report = SimulationReport()
        for worker in SimulatedFleet.workers(
            plan.workers,
            zones: plan.zones,
            scale: plan.hostScale,
            using: &random
        ) {
            fleet.joined(worker)
        }
        for number in 0..<plan.functions {
            let function = SimulatedFunction(number: number, plan.shape, using: &random)
            functions.append(Function(plan: function))
            schedule(.arrived, Int32(number), after: function.firstInterval(plan.shape, using: &random))
        }
        schedule(.sampled, 0, after: plan.warmUpSeconds)
    }

    /// Runs to the end.
    package mutating func run(_ strategy: inout some PlacementStrategy) -> SimulationReport {
        report.strategy = strategy.name
        while let event = events.popMin(), event.seconds <= plan.seconds {
            now = event.seconds
            switch event.occurrence {
            case .arrived: arrived(event.subject, &strategy)
            case .finished: finished(event.subject)
            case .expired: expired(event.subject)
            case .sampled: sample()
            }
        }
        report.end(concentrations: functions.compactMap { fleet.concentration(of: $0.plan.request.function) }, plan)
        return report
    }

    private mutating func schedule(_ occurrence: Occurrence, _ subject: Int32, after seconds: Double) {
        let time = now + seconds
        guard time <= plan.seconds else { return }
        events.insert(Event(seconds: time, occurrence: occurrence, subject: subject))
    }

    // MARK: Invocations

    private mutating func arrived(_ number: Int32, _ strategy: inout some PlacementStrategy) {
        let function = functions[Int(number)].plan
        for _ in 0..<function.burstCount(using: &random) {
            let seconds = function.seconds(plan.shape, using: &random)
            invoke(number, seconds, &strategy)
        }
        schedule(.arrived, number, after: function.interval(at: now, plan.shape, using: &random))
    }

    private mutating func invoke(_ number: Int32, _ seconds: Double, _ strategy: inout some PlacementStrategy) {
        let isReported = now >= plan.warmUpSeconds
        if isReported { report.invocations += 1 }
        let idle = functions[Int(number)].idle
        if idle >= 0 {
            functions[Int(number)].idle = environments[Int(idle)].nextIdle
            environments[Int(idle)].isBusy = true
            return schedule(.finished, idle, after: seconds)
        }
        guard functions[Int(number)].environments < plan.shape.concurrencyMax else {
            if isReported { report.throttled += 1 }
            return
        }
        let request = functions[Int(number)].plan.request
        let begun = clock()
        let chosen = strategy.choose(request, in: fleet)
        let nanoseconds = clock() - begun
        guard let worker = chosen else {
            if isReported { report.refused += 1 }
            return
        }
        let hasCode = fleet.hasCode(request.code, on: worker)
        if isReported { report.coldStart(hasCode: hasCode, nanoseconds: nanoseconds) }
        let environment = start(number, request, on: worker)
        let shape = plan.shape
        let start = shape.coldStartSeconds + (hasCode ? 0 : shape.fetchSeconds)
        schedule(.finished, environment, after: seconds + start)
    }

    private mutating func start(_ number: Int32, _ request: PlacementRequest, on worker: WorkerID) -> Int32 {
        fleet.placed(request.function, on: worker)
        fleet.cached(request.code, on: worker)
        let function = functions[Int(number)].plan
        if function.isNoisy {
            fleet.measured(
                request.function,
                cpuMilli: Int(Double(request.function.cpuMilli) * plan.shape.noisyLoad)
            )
        }
        functions[Int(number)].environments += 1
        let environment = Environment(function: number, worker: worker)
        guard let place = free.popLast() else {
            environments.append(environment)
            return Int32(environments.count - 1)
        }
        environments[Int(place)] = environment
        return place
    }

    private mutating func finished(_ number: Int32) {
        let function = Int(environments[Int(number)].function)
        environments[Int(number)].isBusy = false
        environments[Int(number)].idleSince = now
        environments[Int(number)].nextIdle = functions[function].idle
        functions[function].idle = number
        schedule(.expired, number, after: plan.shape.keepAliveSeconds)
    }

    /// An environment has been idle long enough, unless it was used since.
    private mutating func expired(_ number: Int32) {
        let environment = environments[Int(number)]
        guard !environment.isBusy, environment.idleSince + plan.shape.keepAliveSeconds <= now else { return }
        let function = Int(environment.function)
        unlink(number, from: function)
        functions[function].environments -= 1
        fleet.removed(functions[function].plan.request.function, from: environment.worker)
        environments[Int(number)].isBusy = true
        free.append(number)
    }

    /// Takes an environment out of its function's idle ones. It is the last of them, since it has been idle longest.
    private mutating func unlink(_ number: Int32, from function: Int) {
        guard functions[function].idle != number else {
            functions[function].idle = environments[Int(number)].nextIdle
            return
        }
        var before = functions[function].idle
        while environments[Int(before)].nextIdle != number { before = environments[Int(before)].nextIdle }
        environments[Int(before)].nextIdle = environments[Int(number)].nextIdle
    }

    private mutating func sample() {
        report.sample(fleet.figures())
        schedule(.sampled, 0, after: 60)
    }
}
