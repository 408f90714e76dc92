import Glibc
package import LambdaAPI
import Synchronization

/// The logs of all functions and of whoever puts events, in files: groups hold streams, streams hold events.
///
/// All methods may be called from any thread, and block for as long as the disk takes. Reading neither waits for writers
/// nor makes them wait. Everything that is there survives the end of the process at any moment; what was created, put or
/// set with the API also survives a power failure.
package final class LogStore: Sendable {
    private let directory: String
    private let usage: DiskUsage
    private let groups: Mutex<[String: StoredGroup]>
    let settings: LogStoreSettings
    /// Has an element whenever the files have become larger than they may be; for one reader, who enforces the retention.
    package let oversizeNotices: AsyncStream<Void>
    private let oversizeNotice: AsyncStream<Void>.Continuation
    /// Has an element whenever a group was made; for one reader, who has the other hosts know of it.
    package let groupNotices: AsyncStream<Void>
    private let groupNotice: AsyncStream<Void>.Continuation

    /// The front of names that are the store's own; no encoded name begins with a point.
    private static let newPrefix = ".new-"
    private static let deletedPrefix = ".deleted-"

    /// Opens the store in a directory, which is made if it is not there. Looks at the beginning and the end of every file,
    /// and puts in order what a crash has left half done.
    package init(directory: String, settings: LogStoreSettings) throws(LogStoreError) {
        self.directory = directory
        self.settings = settings
        let usage = DiskUsage()
        self.usage = usage
        try File.makeDirectory(directory)
        var found: [String: StoredGroup] = [:]
        for name in try File.names(in: directory) {
            let path = "\(directory)/\(name)"
            if name.hasPrefix(Self.newPrefix) || name.hasPrefix(Self.deletedPrefix) {
                try File.removeDirectory(path)
            } else if let group = try Self.recoverGroup(path, settings, usage) {
                found[group.metadata.name] = group
            }
        }
        groups = Mutex(found)
        (oversizeNotices, oversizeNotice) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (groupNotices, groupNotice) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What all files take on the disk.
    package var size: ByteCount { ByteCount(bytes: usage.bytes) }

    // MARK: Groups

    /// All groups by name.
    package func groupList() -> [GroupMetadata] {
        groups.withLock { Array($0.values) }.map(\.metadata).sorted { $0.name < $1.name }
    }

    /// A group's own data; throws `groupNotFound`.
    package func metadata(ofGroup name: String) throws(LogStoreError) -> GroupMetadata {
        try group(name).metadata
    }

    /// Makes a group; throws `groupExists`.
    package func createGroup(
        _ name: String,
        tags: [String: String] = [:],
        registration: String? = nil,
        now: Timestamp
    ) throws(LogStoreError) {
        guard try groupMade(name, tags: tags, registration: registration, now: now).isNew else {
            throw LogStoreError(.groupExists, "there is a log group \(name) already")
        }
    }

    /// Removes a group with its streams and files; throws `groupNotFound` if there is none, or another one.
    package func deleteGroup(_ key: LogGroupKey) throws(LogStoreError) {
        let name = key.name
        let trash = "\(directory)/\(Self.deletedPrefix)\(UInt64.random(in: 0...UInt64.max))"
        try groups.withLock { groups throws(LogStoreError) in
            guard let group = groups[name], key.registration == nil || group.metadata.registration == key.registration
            else { throw .groupNotFound(name) }
            // At once and for good; a crash from here on leaves only what the next start removes.
            try File.move(group.directory, to: trash)
            groups[name] = nil
            try group.delete()
        }
        try File.synchronise(directory)
        try File.removeDirectory(trash)
    }

    /// Changes what is kept about a group.
    package func updateGroup(_ name: String, _ change: (inout GroupMetadata) -> Void) throws(LogStoreError) {
        try group(name).update(change)
    }

    func group(_ name: String) throws(LogStoreError) -> StoredGroup {
        guard let group = groups.withLock({ $0[name] }) else { throw .groupNotFound(name) }
        return group
    }

    var allGroups: [StoredGroup] { groups.withLock { Array($0.values) } }

    private func groupMade(
        _ name: String,
        tags: [String: String] = [:],
        registration: String? = nil,
        now: Timestamp
    ) throws(LogStoreError) -> (group: StoredGroup, isNew: Bool) {
        let made = try groups.withLock { groups throws(LogStoreError) in
            if let group = groups[name] { return (group: group, isNew: false) }
            let metadata = GroupMetadata(name: name, creationTime: now, tags: tags, registration: registration)
            let path = "\(directory)/\(FileName.encode(name))"
            // Under another name until all that belongs to a group is there.
            let temporary = "\(directory)/\(Self.newPrefix)\(FileName.encode(name))"
            try File.makeDirectory(temporary)
            try StoredGroup.write(metadata, to: temporary)
            try File.move(temporary, to: path)
            try File.synchronise(directory)
            let group = StoredGroup(metadata, directory: path, settings: settings, usage: usage)
            groups[name] = group
            return (group: group, isNew: true)
        }
        if made.isNew { groupNotice.yield() }
        return made
    }

    // MARK: Streams

    /// The streams of a group as they are now, by name.
    package func streamList(ofGroup name: String) throws(LogStoreError) -> [StreamSummary] {
        try group(name).streams.map { $0.summary(group: name) }.sorted { $0.name < $1.name }
    }

    /// One stream as it is now; throws `groupNotFound` or `streamNotFound`.
    package func summary(ofStream name: String, group: String) throws(LogStoreError) -> StreamSummary {
        guard let stream = try self.group(group).stream(name) else { throw .streamNotFound(name) }
        return stream.summary(group: group)
    }

    /// Makes a stream; throws `streamExists`.
    package func createStream(_ name: String, group: String, now: Timestamp) throws(LogStoreError) {
        let (stream, isNew) = try self.group(group).streamMade(name, now: now)
        guard isNew else { throw LogStoreError(.streamExists, "there is a log stream \(name) already") }
        try stream.synchronise()
    }

    /// Removes a stream with its files.
    package func deleteStream(_ name: String, group: String) throws(LogStoreError) {
        try self.group(group).deleteStream(name)
    }

    // MARK: Events

    /// Stores events that someone has put, in a stream that must be there. When this returns they are on the disk.
    package func put(_ batch: RecordBatch, stream name: String, group: String) throws(LogStoreError) {
        guard let stream = try self.group(group).stream(name) else { throw .streamNotFound(name) }
        try stream.append(batch, isDurable: true, keepsOpen: false)
        try File.synchronise(try self.group(group).directory)
        noticeOversize()
    }

    /// Appends what a function has printed. The group and the stream are made if they are not there, also when they were
    /// deleted a moment ago. The file stays open until ``finish(stream:group:)``.
    package func append(_ batch: RecordBatch, stream name: String, group: String, now: Timestamp) throws(LogStoreError)
    {
        var attemptsLeft = 3
        while true {
            do throws(LogStoreError) {
                let group = try groupMade(group, now: now).group
                let stream = try group.streamMade(name, now: now).stream
                try stream.append(batch, isDurable: false, keepsOpen: true)
                return noticeOversize()
            } catch  where error.code == .groupNotFound || error.code == .streamNotFound {
                // Someone deletes at the same time.
                attemptsLeft -= 1
                guard attemptsLeft > 0 else { throw error }
            }
        }
    }

    private func noticeOversize() {
        if isOversized { oversizeNotice.yield() }
    }

    /// Closes the file of a stream that nothing will be appended to.
    package func finish(stream name: String, group: String) {
        let group = groups.withLock { $0[group] }
        group?.stream(name)?.closeFile()
    }
}

// MARK: - Recovery

extension LogStore {
    /// The group in a directory; nil when the directory is no group's.
    private static func recoverGroup(
        _ directory: String,
        _ settings: LogStoreSettings,
        _ usage: DiskUsage
    ) throws(LogStoreError) -> StoredGroup? {
        let path = "\(directory)/\(StoredGroup.metadataFile)"
        guard access(path, F_OK) == 0 else { return nil }
        let bytes = try File.read(0..<(try File.size(of: path)), of: path)
        guard let json = try? JSONParser.parse(bytes), let metadata = try? GroupMetadata(json: json) else {
            throw LogStoreError(.unavailable, "failed to read \(path): it is not what the store writes")
        }
        var found: [String: [RecoveredSegment]] = [:]
        for name in try File.names(in: directory) {
            guard let id = FileName.segmentID(of: name) else { continue }
            let path = "\(directory)/\(name)"
            if let recovered = try RecoveredSegment(path: path, id: id) {
                found[recovered.header.stream, default: []].append(recovered)
            } else {
                try File.remove(path)
            }
        }
        var streams: [String: StoredStream] = [:]
        for (name, segments) in found {
            streams[name] = StoredStream(
                name: name,
                creationTime: segments.map(\.header.creationTime).min() ?? metadata.creationTime,
                directory: directory,
                settings: settings,
                usage: usage,
                segments: segments.map(\.segment).sorted { $0.id < $1.id },
                lastIngestionTime: segments.compactMap(\.lastIngestionTime).max()
            )
        }
        return StoredGroup(metadata, directory: directory, settings: settings, usage: usage, streams: streams)
    }
}
