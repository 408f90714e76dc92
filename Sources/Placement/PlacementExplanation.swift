/// Why a placement was decided as it was.
package struct PlacementExplanation: Sendable, Hashable, Codable {
    /// A worker that was looked at.
    package struct Candidate: Sendable, Hashable, Codable {
        package var worker: WorkerID
        package var zone: ZoneName
        /// Whether the request would rather not go to that zone.
        package var isZoneAvoided: Bool
        /// How many environments of the function the host has, and its zone.
        package var environmentsOnHost: Int
        package var environmentsInZone: Int
        /// The largest environment that it could have, in MB.
        package var roomMB: Int
        /// What speaks against it.
        package var score: PlacementScore
    }

    /// The worker that the decision names.
    package var worker: WorkerID?
    /// How many environments the function has.
    package var environments: Int
    package var isNoisy: Bool
    /// Those that were looked at, the best first.
    package var candidates: [Candidate]
    package var ruledOut: RuledOut
}

extension Fleet {
    /// Keeps all candidates, each once.
    private struct Record: CandidateSink {
        var seen: Set<Int32> = []
        var candidates: [PlacementExplanation.Candidate] = []
        let fleet: Fleet

        var count: Int { candidates.count }

        mutating func take(_ worker: Int32, _ zone: Demand.Zone, _ own: Int, _ score: PlacementScore) {
            guard seen.insert(worker).inserted else { return }
            candidates.append(
                PlacementExplanation.Candidate(
                    worker: fleet.workers.ids[Int(worker)],
                    zone: fleet.zones[zone.number],
                    isZoneAvoided: zone.isAvoided,
                    environmentsOnHost: own,
                    environmentsInZone: zone.environments,
                    roomMB: fleet.workers[worker].roomMB,
                    score: score
                )
            )
        }
    }

    /// What ``decide(_:seed:)`` does with the same request and seed, and why. Looks at all workers to count those that
    /// were ruled out.
    package func explain(_ request: PlacementRequest, seed: UInt64) -> PlacementExplanation {
        let demand = Demand(request, in: self)
        var record = Record(fleet: self)
        search(demand, seed: seed, into: &record)
        // Those that come first stay first among equals, as in the decision.
        let ranked = record.candidates.enumerated().sorted {
            ($0.element.score.total, $0.offset) < ($1.element.score.total, $1.offset)
        }
        return PlacementExplanation(
            worker: ranked.first?.element.worker,
            environments: demand.environments,
            isNoisy: demand.isNoisy,
            candidates: ranked.map(\.element),
            ruledOut: ruledOut(by: request)
        )
    }
}

extension PlacementExplanation: CustomStringConvertible {
    /// A table for people.
    package var description: String {
        let noise = isNoisy ? ", noisy" : ""
        let outcome = worker.map { "placed on \($0)" } ?? "no worker"
        let count = environments == 1 ? "1 environment" : "\(environments) environments"
        var lines = ["\(outcome); the function has \(count)\(noise)", "\(ruledOut)"]
        guard !candidates.isEmpty else { return lines.joined(separator: "\n") }
        let header = [
            "worker", "zone", "room MB", "on host", "in zone", "zone", "host", "crowding", "noise", "packing", "code",
            "total",
        ]
        let rows = [header] + candidates.map(\.row)
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let cells = zip(row, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return column < 2 ? cell.0 + padding : padding + cell.0
            }
            lines.append(cells.joined(separator: "  "))
        }
        return lines.joined(separator: "\n")
    }
}

extension PlacementExplanation.Candidate {
    fileprivate var row: [String] {
        let zone = isZoneAvoided ? "\(zone) (avoided)" : zone.text
        let figures = [roomMB, environmentsOnHost, environmentsInZone].map(String.init)
        let parts = [
            score.zoneSpread, score.hostSpread, score.crowding, score.noise, score.packing, score.codeMiss, score.total,
        ]
        return [worker.text, zone] + figures + parts.map(Self.hundredths)
    }

    private static func hundredths(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
