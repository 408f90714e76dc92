import ManagerRole

/// The glue of `WorkerPeer`: what a manager has to do with one worker.
final class SimulatedPeer: SimulatedLinkUser {
    let name: String
    unowned let manager: SimulatedManager
    let lane: Lane
    private var life: WorkerLife
    private(set) var link: SimulatedLink?
    private var isDialling = false
    private var backOff = 100 * Span.millisecond
    private(set) var environments: [Int: RemoteSimulatedEnvironment] = [:]
    private var reports = PartitionReports<Int>()
    /// What the worker has said last, less what it was asked for since.
    var memoryFree = 0
    /// The worker has said that it has no room, whatever it ends, and nothing since.
    private(set) var isFull = false

    private static let backOffMax = 2 * Span.second

    init(_ name: String, listed listing: WorkerLife.Listing, of manager: SimulatedManager) {
        self.name = name
        self.manager = manager
        lane = Lane(of: manager)
        life = WorkerLife(fence: SimulatedManager.fence, listed: listing, at: manager.clock())
    }

    var isPresent: Bool { life.isPresent }

    // MARK: Connecting

    func connect() {
        guard life.wantsConnection, link == nil, !isDialling else { return }
        isDialling = true
        manager.fleet.network.dial(name, from: manager, user: self) { [weak self] link in
            guard let self else { return }
            isDialling = false
            if link == nil { connectLater() }
        }
    }

    private func connectLater() {
        manager.later(backOff) { [weak self] in self?.connect() }
        backOff = min(backOff * 2, Self.backOffMax)
    }

    func listed(as listing: WorkerLife.Listing) {
        if listing != life.listing { manager.world.note("\(manager.name) finds \(name) listed as \(listing)") }
        if life.listed(as: listing), life.isConnected {
            life.disconnected()
            link?.close()
        }
        connect()
        if listing == .none, life.isLost { gone() }
    }

    private func gone() {
        manager.workerGone(self)
        link?.close()
    }

    func linkOpened(_ link: SimulatedLink) {
        guard life.wantsConnection else { return link.close() }
        self.link = link
        backOff = 100 * Span.millisecond
    }

    func linkEnded(_ link: SimulatedLink) {
        guard self.link === link else { return }
        manager.world.note("the connection of \(manager.name) to \(name) ends")
        self.link = nil
        reports.disconnected()
        life.disconnected()
        connectLater()
    }

    // MARK: Sending

    func send(_ message: FleetMessage) { link?.send(message) }

    func own(_ partitions: [FleetMessage.Ownership]) {
        guard link != nil, life.isConnected, !partitions.isEmpty else { return }
        for ownership in partitions {
            let known = environments.values.filter { manager.fleet.partition(of: $0.function) == ownership.partition }
            reports.asked(ownership.partition, knowing: Set(known.map(\.id)))
        }
        send(.own(partitions))
    }

    func start(_ environment: RemoteSimulatedEnvironment, _ ownership: FleetMessage.Ownership) {
        environments[environment.id] = environment
        guard life.isPresent else { return environment.remove() }
        memoryFree -= 1
        send(.start(environment: environment.id, function: environment.function, ownership))
    }

    // MARK: Hearing

    func received(_ message: FleetMessage, over link: SimulatedLink) {
        guard self.link === link else { return }
        switch message {
        case .event(let id, let event):
            if case .noRoom = event { isFull = true }
            environments[id]?.received(event)
        case .heartbeat(let number, let memoryFree):
            self.memoryFree = memoryFree
            isFull = false
            guard life.isPresent, manager.mayAnswerHeartbeats(of: name) else { return }
            life.answering(at: manager.clock())
            send(.heartbeatAnswer(number))
        case .registered:
            let isNew = !life.isConnected
            if isNew { manager.world.note("\(manager.name) is connected to \(name)") }
            life.connected()
            if isNew { own(manager.ownedPartitions) }
        case .report(let id, let function, let phase):
            guard reports.named(id, of: manager.fleet.partition(of: function)) else { return }
            if let known = environments[id] { return known.reported(phase) }
            if let environment = manager.adopt(id, of: function, phase, on: self) { environments[id] = environment }
        case .reported(let ownership):
            guard let missing = reports.completed(ownership.partition) else { return }
            for id in missing.sorted() { environments[id]?.remove() }
            manager.reported(ownership, by: self)
        case .outdated(let ownership):
            reports.refused(ownership.partition)
        default: break
        }
    }

    // MARK: Time

    func timePassed(to now: Int) {
        if life.isConnected {
            for id in environments.keys.sorted() {
                environments[id]?.askIfDoubtful(at: now, after: SimulatedManager.reservationPatience)
            }
        }
        guard life.timePassed(to: now) else { return }
        manager.world.note("\(manager.name) takes \(name) for lost")
        for id in environments.keys.sorted() { environments[id]?.remove() }
        manager.workerLost(self)
        if life.listing == .none { gone() }
    }

    func inherited(at now: Int) { life.inherited(at: now) }

    func forget(_ environment: RemoteSimulatedEnvironment) { environments[environment.id] = nil }
}
