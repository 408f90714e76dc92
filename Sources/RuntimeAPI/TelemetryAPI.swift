/// The two APIs by which extensions subscribe to telemetry; the older one knows fewer events.
/// Source: `spec/runtime-api.md` section 3.
package enum TelemetryAPI: String, Sendable, Codable {
    case telemetry = "Telemetry"
    case logs = "Logs"

    /// The versions of its events that it knows.
    var schemaVersions: [String] {
        switch self {
        case .telemetry: ["2022-07-01", "2022-12-13", "2025-01-29"]
        case .logs: ["2020-08-15", "2021-03-18"]
        }
    }
}

/// What a subscriber can be told of.
package enum TelemetryKind: String, Sendable, Codable, CaseIterable {
    /// What the platform does.
    case platform
    /// What the runtime prints.
    case function
    /// What extensions print.
    case `extension`
}
