import MetadataStore

/// A server with the fleet's bookkeeping: answers after a while, and now and then not at all, whether or not it has
/// done what was asked.
final class SimulatedStore {
    enum Failure: Error {
        case unavailable
        case conflict
    }

    var fleet: StoredFleet
    private let world: World
    private var isDown = false
    /// Processes that cannot reach it.
    var unreachable: Set<String> = []
    /// Whether requests are lost now and then.
    var isTroubled = false
    private var observers: [(SimulatedProcess, Int, (FleetNotice) -> Void)] = []

    init(_ fleet: StoredFleet, in world: World) {
        self.fleet = fleet
        self.world = world
    }

    func stop() { isDown = true }
    func restart() { isDown = false }

    func observe(_ process: SimulatedProcess, _ observer: @escaping (FleetNotice) -> Void) {
        observers.removeAll { $0.0 === process }
        observers.append((process, process.life, observer))
    }

    /// Has an operation done, and tells what came of it; nothing if the process is gone by then.
    func call<Value>(
        _ process: SimulatedProcess,
        _ body: @escaping (inout StoredFleet) throws(StoredFleet.Conflict) -> Value,
        _ completed: @escaping (Result<Value, Failure>) -> Void
    ) {
        let life = process.life
        func answer(_ result: Result<Value, Failure>, after span: Int) {
            world.after(span) { process.deliver(to: life) { completed(result) } }
        }
        let isLost = isTroubled && world.random.happens(oneIn: 20)
        let isMade = !isLost || world.random.happens(oneIn: 2)
        world.after(world.random.pick(300...3000) * Span.microsecond) { [self] in
            guard !isDown, !unreachable.contains(process.name), isMade else {
                return answer(.failure(.unavailable), after: world.random.pick(1...2000) * Span.millisecond)
            }
            var result: Result<Value, Failure>
            do throws(StoredFleet.Conflict) {
                result = .success(try body(&fleet))
            } catch {
                result = .failure(.conflict)
            }
            tellObservers()
            if isLost { result = .failure(.unavailable) }
            let span = world.random.pick(200...2000) * Span.microsecond
            world.after(span) { [self] in
                if isDown || unreachable.contains(process.name) { result = .failure(.unavailable) }
                answer(result, after: 0)
            }
        }
    }

    private func tellObservers() {
        let notices = fleet.notices
        fleet.notices = []
        for notice in notices {
            for (process, life, observer) in observers where process.life == life {
                guard !unreachable.contains(process.name) else { continue }
                world.after(world.random.pick(200...3000) * Span.microsecond) {
                    process.deliver(to: life) { observer(notice) }
                }
            }
        }
    }
}
