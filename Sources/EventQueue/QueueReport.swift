package import LambdaAPI
package import MetadataStore

/// What is in the queue at a moment.
package struct QueueReport: Sendable, Equatable {
    /// What one lane has.
    package struct Line: Sendable, Equatable {
        package var lane: EventLane
        /// How many events wait or run.
        package var depth: Int
        /// How many of them run.
        package var inFlight: Int
        /// The age of the oldest, in seconds; nil if there is none any more.
        package var oldestAgeSeconds: Double?
    }

    /// Longest first.
    package var lines: [Line]
    package var metrics: QueueMetrics

    init(
        _ lanes: [(lane: EventLane, depth: Int, running: Int)],
        oldest: [EventLane: Timestamp],
        _ metrics: QueueMetrics,
        at now: Timestamp
    ) {
        let lines = lanes.map { lane, depth, running in
            let age = oldest[lane].map { Double(max(0, now.milliseconds - $0.milliseconds)) / 1000 }
            return Line(lane: lane, depth: depth, inFlight: running, oldestAgeSeconds: age)
        }
        self.lines = lines.filter { $0.depth > 0 }
            .sorted { ($1.depth, $0.lane.text) < ($0.depth, $1.lane.text) }
        self.metrics = metrics
    }
}

extension QueueReport: JSONEncodable {
    package func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("Depth", lines.reduce(0) { $0 + $1.depth })
            writer.member("InFlight", lines.reduce(0) { $0 + $1.inFlight })
            if let oldest = lines.compactMap(\.oldestAgeSeconds).max() {
                writer.member("OldestEventAgeSeconds", oldest)
            } else {
                writer.nullMember("OldestEventAgeSeconds")
            }
            writer.member("Lanes", lines)
            writer.member("Metrics", metrics)
        }
    }
}

extension QueueReport.Line: JSONEncodable {
    package func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            switch lane {
            case .function(let name):
                writer.member("Name", name.rawValue)
                writer.member("Kind", "Function")
            case .destination(let arn):
                writer.member("Name", arn)
                writer.member("Kind", "Destination")
            }
            writer.member("Depth", depth)
            writer.member("InFlight", inFlight)
            writer.member("OldestEventAgeSeconds", oldestAgeSeconds)
        }
    }
}
