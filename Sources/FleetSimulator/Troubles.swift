/// What goes wrong in a fleet, at moments and for spans that follow from the seed.
final class Troubles {
    private let fleet: SimulatedFleet
    private var world: World { fleet.world }
    /// Nothing goes wrong any more.
    private var isOver = false

    init(of fleet: SimulatedFleet) {
        self.fleet = fleet
    }

    /// Plans what goes wrong until a moment.
    func plan(until end: Int) {
        fleet.store.isTroubled = world.random.happens(oneIn: 3)
        for _ in 0..<world.random.pick(0...9) {
            world.at(world.random.pick(3 * Span.second...end)) { [self] in begin(within: end) }
        }
    }

    private func begin(within end: Int) {
        fleet.oracle.count { $0.faults += 1 }
        let longest = world.random.happens(oneIn: 2) ? 30_000 : 8_000
        let span = min(world.random.pick(100...longest) * Span.millisecond, max(1, end - world.now))
        switch world.random.pick(0...23) {
        case 0, 1, 2: crash(span)
        case 3, 4: pause(span)
        case 5: cutOff(span)
        case 6, 7: cutPair(span)
        case 8: stopStore(span)
        case 9: cutFromStore(span)
        case 10, 16, 17: slow(span)
        case 11: leave(span)
        case 12, 13: evictAlive()
        case 14, 19: hideWorker()
        case 20, 21: handOverBlind()
        case 22, 23: handOverSlowly()
        default: for _ in 0..<world.random.pick(1...5) { fleet.network.breakOne() }
        }
    }

    /// The next step of what has begun to go wrong, unless all troubles have ended by then.
    private func goOn(after span: Int, _ step: @escaping () -> Void) {
        world.after(span) { [self] in if !isOver { step() } }
    }

    private func anyProcess() -> SimulatedProcess? {
        // Managers and workers, of which there is more to be told, more often than frontends.
        let important: [SimulatedProcess] = fleet.managers + fleet.workers
        return (fleet.processes + important).randomElement(using: &world.random)
    }

    private func crash(_ span: Int) {
        guard let process = anyProcess(), process.isUp else { return }
        process.crash()
        world.after(min(span, 12 * Span.second)) { if !process.isUp { process.start() } }
    }

    private func pause(_ span: Int) {
        guard let process = anyProcess() else { return }
        process.pause()
        world.after(span) { process.resume() }
    }

    private func cut(_ directions: [SimulatedNetwork.Direction], _ span: Int) {
        world.note("cut: \(directions.map { "\($0.from) to \($0.to)" }.joined(separator: ", "))")
        let network = fleet.network
        for direction in directions { network.cut(direction) }
        world.after(span) { for direction in directions { network.heal(direction) } }
    }

    private func cutPair(_ span: Int) {
        guard let first = anyProcess(), let second = anyProcess(), first !== second else { return }
        let there = SimulatedNetwork.Direction(from: first.name, to: second.name)
        let back = SimulatedNetwork.Direction(from: second.name, to: first.name)
        cut(world.random.happens(oneIn: 3) ? [there] : [there, back], span)
    }

    /// A process is cut off from all others, and now and then from the store.
    private func cutOff(_ span: Int) {
        guard let process = anyProcess() else { return }
        let others = fleet.processes.filter { $0 !== process }
        cut(
            others.flatMap {
                [
                    SimulatedNetwork.Direction(from: process.name, to: $0.name),
                    SimulatedNetwork.Direction(from: $0.name, to: process.name),
                ]
            },
            span
        )
        if world.random.happens(oneIn: 2) { cutFromStore(process, span) }
    }

    private func cutFromStore(_ span: Int) {
        if let process = anyProcess() { cutFromStore(process, span) }
    }

    /// A manager gives all up and stops, as when it is upgraded.
    private func leave(_ span: Int) {
        guard let manager = fleet.managers.randomElement(using: &world.random) else { return }
        leave(manager, for: min(span, 5 * Span.second))
    }

    private func leave(_ manager: SimulatedManager, for span: Int) {
        guard manager.isUp, !manager.isPaused else { return }
        manager.leave { [world] in
            manager.crash()
            world.after(span) { if !manager.isUp { manager.start() } }
        }
    }

