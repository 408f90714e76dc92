import GRDB
package import LambdaAPI
package import MetadataStore

extension SQLiteMetadataStore {
    package func function(withURL id: String) async throws(MetadataStoreError) -> FunctionRecord? {
        try await file.read("read the function of URL \(id)") { database in
            let sql = "SELECT function.* FROM functionURL JOIN function ON name = functionName WHERE id = ?"
            return try FunctionRow.fetchOne(database, sql: sql, arguments: [id])?.record()
        }
    }

    package func functions(
        signedBy codeSigningConfigARN: String,
        after name: FunctionName?,
        limit: Int
    ) async throws(MetadataStoreError) -> [FunctionRecord] {
        try await file.read("list functions of a code signing configuration") { database in
            try FunctionRow
                .filter(
                    FunctionRow.Columns.codeSigningConfigARN == codeSigningConfigARN
                        && FunctionRow.Columns.name > name?.rawValue ?? ""
                )
                .order(FunctionRow.Columns.name).limit(limit)
                .fetchAll(database).map { try $0.record() }
        }
    }

    package func versions(
        on capacityProviderARN: String,
        after version: (name: FunctionName, number: Int)?,
        limit: Int
    ) async throws(MetadataStoreError) -> [VersionRecord] {
        try await file.read("list versions of a capacity provider") { database in
            let sql = """
                SELECT * FROM version WHERE capacityProviderARN = ? AND (functionName, number) > (?, ?)
                ORDER BY functionName, number LIMIT ?
                """
            let last = version ?? (FunctionName(""), 0)
            return
                try VersionRow
                .fetchAll(
                    database,
                    sql: sql,
                    arguments: [capacityProviderARN, last.name.rawValue, last.number, limit]
                )
                .map { try $0.record() }
        }
    }

    /// Keeps the addresses of a function's URLs up with its record, in the transaction that writes it.
    static func updateURLs(of record: FunctionRecord, in database: Database) throws {
        let ids = Set(record.attachments.urls.values.map(\.id))
        let known = Set(
            try String.fetchAll(
                database,
                sql: "SELECT id FROM functionURL WHERE functionName = ?",
                arguments: [record.name.rawValue]
            )
        )
        for id in known.subtracting(ids) {
            try database.execute(sql: "DELETE FROM functionURL WHERE id = ?", arguments: [id])
        }
        for id in ids.subtracting(known) {
            try database.execute(
                sql: "INSERT INTO functionURL (id, functionName) VALUES (?, ?)",
                arguments: [id, record.name.rawValue]
            )
        }
    }
}
