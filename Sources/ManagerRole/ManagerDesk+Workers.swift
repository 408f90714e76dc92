import Fleet
import FleetProtocol
import Foundation
import HostIdentity
import HostLink
import Invocation
package import LambdaAPI
import Logging
import MetadataStore
package import NIOCore
import Placement
import Synchronization
import Telemetry
package import Worker
import WorkerManager

// What concerns workers.
extension ManagerDesk {
    /// The members of the fleet have changed: connects to workers that are new, and to others no more. Those that were evicted are
    /// connected to, since they may have something running, and given nothing more.
    func membersChanged(_ view: FleetView) {
        let members = view.members(.worker)
        // At once, and not when the workers' event loops come to it: this manager's lease may go on for what was read.
        state.withLock { $0.workers.membersAre(Set(members.map(\.id.name))) }
        let listed = members + view.evictedWorkers
        for member in listed {
            let listing: WorkerLife.Listing = member.isEvicted ? .evicted : .member
            guard let identity = try? HostIdentity(role: .worker, name: member.id.name),
                let address = HostAddress(identity, member.address)
            else {
                logger.error(
                    "a worker has an address that cannot be used",
                    metadata: [LogKey.hostIdentity: "\(member.id.name)", LogKey.address: "\(member.address)"]
                )
                continue
            }
            let name = member.id.name
            let known = state.withLock { $0.workers.peer(name) }
            if let known {
                known.eventLoop.execute {
                    // It may have been given up a moment ago.
                    let isKnown = self.state.withLock { state in
                        if state.workers.peer(name) == nil { state.workers.add(known) }
                        return state.workers.peer(name) === known
                    }
                    guard isKnown else { return }
                    known.moved(to: address)
                    known.listed(as: listing)
                    self.ordered(known, member.orders)
                }
                continue
            }
            let peer = WorkerPeer(name: name, address: address, listed: listing, on: eventLoops.next(), desk: self)
            state.withLock { $0.workers.add(peer) }
            peer.eventLoop.execute {
                peer.connect()
                self.ordered(peer, member.orders)
            }
        }
        let names = Set(listed.map(\.id.name))
        for peer in state.withLock({ $0.workers.peers }) where !names.contains(peer.name) {
            peer.eventLoop.execute { peer.listed(as: .none) }
        }
    }

    private func ordered(_ peer: WorkerPeer, _ orders: WorkerOrders) {
        let isPresent = peer.isPresent
        state.withLock { $0.workers.ordered(peer.name, orders, isPresent: isPresent) }
    }

    /// A worker says what it is, or that it stands differently.
    func workerRegistered(_ peer: WorkerPeer, _ registration: WorkerRegistration) throws {
        let bytes = Data(registration.description.readableBytesView)
        let description = try JSONDecoder().decode(WorkerDescription.self, from: bytes)
        guard description.id.text == peer.name else {
            throw LinkError(.malformed, "the worker calls itself \(description.id)")
        }
        let isPresent = peer.isPresent
        state.withLock { state in
            state.workers.registered(peer.name, description, registration.standing)
            state.workers.update(peer.name, isPresent: isPresent)
        }
    }

    /// A worker may be given environments, or may not any more.
    func presenceChanged(of peer: WorkerPeer) {
        let isPresent = peer.isPresent
        state.withLock { state in
            guard state.workers.peer(peer.name) === peer else { return }
            state.workers.update(peer.name, isPresent: isPresent)
        }
    }

    /// The connection to a worker has ended.
    func workerFellSilent(_ peer: WorkerPeer) {
        state.withLock { state in
            guard state.workers.peer(peer.name) === peer else { return }
            state.workers.update(peer.name, isPresent: false)
            state.workers.listsBegin(on: peer.name)
        }
    }

    /// What a worker had is over.
    func workerLost(_ peer: WorkerPeer) {
        let ready = state.withLock { $0.takeover.workerLost(peer.name) }
        becameReady(ready)
    }

    /// A worker that is no member any more has nothing left that counts.
    func workerGone(_ peer: WorkerPeer) {
        state.withLock { $0.workers.remove(peer.name) }
    }

    /// A worker is alive, and tells what has changed of it.
    func heard(_ heartbeat: HeartbeatMessage, from peer: WorkerPeer) {
        let isPresent = peer.isPresent
        state.withLock { state in
            state.workers.heardOf(peer.name, isPresent: isPresent)
            state.workers.counted(heartbeat.changes, on: peer.name)
            state.workers.isBusy(peer.name, withMB: heartbeat.busyMB)
            state.workers.measured(heartbeat.loads)
            state.workers.codeChanged(heartbeat.code, on: peer.name)
        }
    }

