package import LambdaAPI
import Synchronization

/// What is kept about a group beside its streams.
package struct GroupMetadata: Hashable, Sendable {
    package let name: String
    package let creationTime: Timestamp
    /// Events older than this many days are not shown and go away; nil keeps them for ever.
    package var retentionDays: Int?
    package var tags: [String: String]
    /// Which of the groups that have ever had the name it is, for hosts that share groups; nil for one that only this host
    /// knows.
    package var registration: String?

    package init(
        name: String,
        creationTime: Timestamp,
        retentionDays: Int? = nil,
        tags: [String: String] = [:],
        registration: String? = nil
    ) {
        self.name = name
        self.creationTime = creationTime
        self.retentionDays = retentionDays
        self.tags = tags
        self.registration = registration
    }

    /// Names this group, and none that had its name before.
    package var key: LogGroupKey { LogGroupKey(name: name, registration: registration) }
}

/// Names a group.
package struct LogGroupKey: Hashable, Sendable {
    package let name: String
    /// Which of those that have ever had the name; nil for whichever there is.
    package let registration: String?

    package init(name: String, registration: String? = nil) {
        self.name = name
        self.registration = registration
    }

    /// Whether a host's group is this one. One that is not registered yet is about to be.
    package func means(_ group: GroupMetadata) -> Bool {
        registration == nil || group.registration == nil || registration == group.registration
    }
}

extension GroupMetadata: JSONCodable {
    package init(json: JSONValue) throws(JSONShapeError) {
        let object = try JSONObject(json: json)
        name = try object.required("logGroupName")
        creationTime = Timestamp(milliseconds: try object.required("creationTime"))
        retentionDays = try object.optional("retentionInDays")
        tags = try object.optional("tags") ?? [:]
        registration = try object.optional("registration")
    }

    package func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("logGroupName", name)
            writer.member("creationTime", creationTime.milliseconds)
            writer.member("retentionInDays", retentionDays)
            writer.member("tags", tags)
            writer.member("registration", registration)
        }
    }
}

extension GroupMetadata {
    /// Before which time events have expired, at a moment; nil when they never do.
    package func expiry(at now: Timestamp) -> Timestamp? {
        retentionDays.map { Timestamp(milliseconds: now.milliseconds - $0 * 86_400_000) }
    }
}

/// A group: a directory with a file about the group and the segments of its streams.
final class StoredGroup: Sendable {
    let directory: String
    private let settings: LogStoreSettings
    private let usage: DiskUsage
    private let state: Mutex<State>

    static let metadataFile = "group.json"

    private struct State {
        var metadata: GroupMetadata
        var streams: [String: StoredStream]
        var isDeleted = false
    }

    init(
        _ metadata: GroupMetadata,
        directory: String,
        settings: LogStoreSettings,
        usage: DiskUsage,
        streams: [String: StoredStream] = [:]
    ) {
        self.directory = directory
        self.settings = settings
        self.usage = usage
        state = Mutex(State(metadata: metadata, streams: streams))
    }

    var metadata: GroupMetadata { state.withLock { $0.metadata } }
    var streams: [StoredStream] { state.withLock { Array($0.streams.values) } }

    /// Changes what is kept about the group, for good. It is what it was when the disk refuses.
    func update(_ change: (inout GroupMetadata) -> Void) throws(LogStoreError) {
        try state.withLock { state throws(LogStoreError) in
            guard !state.isDeleted else { throw .groupNotFound(state.metadata.name) }
            var metadata = state.metadata
            change(&metadata)
            guard metadata != state.metadata else { return }
            try Self.write(metadata, to: directory)
            state.metadata = metadata
        }
    }

    static func write(_ metadata: GroupMetadata, to directory: String) throws(LogStoreError) {
        try File.replace("\(directory)/\(metadataFile)", with: JSONWriter.bytes(of: metadata) + [LogRecord.newline])
        try File.synchronise(directory)
    }

    func stream(_ name: String) -> StoredStream? {
        state.withLock { $0.streams[name] }
    }

    /// The stream of that name, made if it is not there.
    func streamMade(_ name: String, now: Timestamp) throws(LogStoreError) -> (stream: StoredStream, isNew: Bool) {
        try state.withLock { state throws(LogStoreError) in
            guard !state.isDeleted else { throw .groupNotFound(state.metadata.name) }
            if let stream = state.streams[name] { return (stream, false) }
            let stream = StoredStream(
                name: name,
                creationTime: now,
                directory: directory,
                settings: settings,
                usage: usage
            )
            try stream.create()
            state.streams[name] = stream
            return (stream, true)
        }
    }

    func deleteStream(_ name: String) throws(LogStoreError) {
        try state.withLock { state throws(LogStoreError) in
            // Under the lock, so that a stream that is made again under the name does not lose its file to this.
            guard let stream = state.streams[name] else { throw .streamNotFound(name) }
            try stream.delete(removesFiles: true)
            state.streams[name] = nil
        }
    }

    /// Forgets a stream that has lost its last segment.
    func removeIfEmpty(_ stream: StoredStream) -> Bool {
        state.withLock { state in
            guard state.streams[stream.name] === stream, stream.deleteIfEmpty() else { return false }
            state.streams[stream.name] = nil
            return true
        }
    }

    /// Ends the group after its directory has been taken away.
    func delete() throws(LogStoreError) {
        try state.withLock { state throws(LogStoreError) in
            state.isDeleted = true
            for stream in state.streams.values { try stream.delete(removesFiles: false) }
            state.streams = [:]
        }
    }
}
