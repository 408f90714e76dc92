import LambdaAPI

/// A log group of a fleet: what is kept about it beside the events, which are on the disks of the workers.
package struct LogGroupRecord: StoredResource {
    package static let kind = "logGroup"

    package let name: String
    /// Tells it from groups that had the name before, of which a worker may still have files.
    package let registration: String
    /// In milliseconds since 1970.
    package let created: Int
    /// For how many days events are kept; nil keeps them for ever.
    package var retentionDays: Int?
    package var tags: [String: String]
    package var generation = 0

    /// A new group.
    package init(name: String, created: Int, retentionDays: Int? = nil, tags: [String: String] = [:]) {
        self.name = name
        self.registration = RequestID.random().rawValue
        self.created = created
        self.retentionDays = retentionDays
        self.tags = tags
    }

    package var id: String { name }
    package var keys: Set<String> { [] }
}