    /// A worker has no room for an environment that was placed on it.
    func hadNoRoom(_ peer: WorkerPeer) {
        state.withLock { $0.refusedStarts += 1 }
        logger.debug("a worker has less room than expected", metadata: [LogKey.hostIdentity: "\(peer.name)"])
        let isPresent = peer.isPresent
        state.withLock { $0.workers.hadNoRoom(peer.name, isPresent: isPresent) }
    }

    /// Takes an environment over that is on a worker already. Called on the worker's event loop.
    ///
    /// - Returns: Nil if it is not this manager's.
    func adopt(_ report: EnvironmentReport, on peer: WorkerPeer) -> RemoteEnvironment? {
        let function = report.function
        guard state.withLock({ $0.takeover.epoch(of: partition(of: function)) }) != nil else { return nil }
        functions.note(function)
        let phase: WorkerManager.AdoptedPhase
        let remote: RemoteEnvironmentState<Invoke, ReservationToken>
        switch report.phase {
        case .starting:
            (phase, remote) = (.starting, .init())
        case .idle(let token):
            (phase, remote) = (.idle, .init(idle: token))
        case .busy(let requestID):
            (phase, remote) = (
                .busy, .init(running: invoker.limiter.adopt(requestID, of: function, on: peer.eventLoop))
            )
        case .leaving:
            return nil
        }
        let environment = RemoteEnvironment(
            report.environmentID,
            of: function,
            isProvisioned: report.isProvisioned,
            on: peer,
            observer: workerManager,
            state: remote
        )
        state.withLock { $0.workers.added(function, on: peer.name) }
        workerManager.adopt(environment, isProvisioned: report.isProvisioned, phase)
        return environment
    }

    /// An environment is gone, or another manager's.
    func removed(_ environment: RemoteEnvironment, from peer: WorkerPeer) {
        state.withLock { $0.workers.removed(environment.function, from: peer.name) }
    }
}

// What is lent to frontends.
extension ManagerDesk {
    /// The most invokes that may follow one.
    private static let followersMax = 63

    func takeFollowers(of function: InvocableFunction) -> Int {
        // Who waits already comes before who may come.
        guard !isAwaited(function) else { return 0 }
        return invoker.limiter.takeRate(of: function, upTo: Self.followersMax)
    }

    /// Whether invokes of a function wait for an environment.
    func isAwaited(_ function: InvocableFunction) -> Bool { workerManager.isAwaited(function.configurationID) }

    func giveBack(_ followers: Int, of function: InvocableFunction) {
        invoker.limiter.giveBackRate(followers, of: function)
    }

    /// A frontend has a reservation of an environment that it cannot use.
    func wasNotUsed(_ message: UnusedMessage) {
        guard let peer = state.withLock({ $0.workers.peer(message.worker) }) else { return }
        peer.eventLoop.execute { peer.environments[message.environmentID]?.wasNotUsed(message.token) }
    }

    func lent(_ environment: RemoteEnvironment) {
        state.withLock { $0.lent[environment.function.configurationID, default: [:]][environment.id] = environment }
    }

    func notLent(_ environment: RemoteEnvironment) {
        let configuration = environment.function.configurationID
        state.withLock { state in
            state.lent[configuration]?[environment.id] = nil
            if state.lent[configuration]?.isEmpty == true { state.lent[configuration] = nil }
        }
    }
}

extension ManagerDesk: EnvironmentHost {
    package func startEnvironment(
        for function: InvocableFunction,
        _ type: InitializationType,
        on eventLoop: any EventLoop,
        observer: any EnvironmentObserver,
        willStart: (any ManagedEnvironment) -> Void
    ) -> StartOutcome {
        let partition = partition(of: function)
        guard let epoch = state.withLock({ $0.takeover.epoch(of: partition) }) else { return .moved }
        let chosen = state.withLock { state -> (WorkerPeer, PartitionEpoch)? in
            state.seed &+= 1
            guard let worker = state.workers.place(function, seed: state.seed),
                let peer = state.workers.peer(worker)
            else { return nil }
            state.workers.added(function, on: peer.name)
            return (peer, PartitionEpoch(partition: partition, epoch: epoch))
        }
        guard let (peer, ownership) = chosen else {
            state.withLock { $0.refusedStarts += 1 }
            return .noRoom
        }
        let environment = RemoteEnvironment(
            .random(),
            of: function,
            isProvisioned: type == .provisionedConcurrency,
            on: peer,
            observer: observer
        )
        willStart(environment)
        peer.eventLoop.execute { peer.start(environment, ownership) }
        return .started
    }

    /// Some environments may be lent to frontends that do not use them at this moment: they are asked back.
    package func environmentsWanted(for function: InvocableFunction) {
        let lent = state.withLock { $0.lent[function.configurationID] ?? [:] }
        for environment in lent.values {
            environment.eventLoop.execute { environment.recall() }
        }
    }

    /// Each worker looks after its own memory.
    package func memoryBecameFree(_ memory: ByteCount) {}
}
