import FoundationEssentials
import GRDB
package import LambdaAPI
package import MetadataStore
import Synchronization

/// Functions in one SQLite file, for a service that runs as one process.
package final class SQLiteMetadataStore: MetadataStore {
    private typealias Observer = @Sendable (FunctionChange) -> Void

    let file: StoreFile
    private let observers = Mutex<[Observer]>([])

    /// Opens the file, which is created if it is not there, and brings its schema up to date.
    package init(path: String) throws(MetadataStoreError) {
        file = try StoreFile(path: path, migrating: Schema.migrator)
    }

    package func observe(_ observer: @escaping @Sendable (FunctionChange) -> Void) {
        observers.withLock { $0.append(observer) }
    }

    package func insert(_ record: FunctionRecord, versions: [VersionRecord]) async throws(MetadataStoreError) {
        try await write("insert function \(record.name)") { database in
            let row = try FunctionRow(record)
            do {
                try row.insert(database)
            } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_PRIMARYKEY {
                throw MetadataStoreError(.exists, "failed to insert function \(record.name): it exists")
            }
            try Self.updateURLs(of: record, in: database)
            for version in versions {
                try VersionRow(version).insert(database)
            }
            return versions.map { FunctionChange.versionWritten($0) } + [.written(record)]
        }
    }

    package func function(named name: FunctionName) async throws(MetadataStoreError) -> FunctionRecord? {
        try await file.read("read function \(name)") { database in
            try FunctionRow.fetchOne(database, key: name.rawValue)?.record()
        }
    }

    package func replace(
        _ record: FunctionRecord,
        expecting generation: Int,
        versions: [VersionChange],
        claimedMax: Int
    ) async throws(MetadataStoreError) {
        try await write("replace function \(record.name)") { database in
            let current = try FunctionRow.fetchOne(database, key: record.name.rawValue)
            guard current?.generation == generation else {
                throw MetadataStoreError(
                    .conflict,
                    "failed to replace function \(record.name): its generation is not \(generation)"
                )
            }
            var record = record
            record.generation = generation + 1
            try FunctionRow(record).update(database)
            try Self.updateURLs(of: record, in: database)
            let changes = try versions.map { try Self.apply($0, to: record.name, in: database) }
            guard try claimedMax == .max || Self.claimedConcurrency(database) <= claimedMax else {
                throw MetadataStoreError(
                    .limitExceeded,
                    "failed to replace function \(record.name): more than \(claimedMax) would be claimed"
                )
            }
            return changes + [.written(record)]
        }
    }

    private static func apply(
        _ change: VersionChange,
        to name: FunctionName,
        in database: Database
    ) throws -> FunctionChange {
        switch change {
        case .added(let version):
            precondition(version.functionName == name, "a version is written with its own function")
            try VersionRow(version).insert(database)
            return .versionWritten(version)
        case .deleted(let number):
            guard try VersionRow.fetch(number, of: name, in: database)?.delete(database) == true else {
                throw MetadataStoreError(.conflict, "failed to delete version \(number) of \(name): it is gone")
            }
            return .versionDeleted(name, number)
        }
    }

    private static func claimedConcurrency(_ database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "SELECT coalesce(sum(claimedConcurrency), 0) FROM function") ?? 0
    }

    package func delete(_ name: FunctionName) async throws(MetadataStoreError) -> Bool {
        try await write("delete function \(name)") { database in
            try FunctionRow.deleteOne(database, key: name.rawValue) ? [.deleted(name)] : []
        }
    }

    package func version(_ number: Int, of name: FunctionName) async throws(MetadataStoreError) -> VersionRecord? {
        try await file.read("read version \(number) of function \(name)") { database in
            try VersionRow.fetch(number, of: name, in: database)?.record()
        }
    }

    package func replaceVersion(
        _ version: VersionRecord,
        expecting revisionID: String
    ) async throws(MetadataStoreError) {
        let (name, number) = (version.functionName, version.number)
        try await write("replace version \(number) of function \(name)") { database in
            let current = try VersionRow.fetch(number, of: name, in: database)
            guard current?.revisionID == revisionID else {
                throw MetadataStoreError(
                    .conflict,
                    "failed to replace version \(number) of function \(name): its revision is not \(revisionID)"
                )
            }
            try VersionRow(version).update(database)
            return [.versionWritten(version)]
        }
    }

    package func versions(
        of name: FunctionName,
        after number: Int,
        limit: Int
    ) async throws(MetadataStoreError) -> [VersionRecord] {
        try await file.read("list versions of function \(name)") { database in
            try VersionRow
                .filter(VersionRow.Columns.functionName == name.rawValue && VersionRow.Columns.number > number)
                .order(VersionRow.Columns.number).limit(limit)
                .fetchAll(database).map { try $0.record() }
        }
    }

    package func unfinishedVersions() async throws(MetadataStoreError) -> [VersionRecord] {
        try await file.read("list unfinished versions") { database in
            try VersionRow.filter(VersionRow.Columns.isUnfinished == true).fetchAll(database).map { try $0.record() }
        }
    }

    package func functionsWithConcurrencySettings() async throws(MetadataStoreError) -> [FunctionRecord] {
        try await file.read("list functions with concurrency settings") { database in
            try FunctionRow.filter(FunctionRow.Columns.hasConcurrencySettings == true)
                .fetchAll(database).map { try $0.record() }
        }
    }

    package func functions(
        after name: FunctionName?,
        limit: Int
    ) async throws(MetadataStoreError) -> [FunctionRecord] {
        try await file.read("list functions") { database in
            var request = FunctionRow.order(FunctionRow.Columns.name).limit(limit)
            if let name {
                request = request.filter(FunctionRow.Columns.name > name.rawValue)
            }
            return try request.fetchAll(database).map { try $0.record() }
        }
    }

    package func unfinishedFunctions() async throws(MetadataStoreError) -> [FunctionRecord] {
        try await file.read("list unfinished functions") { database in
            try FunctionRow.filter(FunctionRow.Columns.isUnfinished == true).fetchAll(database).map { try $0.record() }
        }
    }

    package func usage() async throws(MetadataStoreError) -> StoreUsage {
        try await file.read("read the usage") { database in
            let sql = """
                SELECT count(*), coalesce(sum(codeSize), 0) + (SELECT coalesce(sum(codeSize), 0) FROM version),
                    coalesce(sum(claimedConcurrency), 0)
                FROM function
                """
            let row = try Row.fetchOne(database, sql: sql)
            return StoreUsage(functionCount: row?[0] ?? 0, codeSize: row?[1] ?? 0, claimedConcurrency: row?[2] ?? 0)
        }
    }

    package func referencedCode() async throws(MetadataStoreError) -> Set<String> {
        try await file.read("list referenced code") { database in
            let sql = """
                SELECT codeHash FROM function UNION SELECT codeHashBeforeUpdate FROM function
                UNION SELECT codeHash FROM version
                """
            return Set(try String?.fetchAll(database, sql: sql).compactMap { $0 })
        }
    }

    /// Runs a transaction. What it has changed is told to the observers on the queue of all writes, behind the commit and
    /// ahead of the next transaction. Returns whether it has changed anything.
    @discardableResult
    private func write(
        _ operation: String,
        _ body: @escaping @Sendable (Database) throws -> [FunctionChange]
    ) async throws(MetadataStoreError) -> Bool {
        try await file.write(operation) { database in
            let changes = try body(database)
            guard !changes.isEmpty else { return false }
            database.afterNextTransaction { _ in
                for change in changes { self.tell(change) }
            }
            return true
        }
    }

    private func tell(_ change: FunctionChange) {
        for observer in observers.withLock({ $0 }) { observer(change) }
    }
}
