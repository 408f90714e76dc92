package import Foundation
package import MetadataStore
import Placement

extension FleetReport {
    /// What a manager has said of the fleet, or why it has said nothing.
    package typealias Answer = Result<ManagerReport, ManagerSilence>

    /// Puts together what the store and the managers say.
    ///
    /// - Parameters:
    ///   - orders: What operators want of workers, members or not.
    ///   - answers: By the managers' incarnations.
    package init(
        _ view: FleetView,
        orders: [String: WorkerOrders],
        answers: [Incarnation: Answer],
        accountConcurrency: Int?,
        at now: Date
    ) {
        frontends = view.members(.frontend).map { Frontend(member: Membership($0)) }
        var owned: [Incarnation: Int] = [:]
        for partition in view.partitions {
            if let owner = partition.owner { owned[owner.incarnation, default: 0] += 1 }
        }
        partitions = view.partitions.count
        partitionsUnowned = partitions - owned.values.reduce(0, +)
        managers = view.members(.manager).map { Manager($0, owned[$0.id.incarnation] ?? 0, answers[$0.id.incarnation]) }

        let said = view.members(.manager).compactMap { manager in
            (try? answers[manager.id.incarnation]?.get()).map { (manager.id.name, $0) }
        }
        let haveAllAnswered = said.count == managers.count && !managers.isEmpty
        var workers = view.members(.worker).map { Worker($0) }
        let others = Set(orders.keys).union(said.flatMap { $0.1.workers.map(\.name) }).subtracting(workers.map(\.name))
        workers += others.sorted().map { Worker(name: $0) }
        for index in workers.indices {
            workers[index].ordered(orders[workers[index].name] ?? WorkerOrders())
            workers[index].take(said, isComplete: haveAllAnswered)
        }
        self.workers = workers
        concurrency.account = accountConcurrency
        concurrency.claimed = view.claimedConcurrency
        concurrency.shares = view.shares.filter { !$0.isOrphan }.reduce(0) { $0 + $1.share }
        concurrency.orphaned = view.shares.filter(\.isOrphan).reduce(0) { $0 + $1.share }
        concurrency.inUse = said.reduce(0) { $0 + $1.1.inUse }
        concurrency.waiting = said.reduce(0) { $0 + $1.1.waiting }
        capacity = said.compactMap(\.1.capacity).first
        problems = FleetProblems(self, view, Dictionary(said) { $1 }, now).texts
    }
}

/// Why a manager has said nothing.
package struct ManagerSilence: Error, Sendable, Equatable {
    package let reason: String

    package init(_ reason: String) {
        self.reason = reason
    }
}

extension FleetReport.Membership {
    init(_ member: FleetMember) {
        let details = MemberDetails(document: member.details)
        self.init(
            name: member.id.name,
            address: member.address,
            version: details?.version,
            leaseSeconds: (member.leaseMilliseconds + 500) / 1000,
            certificateEnds: details?.certificateEnds
        )
    }
}

extension FleetReport.Manager {
    init(_ member: FleetMember, _ partitions: Int, _ answer: FleetReport.Answer?) {
        self.init(member: FleetReport.Membership(member), partitions: partitions)
        switch answer {
        case .success(let report):
            partitionsReady = report.partitionsReady
            share = report.share
            inUse = report.inUse
            waiting = report.waiting + report.waitingForPartitions
        case .failure(let silence):
            self.silence = silence.reason
        case nil:
            silence = "it was not asked"
        }
    }
}

extension FleetReport.Worker {
    init(_ member: FleetMember) {
        self.init(name: member.id.name)
        self.member = FleetReport.Membership(member)
        guard let details = MemberDetails(document: member.details) else { return }
        leaseEnds = details.leaseEnds
        isDraining = details.isDraining ?? false
        guard let worker = details.worker else { return }
        zone = worker.zone.text
        labels = worker.labels.map(\.text).sorted()
        instructionSet = worker.instructionSet.rawValue
        memoryMB = worker.memoryMB
        cpuMilli = worker.cpuMilli
    }

    fileprivate mutating func ordered(_ orders: WorkerOrders) {
        isCordoned = orders.isCordoned
        isDrainOrdered = orders.isDraining
    }

    /// Takes in what managers say of the worker.
    fileprivate mutating func take(_ reports: [(String, ManagerReport)], isComplete: Bool) {
        let seen = reports.compactMap { name, report in
            report.workers.first { $0.name == self.name }.map { (manager: name, worker: $0) }
        }
        connection = seen.map(\.worker.connection).max()
        silentFor = seen.filter { $0.worker.connection != .present }.map(\.manager)
        let isDrainingForAll = !seen.isEmpty && seen.allSatisfy(\.worker.isDraining)
        if seen.contains(where: { $0.worker.isDraining }) { isDraining = true }
        environments = seen.reduce(EnvironmentCounts()) { $0 + $1.worker.environments }
        // Each has heard it of the worker itself, at different moments.
        environmentsOfAll = seen.map(\.worker.environmentsOfAll).max() ?? 0
        promisedMB = seen.map(\.worker.promisedMB).max() ?? 0
        busyMB = seen.map(\.worker.busyMB).max() ?? 0
        isEmptied =
            isComplete && seen.count == reports.count && isDrainingForAll && silentFor.isEmpty
            && environments.all == 0 && environmentsOfAll == 0
    }
}
