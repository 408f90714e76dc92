import Foundation
import MetadataStore
import Placement

/// What an operator should know first: what is wrong with a fleet, or will be soon.
struct FleetProblems {
    private let report: FleetReport
    private let view: FleetView
    private let answers: [String: ManagerReport]
    private let now: Date

    /// From how long before its end on a worker's lease is worth a word.
    private static let leaseNotice: TimeInterval = 3600

    init(_ report: FleetReport, _ view: FleetView, _ answers: [String: ManagerReport], _ now: Date) {
        self.report = report
        self.view = view
        self.answers = answers
        self.now = now
    }

    /// In words, the worst first.
    var texts: [String] { partitions + managers + workers + concurrency + certificates + leases + versions }

    private var partitions: [String] {
        guard !report.managers.isEmpty else {
            return ["there is no manager: no function can be invoked"]
        }
        guard report.partitionsUnowned > 0 else { return [] }
        return [
            "\(report.partitionsUnowned) of \(report.partitions) partitions have no owner: their functions cannot be invoked"
        ]
    }

    private var managers: [String] {
        let silent = report.managers.compactMap { manager in
            manager.silence.map { "manager \(manager.member.name) does not answer: \($0)" }
        }
        let recovering = report.managers.compactMap { manager -> String? in
            guard let answer = answers[manager.member.name], answer.partitionsRecovering > 0 else { return nil }
            let workers = Self.list(answer.awaitedWorkers)
            return "manager \(manager.member.name) waits for \(workers) to tell what runs of "
                + "\(answer.partitionsRecovering) partitions"
        }
        return silent + recovering
    }

    private var workers: [String] {
        guard report.workers.contains(where: { $0.member != nil }) else {
            return ["there is no worker: no function can be invoked"]
        }
        // Of those that have left, nobody expects to hear.
        return report.workers.filter { $0.member != nil }.compactMap { worker in
            switch worker.connection {
            case .silent:
                return "worker \(worker.name) is silent: \(Self.list(worker.silentFor)) hear nothing of it"
            case .lost:
                return "worker \(worker.name) is lost: what it had is taken for over"
            case .present:
                return nil
            case nil:
                return report.managers.isEmpty
                    ? nil : "worker \(worker.name) is not known to any manager that answers"
            }
        }
    }

    private var concurrency: [String] {
        var texts: [String] = []
        if report.concurrency.waiting > 0 { texts.append("\(report.concurrency.waiting) invokes wait for concurrency") }
        if let capacity = report.capacity, capacity.desired > capacity.present {
            texts.append(
                "\(capacity.desired) workers are wanted, and there are \(capacity.present): \(capacity.reason)"
            )
        }
        return texts
    }

    private var certificates: [String] {
        view.allMembers.compactMap { member in
            guard let details = MemberDetails(document: member.details), let ends = details.certificateEnds,
                let lateFrom = details.certificateIsLateFrom, now >= lateFrom
            else { return nil }
            let verb = now >= ends ? "has ended at" : "ends at"
            return "the certificate of \(member.id.role.rawValue) \(member.id.name) \(verb) \(ends.ISO8601Format())"
        }
    }

    private var leases: [String] {
        report.workers.compactMap { worker in
            guard let ends = worker.leaseEnds, ends.timeIntervalSince(now) < Self.leaseNotice else { return nil }
            return
                "the lease of worker \(worker.name) ends at \(ends.ISO8601Format()): it finishes what runs, and leaves"
        }
    }

    private var versions: [String] {
        let versions = Set(view.allMembers.compactMap { MemberDetails(document: $0.details)?.version }).sorted()
        return versions.count > 1 ? ["releases \(Self.list(versions)) run side by side"] : []
    }

    private static func list(_ names: [String]) -> String {
        guard let last = names.last else { return "nobody" }
        return names.count == 1 ? last : names.dropLast().joined(separator: ", ") + " and " + last
    }
}
