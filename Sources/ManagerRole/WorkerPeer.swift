import FleetProtocol
import FleetStatus
import HostLink
import LambdaAPI
import Logging
import NIOCore
import Placement
import Synchronization
import Telemetry
import Worker

/// What a manager has to do with one worker: the connection to it, and the environments on it that are this manager's.
///
/// ## Concurrency
/// Confined to its event loop, but for what says otherwise.
///
/// JUSTIFICATION: whoever places environments holds workers of many event loops in one place.
/// SAFETY: mutable state is behind `eventLoop.preconditionInEventLoop()` at every entry from outside the link.
final class WorkerPeer: LinkUser, @unchecked Sendable {
    let name: String
    let eventLoop: any EventLoop
    private let desk: ManagerDesk
    private var address: HostAddress
    private var life: WorkerLife
    private var link: Link?
    private var isDialling = false
    private var backOff = DialBackOff()
    private(set) var environments: [EnvironmentID: RemoteEnvironment] = [:]
    private var reports = PartitionReports<EnvironmentID>()

    init(
        name: String,
        address: HostAddress,
        listed listing: WorkerLife.Listing,
        on eventLoop: any EventLoop,
        desk: ManagerDesk
    ) {
        self.name = name
        self.address = address
        self.eventLoop = eventLoop
        self.desk = desk
        life = WorkerLife(fence: Int(desk.settings.fence.nanoseconds), listed: listing, at: ManagerDesk.now())
    }

    /// How many invokes of a function may follow one without being asked for. They are counted against its rate.
    func takeFollowers(of function: InvocableFunction) -> Int { desk.takeFollowers(of: function) }

    /// Whether invokes of a function wait for an environment.
    func isAwaited(_ function: InvocableFunction) -> Bool { desk.isAwaited(function) }

    /// So many have not followed.
    func giveBack(_ followers: Int, of function: InvocableFunction) {
        if followers > 0 { desk.giveBack(followers, of: function) }
    }

    /// An environment is lent to a frontend.
    func lent(_ environment: RemoteEnvironment) { desk.lent(environment) }

    /// An environment is lent no more.
    func notLent(_ environment: RemoteEnvironment) { desk.notLent(environment) }

    /// Where the worker is reached: `host:port`.
    var addressText: String { address.text }

    /// Whether the worker may be given invokes.
    var isPresent: Bool { life.isPresent }

    /// Whether the manager may give invokes of a function to environments.
    func mayReserve(_ function: InvocableFunction) -> Bool { desk.isReady(desk.partition(of: function)) }

    // MARK: Connecting

    /// Connects, and connects again whenever the connection ends, as long as the worker is listed.
    func connect() {
        eventLoop.preconditionInEventLoop()
        guard life.wantsConnection, link == nil, !isDialling else { return }
        isDialling = true
        desk.dialler.dial(address, user: self, on: eventLoop).assumeIsolated().whenComplete { [self] result in
            isDialling = false
            guard case .failure(let error) = result else { return }
            if backOff.isFirst {
                desk.logger.warning(
                    "a worker cannot be reached",
                    metadata: [LogKey.hostIdentity: "\(name)", LogKey.error: "\(error)"]
                )
            }
            connectLater()
        }
    }

    private func connectLater() {
        eventLoop.assumeIsolated().scheduleTask(in: backOff.next()) { [weak self] in self?.connect() }
    }

    /// The worker is reached somewhere else from now on.
    func moved(to address: HostAddress) {
        eventLoop.preconditionInEventLoop()
        guard self.address != address else { return }
        self.address = address
        link?.close()
    }

    /// The fleet lists the worker like this. The connection to one that is no member stays as long as it lasts: what it has still
    /// runs, and its ends are told.
    func listed(as listing: WorkerLife.Listing) {
        eventLoop.preconditionInEventLoop()
        if life.listed(as: listing), life.isConnected {
            life.disconnected()
            link?.close()
        }
        desk.presenceChanged(of: self)
        connect()
        // If what it had is over already, no time that passes will say so again.
        if listing == .none, life.isLost { gone() }
    }

    private func gone() {
        desk.workerGone(self)
        link?.close()
    }

    func linkOpened(_ link: Link) {
        guard life.wantsConnection else { return link.close() }
        self.link = link
        backOff = DialBackOff()
        desk.logger.info("a worker is connected", metadata: [LogKey.hostIdentity: "\(name)"])
    }

    func linkEnded(_ link: Link, _ error: LinkError) {
        guard self.link === link else { return }
        self.link = nil
        reports.disconnected()
        life.disconnected()
        desk.logger.warning(
            "the connection to a worker has ended",
            metadata: [LogKey.hostIdentity: "\(name)", LogKey.error: "\(error)"]
        )
        desk.workerFellSilent(self)
        connectLater()
    }

    // MARK: Sending

    func send(_ kind: MessageKind, _ body: ByteBuffer) {
        eventLoop.preconditionInEventLoop()
        link?.send(kind, body)
    }

    /// Tells the worker that partitions are this manager's.
    func own(_ partitions: [PartitionEpoch]) {
        guard link != nil, life.isConnected, !partitions.isEmpty else { return }
        let known = Dictionary(grouping: environments.values) { desk.partition(of: $0.function) }
        for partition in partitions {
            reports.asked(partition.partition, knowing: Set((known[partition.partition] ?? []).map(\.id)))
        }
        send(.own, OwnMessage(partitions: partitions).body)
    }

