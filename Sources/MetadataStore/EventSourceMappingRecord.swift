package import LambdaAPI

/// An event source mapping: which source's events a function is invoked with, and how.
package struct EventSourceMappingRecord: StoredResource {
    package static let kind = "eventSourceMapping"

    /// As the API shows it, its state included.
    package var config: EventSourceMappingConfiguration
    /// Whether the user wants events to be delivered.
    package var isEnabled: Bool
    package var tags: [String: String]
    package var generation = 0

    package init(config: EventSourceMappingConfiguration, isEnabled: Bool, tags: [String: String]) {
        self.config = config
        self.isEnabled = isEnabled
        self.tags = tags
    }

    package var id: String { config.uuid ?? "" }

    package var keys: Set<String> {
        var keys: Set = [Self.key(functionARN: config.functionArn ?? "", sourceARN: nil)]
        if let source = config.eventSourceArn {
            keys.insert(Self.key(functionARN: nil, sourceARN: source))
            keys.insert(Self.key(functionARN: config.functionArn, sourceARN: source))
        }
        if let state = config.state, Self.passingStates.contains(state) { keys.insert(Self.unfinishedKey) }
        return keys
    }

    /// A function has a source once; a broker once for each topic or queue.
    package var uniqueKey: String? {
        // What is being deleted stands in the way of nothing new.
        guard config.state != "Deleting" else { return nil }
        let brokers = (config.selfManagedEventSource?.endpoints ?? [:]).values.flatMap { $0 }.sorted()
        let parts = [config.topics ?? [], config.queues ?? [], brokers].map { $0.joined(separator: ",") }
        return ([config.functionArn ?? "", config.eventSourceArn ?? ""] + parts).joined(separator: " ")
    }

    /// What mappings of a function, of a source, or of both are found by.
    package static func key(functionARN: String?, sourceARN: String?) -> String {
        "\(functionARN ?? "") \(sourceARN ?? "")"
    }

    /// What mappings are found by that are on the way from one state to another.
    package static let unfinishedKey = "unfinished"
    private static let passingStates: Set = ["Creating", "Enabling", "Disabling", "Updating", "Deleting"]
}
