package import Foundation
import Placement

extension FleetReport {
    /// For people: what is wrong, then who there is.
    ///
    /// - Parameter now: What the time is, for what is left of leases.
    package func text(at now: Date) -> String {
        guard isFleet else { return singleHostText }
        var blocks: [[String]] = []
        blocks.append(problems.isEmpty ? ["All is well."] : ["WRONG OR SOON SO"] + problems.map { "  ! \($0)" })
        blocks.append(summary)
        blocks.append(Self.table(workerRows(now)))
        blocks.append(Self.table(managerRows(now)))
        blocks.append(Self.table(frontendRows(now)))
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
    }

    private var singleHostText: String {
        var lines = ["There is no fleet: everything runs in one process on this host."]
        for worker in workers {
            let counts = worker.environments
            lines.append(
                "\(counts.all) environments: \(counts.busy) busy, \(counts.idle) idle, \(counts.starting) starting, "
                    + "\(counts.ending) ending"
            )
            lines.append("\(worker.promisedMB) of \(worker.memoryMB ?? 0) MB promised")
            if let version = worker.member?.version { lines.append("release \(version)") }
        }
        lines.append("\(concurrency.inUse) invokes run, of \(concurrency.account ?? 0)")
        return (problems.map { "! \($0)" } + lines).joined(separator: "\n")
    }

    private var summary: [String] {
        var lines: [String] = []
        var text = "\(concurrency.inUse) invokes run"
        if let account = concurrency.account { text += ", of \(account)" }
        text += "; managers have shares of \(concurrency.shares), functions have claimed \(concurrency.claimed)"
        if concurrency.orphaned > 0 { text += ", \(concurrency.orphaned) belong to managers that are gone" }
        lines.append(text)
        if let capacity {
            let zones = capacity.zones.map { "\($0.name) \($0.desired)" }.joined(separator: ", ")
            lines.append("\(capacity.desired) workers are wanted (\(zones)): \(capacity.reason)")
        }
        return lines
    }

    private func workerRows(_ now: Date) -> [[String]] {
        guard !workers.isEmpty else { return [] }
        let header = [
            "WORKER", "STATE", "ZONE", "MEMORY MB", "BUSY", "IDLE", "OTHER", "LEASE LEFT", "RELEASE", "ADDRESS",
            "LABELS",
        ]
        return [header]
            + workers.map { worker in
                let other = max(0, worker.environmentsOfAll - worker.environments.busy - worker.environments.idle)
                return [
                    worker.name, worker.state, worker.zone ?? "-",
                    worker.memoryMB.map { "\(worker.promisedMB)/\($0)" } ?? "-",
                    String(worker.environments.busy), String(worker.environments.idle), String(other),
                    worker.leaseEnds.map { Self.span($0.timeIntervalSince(now)) } ?? "-",
                    worker.member?.version ?? "-", worker.member?.address ?? "-",
                    worker.labels.isEmpty ? "-" : worker.labels.joined(separator: ","),
                ]
            }
    }

    private func managerRows(_ now: Date) -> [[String]] {
        guard !managers.isEmpty else { return [] }
        return [["MANAGER", "PARTITIONS", "READY", "SHARE", "RUNNING", "WAITING", "CERTIFICATE", "RELEASE", "ADDRESS"]]
            + managers.map { manager in
                let figures = [manager.partitionsReady, manager.share, manager.inUse, manager.waiting]
                return [manager.member.name, String(manager.partitions)] + figures.map { $0.map { String($0) } ?? "?" }
                    + Self.end(of: manager.member, now)
            }
    }

    private func frontendRows(_ now: Date) -> [[String]] {
        guard !frontends.isEmpty else { return [] }
        return [["FRONTEND", "CERTIFICATE", "RELEASE", "ADDRESS"]]
            + frontends.map { [$0.member.name] + Self.end(of: $0.member, now) }
    }

    private static func end(of member: Membership, _ now: Date) -> [String] {
        [member.certificateEnds.map { span($0.timeIntervalSince(now)) } ?? "-", member.version ?? "-", member.address]
    }

    /// Such as `13 h 40 min`.
    private static func span(_ seconds: TimeInterval) -> String {
        guard seconds > 0 else { return "over" }
        let minutes = Int(seconds / 60)
        switch minutes {
        case ..<60: return "\(minutes) min"
        case ..<(48 * 60): return "\(minutes / 60) h \(minutes % 60) min"
        default: return "\(minutes / 60 / 24) d"
        }
    }

    /// Rows with their columns one below the other.
    private static func table(_ rows: [[String]]) -> [String] {
        guard let header = rows.first else { return [] }
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { $0.0 + String(repeating: " ", count: $0.1 - $0.0.count) }
            let line = cells.joined(separator: "  ")
            return String(line.prefix(line.count - line.reversed().prefix { $0 == " " }.count))
        }
    }
}

extension FleetReport.Worker {
    /// How it stands, in a word or two.
    package var state: String {
        var words: [String] = []
        switch (member, connection) {
        case (nil, _): words.append("gone")
        case (_, .silent): words.append("SILENT")
        case (_, .lost): words.append("LOST")
        case (_, .present), (_, nil): break
        }
        if isEmptied { words.append("drained") } else if isDraining || isDrainOrdered { words.append("draining") }
        if isCordoned { words.append("cordoned") }
        return words.isEmpty ? "open" : words.joined(separator: ", ")
    }
}
