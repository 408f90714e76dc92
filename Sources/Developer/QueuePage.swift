import LambdaAPI
import NIOHTTP1

/// What is in the queue of a running server, for people and for programs.
package struct QueuePage: Sendable {
    /// As the server has told it.
    package let json: String
    private let report: JSONObject

    init(_ body: [UInt8]) throws {
        guard let value = try? JSONParser.parse(body), case .object(let report) = value else {
            throw DeveloperError("the server's answer is not understood")
        }
        self.report = report
        json = String(decoding: body, as: UTF8.self)
    }

    /// A table.
    package var text: String {
        get throws(JSONShapeError) {
            let lanes: [JSONObject] = try report.required("Lanes")
            let depth: Int = try report.required("Depth")
            var lines = ["\(depth) event\(depth == 1 ? "" : "s") in the queue"]
            if !lanes.isEmpty {
                var rows = [["FUNCTION OR DESTINATION", "EVENTS", "RUNNING", "OLDEST"]]
                for lane in lanes { rows.append(try Self.row(lane)) }
                lines += [""] + Self.table(rows)
            }
            let metrics: JSONObject = try report.required("Metrics")
            lines += [""]
            lines += Self.table(
                try Self.metrics.map { name throws(JSONShapeError) in
                    let count: Int = try metrics.required(name)
                    return [name, String(count)]
                }
            )
            return lines.joined(separator: "\n")
        }
    }

    private static let metrics = [
        "AsyncEventsReceived", "AsyncEventsSucceeded", "AsyncEventsRetried", "AsyncEventsThrottled",
        "AsyncEventsDropped", "RecursiveInvocationsDropped", "DestinationsDelivered", "DeadLetterErrors",
        "DestinationDeliveryFailures",
    ]

    private static func row(_ lane: JSONObject) throws(JSONShapeError) -> [String] {
        let name: String = try lane.required("Name")
        let depth: Int = try lane.required("Depth")
        let running: Int = try lane.required("InFlight")
        let age: Double? = try lane.optional("OldestEventAgeSeconds")
        return [name, String(depth), String(running), age.map { "\(Int($0)) s" } ?? "-"]
    }

    /// Rows with their columns one below the other: the first to the left, the others to the right.
    private static func table(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let (text, width) = cell
                let space = String(repeating: " ", count: width - text.count)
                return column == 0 ? text + space : space + text
            }
            .joined(separator: "  ")
        }
    }
}

extension APIClient {
    /// What is in the queue.
    ///
    /// - Throws: ``DeveloperError``.
    package func queue() async throws -> QueuePage {
        try QueuePage(try await send(.GET, "/swiftlet/2026-11-01/queue").success())
    }

    /// Drops a function's events that wait. Returns how many there were.
    ///
    /// - Throws: ``DeveloperError``, for instance when there is no such function.
    package func purgeQueue(of function: String) async throws -> Int {
        try await count("Purged", ofPosting: "purge-queue", to: function)
    }
}
