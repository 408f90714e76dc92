package import LambdaAPI
package import MetadataStore

/// Functions and all that belongs to them, in any ``SQLDatabase``.
package final class SQLMetadataStore: MetadataStore {
    let database: any SQLDatabase

    /// - Parameter database: One whose schema has the store's tables.
    package init(_ database: any SQLDatabase) {
        self.database = database
    }

    package func observe(_ observer: @escaping @Sendable (FunctionChange) -> Void) {
        database.observe(observer)
    }

    package func insert(_ record: FunctionRecord, versions: [VersionRecord]) async throws(MetadataStoreError) {
        try await database.changeFunctions("insert function \(record.name)") { database in
            do {
                try FunctionRow(record).insert(in: database)
            } catch let failure as SQLFailure where failure.kind == .unique {
                throw MetadataStoreError(.exists, "failed to insert function \(record.name): it exists")
            }
            try Self.updateURLs(of: record, in: database)
            for version in versions { try VersionRow(version).insert(in: database) }
            return versions.map { FunctionChange.versionWritten($0) } + [.written(record)]
        }
    }

    package func function(named name: FunctionName) async throws(MetadataStoreError) -> FunctionRecord? {
        try await database.read("read function \(name)") { database in
            try FunctionRow.fetch(name.rawValue, in: database)?.record()
        }
    }

    package func replace(
        _ record: FunctionRecord,
        expecting generation: Int,
        versions: [VersionChange],
        claimedMax: Int
    ) async throws(MetadataStoreError) {
        try await database.changeFunctions("replace function \(record.name)") { database in
            let current: Int? = try FunctionRow.fetch(record.name.rawValue, in: database)?.value("generation")
            guard current == generation else {
                throw MetadataStoreError(
                    .conflict,
                    "failed to replace function \(record.name): its generation is not \(generation)"
                )
            }
            var record = record
            record.generation = generation + 1
            try FunctionRow(record).update(in: database)
            try Self.updateURLs(of: record, in: database)
            let changes = try versions.map { try Self.apply($0, to: record.name, in: database) }
            guard try claimedMax == .max || Self.claimedConcurrency(in: database) <= claimedMax else {
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
        in database: any SQLTransaction
    ) throws -> FunctionChange {
        switch change {
        case .added(let version):
            precondition(version.functionName == name, "a version is written with its own function")
            try VersionRow(version).insert(in: database)
            return .versionWritten(version)
        case .deleted(let number):
            guard try VersionRow.delete(name.rawValue, number, in: database) else {
                throw MetadataStoreError(.conflict, "failed to delete version \(number) of \(name): it is gone")
            }
            return .versionDeleted(name, number)
        }
    }

    private static func claimedConcurrency(in database: any SQLTransaction) throws -> Int {
        let sql = "SELECT CAST(coalesce(sum(claimedConcurrency), 0) AS BIGINT) FROM function"
        return try database.rows(sql).first?.value(0) ?? 0
    }

    package func delete(_ name: FunctionName) async throws(MetadataStoreError) -> Bool {
        try await database.changeFunctions("delete function \(name)") { database in
            try FunctionRow.delete(name.rawValue, in: database) ? [.deleted(name)] : []
        }
    }

    package func functions(
        after name: FunctionName?,
        limit: Int
    ) async throws(MetadataStoreError) -> [FunctionRecord] {
        try await functions("list functions", "WHERE name > ?1 ORDER BY name LIMIT ?2", [name?.rawValue ?? "", limit])
    }

    package func unfinishedFunctions() async throws(MetadataStoreError) -> [FunctionRecord] {
        try await functions("list unfinished functions", "WHERE isUnfinished", [])
    }

    package func functionsWithConcurrencySettings() async throws(MetadataStoreError) -> [FunctionRecord] {
        try await functions("list functions with concurrency settings", "WHERE hasConcurrencySettings", [])
    }

    package func functions(
        signedBy codeSigningConfigARN: String,
        after name: FunctionName?,
        limit: Int
    ) async throws(MetadataStoreError) -> [FunctionRecord] {
        try await functions(
            "list functions of a code signing configuration",
            "WHERE codeSigningConfigARN = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
            [codeSigningConfigARN, name?.rawValue ?? "", limit]
        )
    }

    private func functions(
        _ operation: String,
        _ clauses: String,
        _ arguments: [any SQLConvertible]
    ) async throws(MetadataStoreError) -> [FunctionRecord] {
        try await database.read(operation) { database in
            try FunctionRow.fetchAll(clauses, arguments, in: database).map { try $0.record() }
        }
    }

    package func usage() async throws(MetadataStoreError) -> StoreUsage {
        try await database.read("read the usage") { database in
            let sql = """
                SELECT count(*),
                    CAST(coalesce(sum(codeSize), 0) + (SELECT coalesce(sum(codeSize), 0) FROM version) AS BIGINT),
                    CAST(coalesce(sum(claimedConcurrency), 0) AS BIGINT)
                FROM function
                """
            guard let row = try database.rows(sql).first else { return StoreUsage(functionCount: 0, codeSize: 0) }
            return StoreUsage(
                functionCount: try row.value(0),
                codeSize: try row.value(1),
                claimedConcurrency: try row.value(2)
            )
        }
    }

    package func referencedCode() async throws(MetadataStoreError) -> Set<String> {
        try await database.read("list referenced code") { database in
            let sql = """
                SELECT codeHash FROM function UNION SELECT codeHashBeforeUpdate FROM function
                UNION SELECT codeHash FROM version
                """
            return Set(try database.rows(sql).compactMap { try $0.value(0) as String? })
        }
    }

    // MARK: URLs

    package func function(withURL id: String) async throws(MetadataStoreError) -> FunctionRecord? {
        try await database.read("read the function of URL \(id)") { database in
            let clauses = "WHERE name = (SELECT functionName FROM functionURL WHERE id = ?1)"
            return try FunctionRow.fetchAll(clauses, [id], in: database).first?.record()
        }
    }

    /// Keeps the addresses of a function's URLs up with its record, in the transaction that writes it.
    private static func updateURLs(of record: FunctionRecord, in database: any SQLTransaction) throws {
        let ids = Set(record.attachments.urls.values.map(\.id))
        let rows = try database.rows("SELECT id FROM functionURL WHERE functionName = ?1", [record.name.rawValue])
        let known = Set(try rows.map { try $0.value(0) as String })
        for id in known.subtracting(ids) {
            try database.execute("DELETE FROM functionURL WHERE id = ?1", [id])
        }
        for id in ids.subtracting(known) {
            try database.execute(
                "INSERT INTO functionURL (id, functionName) VALUES (?1, ?2)",
                [id, record.name.rawValue]
            )
        }
    }
}
