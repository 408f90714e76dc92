package import LambdaAPI
package import LogStore
package import LogsAPI
import NIOPosix

/// The logs of this host's store.
package struct HostLogArchive: LogArchive {
    private let store: LogStore

    package init(store: LogStore) {
        self.store = store
    }

    /// Runs what blocks on a thread that may.
    private func onDisk<Value: Sendable>(
        _ body: @escaping @Sendable (LogStore) throws -> Value
    ) async throws(LogsError) -> Value {
        do {
            return try await NIOThreadPool.singleton.runIfActive { [store] in try body(store) }
        } catch {
            throw Self.apiError(error)
        }
    }

    /// The one place where the store's errors become those of the API.
    static func apiError(_ error: any Error) -> LogsError {
        switch error {
        case let error as LogsError: error
        case let error as LogStoreError where error.code == .groupNotFound: .groupNotFound
        case let error as LogStoreError where error.code == .groupExists: .groupExists
        case let error as LogStoreError where error.code == .streamNotFound: .streamNotFound
        case let error as LogStoreError where error.code == .streamExists: .streamExists
        default: .unavailable(cause: error)
        }
    }

    /// The group that is meant, not one that had its name before.
    private static func check(_ key: LogGroupKey, in store: LogStore) throws {
        guard try key.means(store.metadata(ofGroup: key.name)) else { throw LogsError.groupNotFound }
    }

    // MARK: Groups

    package func groups(after name: String, limit: Int) async throws(LogsError) -> [GroupMetadata] {
        try await onDisk { Array($0.groupList().drop { $0.name <= name }.prefix(limit)) }
    }

    package func group(_ name: String) async throws(LogsError) -> GroupMetadata {
        try await onDisk { try $0.metadata(ofGroup: name) }
    }

    package func storedBytes(of groups: [LogGroupKey]) async throws(LogsError) -> [LogGroupKey: Int] {
        try await onDisk { store in
            var sizes: [LogGroupKey: Int] = [:]
            for group in groups {
                // It may be deleted meanwhile.
                guard (try? Self.check(group, in: store)) != nil else { continue }
                let streams = (try? store.streamList(ofGroup: group.name)) ?? []
                sizes[group] = streams.reduce(0) { $0 + $1.storedBytes }
            }
            return sizes
        }
    }

    package func createGroup(_ name: String, tags: [String: String], now: Timestamp) async throws(LogsError) {
        try await onDisk { try $0.createGroup(name, tags: tags, now: now) }
    }

    package func deleteGroup(_ name: String) async throws(LogsError) {
        try await onDisk { try $0.deleteGroup(LogGroupKey(name: name)) }
    }

    package func updateGroup(
        _ name: String,
        _ change: @escaping @Sendable (inout GroupMetadata) throws(LogsError) -> Void
    ) async throws(LogsError) {
        try await onDisk { store in
            var refusal: LogsError?
            try store.updateGroup(name) { metadata in
                let before = metadata
                do throws(LogsError) {
                    try change(&metadata)
                } catch {
                    metadata = before
                    refusal = error
                }
            }
            if let refusal { throw refusal }
        }
    }

    // MARK: Streams

    package func streams(of group: LogGroupKey, _ query: StreamQuery) async throws(LogsError) -> StreamPage {
        try await onDisk { store in
            try Self.check(group, in: store)
            return query.page(of: try store.streamList(ofGroup: group.name).map { StreamOverview($0) })
        }
    }

    package func createStream(_ name: String, in group: LogGroupKey, now: Timestamp) async throws(LogsError) {
        try await onDisk { store in
            if let registration = group.registration {
                // The group is there for all hosts, and on this one nothing was in it until now.
                do throws(LogStoreError) {
                    try store.createGroup(group.name, registration: registration, now: now)
                } catch  where error.code == .groupExists {}
            }
            try Self.check(group, in: store)
            try store.createStream(name, group: group.name, now: now)
        }
    }

    package func deleteStream(_ name: String, in group: LogGroupKey) async throws(LogsError) {
        try await onDisk { store in
            try Self.check(group, in: store)
            try store.deleteStream(name, group: group.name)
        }
    }

    // MARK: Events

    package func events(of group: LogGroupKey, _ query: LogQuery) async throws(LogsError) -> LogPage {
        let pattern = try FilterPattern(query.pattern)
        return try await onDisk { store in
            try Self.check(group, in: store)
            let (streams, missing) = try Self.streams(query.streams, of: group.name, in: store)
            var range = EventQuery(
                query.isForward ? .forward(after: query.position) : .backward(before: query.position),
                times: query.times,
                countMax: query.countMax
            )
            range.messageBytesMax = query.messageBytesMax
            let page = try store.events(of: streams, range) { query.pattern.isEmpty || pattern.matches($0.message) }
            return LogPage(page, missingStreams: missing)
        }
    }

    private static func streams(
        _ wanted: LogQuery.Streams,
        of group: String,
        in store: LogStore
    ) throws(LogStoreError) -> (found: [StreamSummary], missing: Set<String>) {
        switch wanted {
        case .all:
            return (try store.streamList(ofGroup: group), [])
        case .prefixed(let prefix):
            return (try store.streamList(ofGroup: group).filter { $0.name.hasPrefix(prefix) }, [])
        case .named(let names):
            var found: [StreamSummary] = []
            var missing: Set<String> = []
            for name in Set(names) {
                do throws(LogStoreError) {
                    found.append(try store.summary(ofStream: name, group: group))
                } catch  where error.code == .streamNotFound {
                    missing.insert(name)
                }
            }
            return (found, missing)
        }
    }

    package func put(
        _ events: [NewLogEvent],
        stream: String,
        in group: LogGroupKey,
        now: Timestamp
    ) async throws(LogsError) {
        try await onDisk { store in
            try Self.check(group, in: store)
            try store.put(RecordBatch(events, ingestedAt: now), stream: stream, group: group.name)
        }
    }
}

extension StreamOverview {
    init(_ summary: StreamSummary) {
        self.init(
            name: summary.name,
            creationTime: summary.creationTime,
            firstEventTime: summary.firstEventTime,
            lastEventTime: summary.lastEventTime,
            lastIngestionTime: summary.lastIngestionTime
        )
    }
}
