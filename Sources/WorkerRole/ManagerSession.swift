import FleetProtocol
import HostLink
import LambdaAPI
import Logging
import NIOCore
import Synchronization
import Telemetry
import Worker

/// One manager's connection to this worker.
///
/// ## Concurrency
/// Confined to its link's event loop, but for ``tell(_:)`` and ``tellStanding()``, which may be called from anywhere.
///
/// JUSTIFICATION: environments of other event loops tell their manager what becomes of them.
/// SAFETY: `heartbeats`, `census`, `told` and `timer` are touched on the link's event loop only; `link` is behind a lock.
final class ManagerSession: LinkUser, @unchecked Sendable {
    /// Greater than those of all connections before it.
    let number: Int
    private let server: WorkerServer
    private let name: String
    private let link = Mutex<Link?>(nil)
    /// When heartbeats were sent that have not been answered, by their numbers.
    private var heartbeats: [UInt64: Int] = [:]
    private var heartbeatNumber: UInt64 = 0
    /// What the manager has been told of the environments that the worker has.
    private var census = WorkerCensus()
    /// What it has been told for placement.
    private var told = WorkerSurvey()
    private var timer: Scheduled<Void>?

    /// So many heartbeats are remembered; one that was not answered until then never will be.
    private static let heartbeatsMax = 64

    init(server: WorkerServer, name: String) {
        self.server = server
        self.name = name
        number = server.state.withLock { state in
            state.sessionCount += 1
            return state.sessionCount
        }
    }

    // MARK: Telling

    /// Tells the manager of an environment. What is told on an environment's event loop arrives in that order.
    func tell(_ event: EventMessage) {
        onLink { $0.send(.event, event.body) }
    }

    /// Tells the manager what has changed of the worker itself.
    func tellStanding() {
        onLink { [self] in sendStanding(over: $0) }
    }

    private func onLink(_ body: @escaping @Sendable (Link) -> Void) {
        guard let link = link.withLock({ $0 }) else { return }
        if link.eventLoop.inEventLoop { body(link) } else { link.eventLoop.execute { body(link) } }
    }

    private func sendStanding(over link: Link) {
        let standing = server.state.withLock { $0.standing }
        let registration = WorkerRegistration(
            standing: standing,
            description: server.registration,
            leashMilliseconds: Int(server.settings.leash.nanoseconds / 1_000_000)
        )
        link.send(.registered, registration.body)
    }

    private func sendHeartbeat(over link: Link) {
        heartbeatNumber += 1
        heartbeats[heartbeatNumber] = server.now()
        if heartbeats.count > Self.heartbeatsMax, let oldest = heartbeats.keys.min() { heartbeats[oldest] = nil }
        let (current, busy, survey) = server.state.withLock {
            (WorkerCensus(of: $0.environments.values, in: $0.machine), $0.machine.memoryBusy, $0.survey)
        }
        let changes = current.changes(since: census)
        census = current
        var message = HeartbeatMessage(number: heartbeatNumber, changes: changes, busyMB: busy >> 20)
        if survey.round != told.round { message.loads = survey.loads }
        if survey.codeVersion != told.codeVersion { message.code = CodeChanges(from: told.code, to: survey.code) }
        told = survey
        link.send(.heartbeat, message.body)
    }

    // MARK: Hearing

    func linkOpened(_ link: Link) {
        self.link.withLock { $0 = link }
        server.state.withLock { $0.managers[number] = self }
        server.logger.info("a manager has connected", metadata: [LogKey.hostIdentity: "\(name)"])
        sendStanding(over: link)
        sendHeartbeat(over: link)
        armTimer(over: link)
    }

    private func armTimer(over link: Link) {
        timer = link.eventLoop.assumeIsolated().scheduleTask(in: server.settings.heartbeatInterval) { [weak self] in
            self?.sendHeartbeat(over: link)
            self?.armTimer(over: link)
        }
    }

    func linkEnded(_ link: Link, _ error: LinkError) {
        timer?.cancel()
        timer = nil
        self.link.withLock { $0 = nil }
        server.state.withLock { state in
            state.managers[number] = nil
            state.machine.managerLost(number)
        }
        server.logger.warning(
            "the connection to a manager has ended",
            metadata: [LogKey.hostIdentity: "\(name)", LogKey.error: "\(error)"]
        )
    }

    func received(_ frame: LinkFrame, over link: Link) {
        do {
            try take(frame, over: link)
        } catch {
            server.logger.error(
                "a manager sent what cannot be read",
                metadata: [LogKey.hostIdentity: "\(name)", LogKey.error: "\(error)"]
            )
            link.close()
        }
    }

    private func take(_ frame: LinkFrame, over link: Link) throws {
        switch MessageKind(rawValue: frame.kind) {
        case .own:
            // So that what runs is proven by whoever counts it from now on.
            sendHeartbeat(over: link)
            for partition in try OwnMessage(body: frame.body).partitions { own(partition, over: link) }
        case .disown:
            let partitions = try OwnMessage(body: frame.body).partitions
            server.state.withLock { state in
                for partition in partitions {
                    state.machine.disowned(partition.partition, since: partition.epoch, by: number)
                }
            }
        case .start:
            server.start(try StartMessage(body: frame.body), for: self)
        case .retire:
            server.retire(try EnvironmentID(body: frame.body), for: self, atOnce: false)
        case .abort:
            server.retire(try EnvironmentID(body: frame.body), for: self, atOnce: true)
        case .voidToken:
            void(try EnvironmentID(body: frame.body))
        case .heartbeatAnswer:
            guard let sentAt = heartbeats.removeValue(forKey: try frame.body.heartbeatNumber()) else { return }
            server.state.withLock { $0.machine.heartbeatAnswered(by: number, sentAt: sentAt) }
        default:
            // Of a later release.
            break
        }
    }

    private func own(_ partition: PartitionEpoch, over link: Link) {
        let now = server.now()
        let (outdated, reports) = server.state.withLock { state -> (Int?, [EnvironmentReport]) in
            let action = state.machine.owned(
                partition.partition,
                since: partition.epoch,
                by: number,
                at: now,
                makeToken: { .random() }
            )
            switch action {
            case .outdated(let epoch):
                return (epoch, [])
            case .report(let environments):
                return (nil, environments.compactMap { state.report(of: $0) })
            }
        }
        if let outdated {
            let current = PartitionEpoch(partition: partition.partition, epoch: outdated)
            return link.send(.outdated, current.body)
        }
        for report in reports { link.send(.report, report.body) }
        link.send(.reported, partition.body)
    }

    private func void(_ id: EnvironmentID) {
        let action = server.state.withLock {
            $0.machine.voidRequested(id, by: number, makeToken: { .random() })
        }
        switch action {
        case .idle(let token, let followers): tell(EventMessage(id, .idle(token, followers: followers)))
        case .running: tell(EventMessage(id, .running))
        case .gone: tell(EventMessage(id, .removed))
        case .none: break
        }
    }
}

extension WorkerServer.State {
    /// What a manager is told of an environment that it takes over.
    fileprivate func report(of id: EnvironmentID) -> EnvironmentReport? {
        guard let entry = machine.entries[id], let environment = environments[id] else { return nil }
        let phase: EnvironmentReport.Phase =
            switch entry.phase {
            case .starting: .starting
            case .idle(let token, _): .idle(token)
            case .busy(let requestID, _): .busy(requestID)
            case .kept: preconditionFailure("what is kept has become idle for a new manager")
            case .leaving: .leaving
            }
        return EnvironmentReport(id, of: environment.function, isProvisioned: entry.isProvisioned, phase)
    }
}
