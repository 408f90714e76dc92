import LambdaAPI
package import LogStore
package import Logging
package import MetadataStore
import Telemetry

/// Keeps the log groups of this worker's disk as they are in the fleet's store, which is the truth about which groups there are.
///
/// A group that came about here, by a function's first line, is made known. One that the fleet has deleted, perhaps while this
/// worker was away, is deleted here: it was known, and is no more. See ``LogGroupStep``.
package struct LogGroupRegistry: Sendable {
    /// How often it is looked what others have changed, and how soon again after it could not be.
    private static let interval = Duration.seconds(60)
    private static let retryPause = Duration.seconds(5)
    /// How many groups are read at once.
    private static let pageSize = 500

    private let logs: LogStore
    private let records: any ResourceStore
    private let logger: Logger

    package init(logs: LogStore, records: any ResourceStore, logger: Logger) {
        self.logs = logs
        self.records = records
        self.logger = logger
    }

    /// Runs until it is cancelled.
    package func run() async {
        let (ticks, tick) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await _ in logs.groupNotices { tick.yield() }
            }
            group.addTask {
                repeat { tick.yield() } while (try? await Task.sleep(for: Self.interval)) != nil
            }
            var isFailing = false
            for await _ in ticks {
                do {
                    try await settle()
                    isFailing = false
                } catch {
                    if !isFailing {
                        logger.warning(
                            "log groups are not up to date with the fleet's",
                            metadata: [LogKey.error: "\(error)"]
                        )
                    }
                    isFailing = true
                    guard (try? await Task.sleep(for: Self.retryPause)) != nil else { break }
                    tick.yield()
                }
            }
        }
    }

    /// Looks once, and returns when this worker's groups are as they should be. May run more than once at a time.
    package func settle() async throws {
        // In this order: what is registered when it is listed must be known afterwards, unless it was deleted.
        let groups = logs.groupList()
        let known = try await knownGroups()
        for group in groups {
            switch LogGroupStep(of: group, known: known[group.name]) {
            case .none: break
            case .register: try await register(group)
            case .adopt(let record): try adopt(record)
            case .delete: try ignoringAbsence { () throws(LogStoreError) in try logs.deleteGroup(group.key) }
            }
        }
    }

    private func knownGroups() async throws(MetadataStoreError) -> [String: LogGroupRecord] {
        var known: [String: LogGroupRecord] = [:]
        var last: String?
        repeat {
            let page = try await records.resources(LogGroupRecord.self, key: nil, after: last, limit: Self.pageSize)
            for record in page { known[record.name] = record }
            last = page.count == Self.pageSize ? page.last?.name : nil
        } while last != nil
        return known
    }

    private func register(_ group: GroupMetadata) async throws {
        let record = LogGroupRecord(
            name: group.name,
            created: group.creationTime.milliseconds,
            retentionDays: group.retentionDays,
            tags: group.tags
        )
        do throws(MetadataStoreError) {
            try await records.insert(record)
        } catch  where error.code == .exists {
            // Another worker was faster. If the record is gone again by now, the next look registers the group anew.
            guard let record = try await records.resource(LogGroupRecord.self, group.name) else { return }
            return try adopt(record)
        }
        try adopt(record)
    }

    private func adopt(_ record: LogGroupRecord) throws {
        try ignoringAbsence { () throws(LogStoreError) in
            try logs.updateGroup(record.name) { group in
                // It may have become another one meanwhile.
                guard group.registration == nil || group.registration == record.registration else { return }
                group.registration = record.registration
                group.retentionDays = record.retentionDays
            }
        }
    }

    private func ignoringAbsence(_ body: () throws(LogStoreError) -> Void) throws(LogStoreError) {
        do throws(LogStoreError) {
            try body()
        } catch  where error.code == .groupNotFound {}
    }
}

/// What is to be done with a log group on a worker's disk, by what the fleet knows of its name.
package enum LogGroupStep: Equatable {
    case none
    /// The fleet is to know of it.
    case register
    /// It is this one from now on, with its retention.
    case adopt(LogGroupRecord)
    /// It was deleted.
    case delete

    package init(of group: GroupMetadata, known record: LogGroupRecord?) {
        switch (group.registration, record) {
        case (nil, nil): self = .register
        case (nil, let record?): self = .adopt(record)
        case (_?, nil): self = .delete
        case (let registration?, let record?) where registration != record.registration: self = .delete
        case (_?, let record?): self = record.retentionDays == group.retentionDays ? .none : .adopt(record)
        }
    }
}
