import MetadataStore

/// All processes of a fleet, with what is between them.
final class SimulatedFleet {
    let world: World
    let network: SimulatedNetwork
    let store: SimulatedStore
    let partitionCount = 8
    let functionCount = 6
    /// Reserved concurrency, by function.
    let reserved: [Int: Int]
    let account: Int
    private(set) var managers: [SimulatedManager] = []
    private(set) var workers: [SimulatedWorker] = []
    private(set) var frontends: [SimulatedFrontend] = []
    private var oracleInUse: Oracle?
    private var nextNumber = 0

    init(in world: World) {
        self.world = world
        network = SimulatedNetwork(in: world)
        account = [12, 24, 40].randomElement(using: &world.random) ?? 24
        reserved = [0: world.random.pick(1...3), 1: world.random.pick(1...4)]
        let claimed = reserved.values.reduce(0, +)
        let stored = StoredFleet(partitions: partitionCount, account: account, claimed: claimed)
        store = SimulatedStore(stored, in: world)
        oracleInUse = Oracle(of: self)
        managers = (1...world.random.pick(1...3)).map { SimulatedManager("m\($0)", in: self) }
        workers = (1...world.random.pick(2...4)).map {
            SimulatedWorker("w\($0)", memoryBudget: world.random.pick(6...16), in: self)
        }
        frontends = (1...2).map { SimulatedFrontend("f\($0)", in: self) }
    }

    var oracle: Oracle {
        guard let oracleInUse else { preconditionFailure("the fleet is not complete") }
        return oracleInUse
    }

    var processes: [SimulatedProcess] { managers + workers + frontends }

    /// The manager that may begin invokes of a partition now, if any.
    func owner(of partition: Int) -> SimulatedManager? {
        let owner = store.fleet.partitions[partition].owner
        return managers.first { $0.isReady(partition) && $0.membership?.member == owner }
    }

    /// What functions without reserved concurrency may use together.
    var commonLimit: Int { account - store.fleet.claimed }

    /// Neighbouring functions have partitions of their own, the last two share one.
    func partition(of function: Int) -> Int { function == 5 ? 4 : function }

    func makeID() -> Int {
        nextNumber += 1
        return nextNumber
    }

    func makeToken() -> Int { makeID() }

    /// Those that take a moment only most often, so that many invokes follow each other.
    func isQuick(_ function: Int) -> Bool { function.isMultiple(of: 3) || function == 5 }

    /// How long a function works: a moment, or for longer than it may. Those with little concurrency are quick, so that
    /// what has queued up is done in the end.
    func runTime(of function: Int) -> Int {
        if isQuick(function), !world.random.happens(oneIn: 30) {
            return world.random.pick(200...20_000) * Span.microsecond
        }
        guard reserved[function] == nil else { return world.random.pick(5...4000) * Span.millisecond }
        return switch world.random.pick(0...19) {
        case 0: 25 * Span.second
        case 1, 2: world.random.pick(8...15) * Span.second
        case 3...5: world.random.pick(2000...7000) * Span.millisecond
        default: world.random.pick(5...1500) * Span.millisecond
        }
    }
}
