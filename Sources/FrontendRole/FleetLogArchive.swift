import FleetProtocol
package import LambdaAPI
package import LogStore
package import Logging
package import LogsAPI
package import LogsService
package import MetadataStore
import NIOCore
import Synchronization
import Telemetry

/// The logs of a fleet. Which groups there are, and what is kept about them, is in the store that the fleet shares; streams and
/// events are on the disks of the workers that ran the functions, and all workers are asked at once.
///
/// A stream has one worker: that of its environment, or for one that a client has made, one that is chosen by the stream's name.
///
/// ## Workers that do not answer
/// - One that cannot be connected to counts as gone, as it does for all when its lease ends a little later. What is asked of a whole
///   group is answered without it, and the frontend's log says so: when a host dies, the logs of the others are wanted most, and to
///   refuse would only put off the same answer.
/// - One that is connected and stays silent may have events that belong to the page. There would be no way to get them later,
///   since clients go on behind the page, so the answer is an error, and clients ask again.
/// - A stream that is named, and that none of those has who answer, may be on one that does not: an error, too, rather than
///   `ResourceNotFoundException`.
package final class FleetLogArchive: LogArchive {
    private let records: any ResourceStore
    let hosts: any LogHosts
    private let logger: Logger
    /// Workers that are left out, and that was told of.
    private let missed = Mutex<Set<String>>([])

    /// All hosts' pages together have about so many bytes of messages, and each at least so many.
    private static let messageBytesMax = 4 << 20
    private static let hostMessageBytesMin = 64 << 10

    package init(records: any ResourceStore, hosts: any LogHosts, logger: Logger) {
        self.records = records
        self.hosts = hosts
        self.logger = logger
    }

    // MARK: Groups

    package func groups(after name: String, limit: Int) async throws(LogsError) -> [GroupMetadata] {
        try await inStore { () async throws(MetadataStoreError) in
            try await records.resources(LogGroupRecord.self, key: nil, after: name, limit: limit)
        }
        .map { GroupMetadata($0) }
    }

    package func group(_ name: String) async throws(LogsError) -> GroupMetadata {
        GroupMetadata(try await record(name))
    }

    private func record(_ name: String) async throws(LogsError) -> LogGroupRecord {
        let record = try await inStore { () async throws(MetadataStoreError) in
            try await records.resource(LogGroupRecord.self, name)
        }
        guard let record else { throw .groupNotFound }
        return record
    }

    private func inStore<Value>(
        _ body: () async throws(MetadataStoreError) -> Value
    ) async throws(LogsError) -> Value {
        do throws(MetadataStoreError) {
            return try await body()
        } catch {
            throw .unavailable(cause: error)
        }
    }

    /// Without the workers that do not answer: a size is a matter of a moment.
    package func storedBytes(of groups: [LogGroupKey]) async throws(LogsError) -> [LogGroupKey: Int] {
        guard !groups.isEmpty else { return [:] }
        let round = await hosts.ask(try await hosts.names(), LogSizes.self) { _ in .storedBytes(groups) }
        note(round)
        return round.answers.reduce(into: [:]) { sum, entry in sum.merge(entry.answer.bytes, uniquingKeysWith: +) }
    }

    package func createGroup(_ name: String, tags: [String: String], now: Timestamp) async throws(LogsError) {
        do throws(MetadataStoreError) {
            try await records.insert(LogGroupRecord(name: name, created: now.milliseconds, tags: tags))
        } catch  where error.code == .exists {
            throw .groupExists
        } catch {
            throw .unavailable(cause: error)
        }
    }

    /// The group is deleted once the store has it no more: what workers still have of it is not shown. They are told so that its
    /// files go at once; those that do not hear it find out themselves.
    package func deleteGroup(_ name: String) async throws(LogsError) {
        let isDeleted = try await inStore { () async throws(MetadataStoreError) in
            try await records.deleteResource(LogGroupRecord.self, name)
        }
        guard isDeleted else { throw .groupNotFound }
        guard let names = try? await hosts.names() else { return }
        let round = await hosts.ask(names, LogDone.self) { _ in .groupsChanged }
        for error in round.failures + round.gone {
            logger.notice(
                "a worker does not know yet that a log group is deleted",
                metadata: [LogKey.hostIdentity: "worker/\(error.host)", LogKey.error: "\(error)"]
            )
        }
    }

    package func updateGroup(
        _ name: String,
        _ change: @escaping @Sendable (inout GroupMetadata) throws(LogsError) -> Void
    ) async throws(LogsError) {
        var attemptsLeft = 10
        while true {
            var record = try await record(name)
            var group = GroupMetadata(record)
            try change(&group)
            record.retentionDays = group.retentionDays
            record.tags = group.tags
            do throws(MetadataStoreError) {
                _ = try await records.replace(record)
                return
            } catch  where error.code == .conflict && attemptsLeft > 0 {
                // Someone else has changed it.
                attemptsLeft -= 1
            } catch {
                throw .unavailable(cause: error)
            }
        }
    }

    // MARK: Events

    package func events(of group: LogGroupKey, _ query: LogQuery) async throws(LogsError) -> LogPage {
        let names = try await hosts.names()
        let share = max(Self.messageBytesMax / max(1, names.count), Self.hostMessageBytesMin)
        let round = await hosts.ask(names, LogPage.self, until: { Self.missing(of: query, in: $0)?.isEmpty ?? false }) {
            var part = query
            part.messageBytesMax = min(query.messageBytesMax, share)
            part.position = query.position?.seen(from: NameNumber.of($0))
            return .events(group, part)
        }
        let missing = Self.missing(of: query, in: round)
        if let missing {
            // All that was asked for is there, or all who may have it have said that they have not.
            if !missing.isEmpty, round.isPartial { throw round.failure }
        } else {
            try check(round)
        }
        var merge = LogPageMerge(query)
        for (host, page) in round.answers { merge.add(page.events, of: NameNumber.of(host)) }
        return LogPage(merge.page, missingStreams: missing ?? [])
    }

    /// Which of the streams that are named nobody has so far; nil if none is named.
    private static func missing(of query: LogQuery, in round: LogRound<LogPage>) -> Set<String>? {
        guard case .named(let names) = query.streams else { return nil }
        return round.answers.reduce(into: Set(names)) { $0.formIntersection($1.answer.missingStreams) }
    }

    /// Throws unless what was asked of a whole group can be answered by those who have answered.
    private func check(_ round: LogRound<some WireValue>) throws(LogsError) {
        let hasHeardNobody = round.answers.isEmpty && round.strangers.isEmpty
        guard round.failures.isEmpty, round.gone.isEmpty || !hasHeardNobody else { throw round.failure }
        note(round)
    }

    /// Tells once of workers that are left out, and again after they were back.
    private func note(_ round: LogRound<some WireValue>) {
        let errors = round.gone + round.failures
        let news = missed.withLock { missed in
            defer { missed = Set(errors.map(\.host)) }
            return errors.filter { !missed.contains($0.host) }
        }
        for error in news {
            logger.warning(
                "logs are shown without those of a worker",
                metadata: [LogKey.hostIdentity: "worker/\(error.host)", LogKey.error: "\(error)"]
            )
        }
    }

    // MARK: Streams

    package func streams(of group: LogGroupKey, _ query: StreamQuery) async throws(LogsError) -> StreamPage {
        let round = await hosts.ask(try await hosts.names(), StreamPage.self) { _ in .streams(group, query) }
        try check(round)
        var merge = StreamPageMerge(query)
        for (_, page) in round.answers { merge.add(page) }
        return merge.page
    }

    package func createStream(_ name: String, in group: LogGroupKey, now: Timestamp) async throws(LogsError) {
        guard try await holder(of: name, in: group) == nil else { throw .streamExists }
        // The same for all frontends that know of the same workers, so that of two who make it at once one is refused.
        let home = try await hosts.names().max {
            Self.weight(of: $0, for: group, name) < Self.weight(of: $1, for: group, name)
        }
        guard let home else { throw .unavailable(cause: NoWorker()) }
        _ = try await ask(home, .createStream(name, group, now: now))
    }

    /// Of all workers the one with the greatest weight has a stream that a client makes: few move when a worker comes or goes.
    private static func weight(of host: String, for group: LogGroupKey, _ stream: String) -> UInt64 {
        // The finaliser of SplitMix64, since names that are alike have numbers that are.
        var number = NameNumber.of(host) ^ NameNumber.of("\(group.name)\n\(stream)")
        number = (number ^ (number >> 30)) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ (number >> 27)) &* 0x94D0_49BB_1331_11EB
        return number ^ (number >> 31)
    }

    package func deleteStream(_ name: String, in group: LogGroupKey) async throws(LogsError) {
        let round = await hosts.ask(try await hosts.names(), LogDone.self) { _ in .deleteStream(name, group) }
        guard round.answers.isEmpty else { return }
        throw round.isPartial ? round.failure : .streamNotFound
    }

    package func put(
        _ events: [NewLogEvent],
        stream: String,
        in group: LogGroupKey,
        now: Timestamp
    ) async throws(LogsError) {
        guard let holder = try await holder(of: stream, in: group) else { throw .streamNotFound }
        _ = try await ask(holder, .put(LogEntries(events), stream: stream, group, now: now))
    }

    /// The worker that has a stream; nil if none has.
    private func holder(of stream: String, in group: LogGroupKey) async throws(LogsError) -> String? {
        let nothing = Timestamp(milliseconds: 0)
        let query = LogQuery(.named([stream]), isForward: true, times: nothing..<nothing, countMax: 1)
        let round = await hosts.ask(
            try await hosts.names(),
            LogPage.self,
            until: { $0.answers.contains { $0.answer.missingStreams.isEmpty } }
        ) { _ in .events(group, query) }
        let holder = round.answers.first { $0.answer.missingStreams.isEmpty }
        if let holder { return holder.host }
        guard !round.isPartial else { throw round.failure }
        return nil
    }

    private func ask(_ host: String, _ question: LogQuestion) async throws(LogsError) -> ByteBuffer {
        do throws(LogHostError) {
            return try await hosts.ask(host, question)
        } catch {
            switch error.kind {
            case .refused(.noGroup): throw .groupNotFound
            case .refused(.noStream): throw .streamNotFound
            case .refused(.streamExists): throw .streamExists
            case .refused, .gone, .silent: throw .unavailable(cause: error)
            }
        }
    }
}

/// There is nobody to have a stream.
private struct NoWorker: Error, CustomStringConvertible {
    var description: String { "the fleet has no workers" }
}

extension GroupMetadata {
    fileprivate init(_ record: LogGroupRecord) {
        self.init(
            name: record.name,
            creationTime: Timestamp(milliseconds: record.created),
            retentionDays: record.retentionDays,
            tags: record.tags,
            registration: record.registration
        )
    }
}
