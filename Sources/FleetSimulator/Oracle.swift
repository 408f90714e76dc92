import MetadataStore

/// Knows all that happens, and what must not.
///
/// An invoke runs from when its function is given the event until the function has answered or is killed, whatever anybody
/// knows of it. All that run count towards the limits, also on workers that are cut off: they end it themselves in time.
///
/// There is one exception, which is counted apart. A worker that stands still cannot end what it runs: when its managers
/// have had to reckon that it has, its functions go on as *ghosts*.
final class Oracle {
    private struct Execution {
        let function: Int
        let worker: SimulatedWorker
        var isGhost = false
    }

    private unowned let fleet: SimulatedFleet
    private var running: [Int: Execution] = [:]
    private var begun: Set<Int> = []
    private var busy: [Int: Int] = [:]
    private var isChanged = false
    private(set) var violations: [String] = []
    private(set) var figures = SimulationFigures()

    private static let violationsMax = 20

    init(of fleet: SimulatedFleet) {
        self.fleet = fleet
    }

    func violated(_ text: String) {
        fleet.world.note("VIOLATION: \(text)")
        if violations.count < Self.violationsMax {
            violations.append("\(fleet.world.now / Span.millisecond) ms: \(text)")
        }
    }

    func count(_ body: (inout SimulationFigures) -> Void) { body(&figures) }

    func coldStarted(_ function: Int) { figures.coldStarts += 1 }

    // MARK: What happens

    func began(_ invoke: Int, of wanted: Int, in environment: SimulatedEnvironment, on worker: SimulatedWorker) {
        fleet.world.note("invoke \(invoke) of \(wanted) begins in \(environment.id) on \(worker.name)")
        figures.executions += 1
        if !begun.insert(invoke).inserted { violated("invoke \(invoke) was begun twice") }
        if let other = busy[environment.id] {
            violated("environment \(environment.id) was given invoke \(invoke) beside \(other)")
        }
        if environment.function != wanted {
            violated("an invoke of \(wanted) was begun in an environment of \(environment.function)")
        }
        if !fleet.store.fleet.isListed(worker.name) {
            violated("invoke \(invoke) is begun on \(worker.name), which those do not know who come now")
        }
        busy[environment.id] = invoke
        running[invoke] = Execution(function: wanted, worker: worker)
        isChanged = true
    }

    func ended(_ invoke: Int, in environment: SimulatedEnvironment) {
        if busy[environment.id] == invoke { busy[environment.id] = nil }
        running[invoke] = nil
    }

    func resumes(_ worker: SimulatedWorker) { findGhosts { $0 === worker } }

    private func findGhosts(_ isIncluded: (SimulatedWorker) -> Bool) {
        for (invoke, execution) in running where !execution.isGhost && isIncluded(execution.worker) {
            guard execution.worker.isPaused, !execution.worker.isProven(fleet.partition(of: execution.function)) else {
                continue
            }
            running[invoke]?.isGhost = true
            figures.ghosts += 1
        }
    }

    /// A manager gives an environment of a partition away.
    func decided(_ partition: Int, since epoch: Int?, by manager: FleetMemberID?) {
        let stored = fleet.store.fleet.partitions[partition]
        if manager == nil || stored.owner != manager || stored.epoch != epoch {
            violated(
                "\(manager?.name ?? "nobody") decides for partition \(partition), which is \(stored.owner?.name ?? "nobody")'s"
            )
        }
    }

    /// A worker takes an event that is brought with a reservation, of whoever decides for the partition as far as it knows.
    func accepted(_ reservation: FleetMessage.Reservation, since epoch: Int?) {
        guard reservation.epoch != epoch else { return }
        violated(
            "\(reservation.worker) lets an invoke in by what was given out in epoch \(reservation.epoch ?? -1), "
                + "and knows of epoch \(epoch ?? -1)"
        )
    }

    /// A worker follows whoever says that a partition is its own.
    func followed(_ ownership: FleetMessage.Ownership, after epoch: Int?, by worker: SimulatedWorker) {
        guard let epoch, epoch > ownership.epoch else { return }
        violated("\(worker.name) follows epoch \(ownership.epoch) of partition \(ownership.partition) after \(epoch)")
    }

    // MARK: What must not be

    func check() {
        guard isChanged else { return }
        isChanged = false
        checkCounts()
        checkLimit(fleet.commonLimit, "the common limit") { fleet.reserved[$0] == nil }
        for (function, reserved) in fleet.reserved {
            checkLimit(reserved, "what \(function) has reserved") { $0 == function }
        }
    }

    /// Whoever decides for a partition counts all that runs of it. Otherwise a limit is exceeded sooner or later.
    private func checkCounts() {
        for function in 0..<fleet.functionCount where fleet.reserved[function] == nil {
            let counted = running.values.count { $0.function == function && !$0.isGhost }
            guard counted > 0, let owner = fleet.owner(of: fleet.partition(of: function)) else { continue }
            let known = owner.limiter.commonRunning { $0 == function }
            guard counted > known else { continue }
            findGhosts { _ in true }
            let rest = running.values.count { $0.function == function && !$0.isGhost }
            if rest > known { violated("\(rest) invokes of \(function) run, of which \(owner.name) counts \(known)") }
        }
    }

    /// A manager may begin invokes of a partition from now on.
    func becameReady() { isChanged = true }

    private func checkLimit(_ limit: Int, _ name: String, _ isIncluded: (Int) -> Bool) {
        let all = running.values.count { isIncluded($0.function) }
        figures.runningMax = max(figures.runningMax, all)
        guard all > limit else { return }
        findGhosts { _ in true }
        let counted = running.values.count { isIncluded($0.function) && !$0.isGhost }
        if counted > limit {
            violated("\(counted) invokes run, more than \(name) of \(limit)")
        } else {
            figures.overlapsWithGhosts += 1
        }
    }

    var runningCount: Int { running.count }
}

/// What has happened in a simulation, all in all.
package struct SimulationFigures: Sendable, Equatable {
    /// Events of the simulation.
    package var events = 0
    /// Invokes that clients have asked for, events that were accepted with them.
    package var invokes = 0
    /// Of them, those whose result has come.
    package var answered = 0
    package var throttled = 0
    /// Those that were throttled though nothing else ran, since their manager had none of the concurrency just then.
    package var throttledWhileIdle = 0
    /// Those for which no environment could be had, or nothing begun in time.
    package var refused = 0
    /// Those of which nobody could tell what has been done.
    package var lost = 0
    /// How often a function was given an event.
    package var executions = 0
    package var coldStarts = 0
    /// Invokes that were brought to where others had just been, without a manager's being asked.
    package var followers = 0
    /// Troubles that there were.
    package var faults = 0
    /// Invokes that went on in a worker that stood still when they counted no more.
    package var ghosts = 0
    /// How often more ran because of these than a limit allows.
    package var overlapsWithGhosts = 0
    package var runningMax = 0

    package init() {}

    /// Adds those of another simulation.
    package mutating func add(_ other: SimulationFigures) {
        events += other.events
        invokes += other.invokes
        answered += other.answered
        throttled += other.throttled
        throttledWhileIdle += other.throttledWhileIdle
        refused += other.refused
        lost += other.lost
        executions += other.executions
        coldStarts += other.coldStarts
        followers += other.followers
        faults += other.faults
        ghosts += other.ghosts
        overlapsWithGhosts += other.overlapsWithGhosts
        runningMax = max(runningMax, other.runningMax)
    }
}