    /// A manager cannot renew its lease, and loses it to another, which cannot reach a worker that the first one can.
    private func evictAlive() {
        let managers = fleet.managers.shuffled(using: &world.random)
        guard managers.count > 1, let worker = fleet.workers.randomElement(using: &world.random) else { return }
        cutFromStore(managers[0], world.random.pick(10...16) * Span.second)
        let others = managers.dropFirst().flatMap {
            [
                SimulatedNetwork.Direction(from: $0.name, to: worker.name),
                SimulatedNetwork.Direction(from: worker.name, to: $0.name),
            ]
        }
        cut(others, world.random.pick(20...35) * Span.second)
    }

    /// A worker cannot renew its lease, is no member any more, and goes on; and a manager that knows it is lost.
    private func hideWorker() {
        guard let worker = fleet.workers.randomElement(using: &world.random),
            let manager = fleet.managers.randomElement(using: &world.random)
        else { return }
        cutFromStore(worker, world.random.pick(15...45) * Span.second)
        goOn(after: world.random.pick(8...18) * Span.second) { [world] in
            guard manager.isUp else { return }
            manager.crash()
            world.after(world.random.pick(100...12_000) * Span.millisecond) { if !manager.isUp { manager.start() } }
        }
    }

    /// A manager leaves while another cannot reach a worker; or it comes back then, and has its partitions again.
    private func handOverBlind() {
        let managers = fleet.managers.shuffled(using: &world.random)
        guard managers.count > 1, managers[0].isUp, !managers[0].isPaused,
            let worker = fleet.workers.randomElement(using: &world.random)
        else { return }
        let blind = world.random.happens(oneIn: 2) ? managers[0] : managers[1]
        let pause = world.random.pick(500...9000) * Span.millisecond
        let span = world.random.pick(15...35) * Span.second
        let directions = [
            SimulatedNetwork.Direction(from: blind.name, to: worker.name),
            SimulatedNetwork.Direction(from: worker.name, to: blind.name),
        ]
        if blind === managers[1] { cut(directions, span) }
        leave(managers[0], for: pause)
        if blind === managers[0] { goOn(after: pause - Span.millisecond) { [self] in cut(directions, span) } }
    }

    /// A manager leaves, and what it has told a worker last is on its way for long.
    private func handOverSlowly() {
        guard let manager = fleet.managers.randomElement(using: &world.random), manager.isUp, !manager.isPaused,
            let worker = fleet.workers.randomElement(using: &world.random)
        else { return }
        let (network, direction) = (fleet.network, SimulatedNetwork.Direction(from: manager.name, to: worker.name))
        network.slow[direction] = 9 * Span.second
        world.after(12 * Span.second) { network.slow[direction] = nil }
        goOn(after: world.random.pick(100...2500) * Span.millisecond) { [self] in leave(manager, for: 5 * Span.second) }
    }

    private func cutFromStore(_ process: SimulatedProcess, _ span: Int) {
        world.note("cut: \(process.name) from the store")
        let store = fleet.store
        store.unreachable.insert(process.name)
        world.after(span) { store.unreachable.remove(process.name) }
    }

    private func stopStore(_ span: Int) {
        world.note("the store stops")
        let store = fleet.store
        store.stop()
        world.after(span) { store.restart() }
    }

    private func slow(_ span: Int) {
        guard let first = anyProcess(), let second = anyProcess() else { return }
        let network = fleet.network
        let direction = SimulatedNetwork.Direction(from: first.name, to: second.name)
        // Up to longer than a manager waits until it has a token made void.
        network.slow[direction] = (world.random.happens(oneIn: 2) ? 500 : 9000) * Span.millisecond
        world.after(span) { network.slow[direction] = nil }
    }

    /// Ends all that is wrong.
    func end() {
        world.note("all troubles end")
        isOver = true
        fleet.store.isTroubled = false
        fleet.store.restart()
        fleet.store.unreachable = []
        fleet.network.healAll()
        for process in fleet.processes {
            process.resume()
            if !process.isUp { process.start() }
        }
    }
}