    /// Has the worker make an environment.
    func start(_ environment: RemoteEnvironment, _ ownership: PartitionEpoch) {
        environments[environment.id] = environment
        guard life.isPresent else { return environment.remove() }
        let message = StartMessage(
            environment.id,
            of: environment.function,
            ownership,
            isProvisioned: environment.isProvisioned
        )
        send(.start, message.body)
    }

    // MARK: Hearing

    func received(_ frame: LinkFrame, over link: Link) {
        guard self.link === link else { return }
        do {
            try take(frame)
        } catch {
            desk.logger.error(
                "a worker sent what cannot be read",
                metadata: [LogKey.hostIdentity: "\(name)", LogKey.error: "\(error)"]
            )
            link.close()
        }
    }

    private func take(_ frame: LinkFrame) throws {
        switch MessageKind(rawValue: frame.kind) {
        case .event:
            let message = try EventMessage(body: frame.body)
            take(message)
        case .heartbeat:
            let heartbeat = try HeartbeatMessage(body: frame.body)
            // Whatever the desk is: only as long as the manager may decide does it count what the worker runs.
            if life.isPresent, desk.mayAnswerHeartbeats(of: name) {
                life.answering(at: ManagerDesk.now())
                send(.heartbeatAnswer, .heartbeatAnswer(heartbeat.number))
            }
            desk.heard(heartbeat, from: self)
        case .registered:
            let registration = try WorkerRegistration(body: frame.body)
            let isNew = !life.isConnected
            life.connected()
            try desk.workerRegistered(self, registration)
            check(leash: registration.leashMilliseconds)
            if isNew { own(desk.ownedPartitions) }
        case .report:
            let report = try EnvironmentReport(body: frame.body)
            guard reports.named(report.environmentID, of: desk.partition(of: report.function)) else { return }
            adopt(report)
        case .reported:
            reported(try PartitionEpoch(body: frame.body))
        case .outdated:
            let current = try PartitionEpoch(body: frame.body)
            reports.refused(current.partition)
            desk.outdated(current, by: self)
        default:
            // Of a later release.
            break
        }
    }

    /// What the worker had may run for longer than this manager and others would wait, if they have not heard of it.
    private func check(leash milliseconds: Int?) {
        guard let milliseconds, life.told(leash: milliseconds * 1_000_000, at: ManagerDesk.now()) else { return }
        desk.logger.error(
            "a worker goes on by itself for longer than this manager is configured for; set leash alike on all hosts",
            metadata: [LogKey.hostIdentity: "\(name)", LogKey.reason: "its leash is \(milliseconds) ms"]
        )
    }

    private func take(_ message: EventMessage) {
        guard let environment = environments[message.environmentID] else {
            // Its function went to another manager and has come back, or it was made for one that is gone.
            return
        }
        if message.event == .noRoom { desk.hadNoRoom(self) }
        environment.received(message.event)
    }

    private func adopt(_ report: EnvironmentReport) {
        if let known = environments[report.environmentID] { return known.reported(report.phase) }
        guard let environment = desk.adopt(report, on: self) else { return }
        environments[report.environmentID] = environment
    }

    /// All environments of a partition have been named: those that were not are gone.
    private func reported(_ ownership: PartitionEpoch) {
        guard let missing = reports.completed(ownership.partition) else { return }
        for environment in missing.compactMap({ environments[$0] }) { environment.remove() }
        desk.reported(ownership, by: self)
    }

    // MARK: Telling operators

    /// How the worker stands. To be called on the event loop.
    var report: ManagerReport.Worker {
        eventLoop.preconditionInEventLoop()
        let connection: ManagerReport.Connection = life.isPresent ? .present : life.isLost ? .lost : .silent
        var report = ManagerReport.Worker(name: name, connection: connection)
        for environment in environments.values {
            switch environment.activity {
            case .starting: report.environments.starting += 1
            case .idle: report.environments.idle += 1
            case .busy: report.environments.busy += 1
            case .ending: report.environments.ending += 1
            }
        }
        return report
    }

    // MARK: Time

    /// Looks at what is doubtful, and whether what the worker had is over.
    func timePassed(to now: Int) {
        eventLoop.preconditionInEventLoop()
        if life.isConnected {
            let patience = Int(desk.settings.reservationPatience.nanoseconds)
            for environment in environments.values { environment.askIfDoubtful(at: now, after: patience) }
        }
        guard life.timePassed(to: now) else { return }
        desk.logger.error(
            "a worker is lost; what it had is taken for over",
            metadata: [LogKey.hostIdentity: "\(name)", LogKey.count: "\(environments.count)"]
        )
        for environment in environments.values { environment.remove() }
        desk.workerLost(self)
        if life.listing == .none { gone() }
    }

    /// Partitions have passed to this manager: somebody else may have let the worker run something until now.
    func inherited(at now: Int) {
        eventLoop.preconditionInEventLoop()
        life.inherited(at: now)
    }

    /// The environment is not this manager's any more.
    func forget(_ environment: RemoteEnvironment) {
        environments[environment.id] = nil
        desk.removed(environment, from: self)
    }
}
