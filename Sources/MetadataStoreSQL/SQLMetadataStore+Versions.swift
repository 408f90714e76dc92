package import LambdaAPI
package import MetadataStore

extension SQLMetadataStore {
    package func version(_ number: Int, of name: FunctionName) async throws(MetadataStoreError) -> VersionRecord? {
        try await database.read("read version \(number) of function \(name)") { database in
            try VersionRow.fetch(name.rawValue, number, in: database)?.record()
        }
    }

    package func replaceVersion(
        _ version: VersionRecord,
        expecting revisionID: String
    ) async throws(MetadataStoreError) {
        let (name, number) = (version.functionName, version.number)
        try await database.changeFunctions("replace version \(number) of function \(name)") { database in
            let current: String? = try VersionRow.fetch(name.rawValue, number, in: database)?.value("revisionID")
            guard current == revisionID else {
                throw MetadataStoreError(
                    .conflict,
                    "failed to replace version \(number) of function \(name): its revision is not \(revisionID)"
                )
            }
            try VersionRow(version).update(in: database)
            return [.versionWritten(version)]
        }
    }

    package func versions(
        of name: FunctionName,
        after number: Int,
        limit: Int
    ) async throws(MetadataStoreError) -> [VersionRecord] {
        try await versions(
            "list versions of function \(name)",
            "WHERE functionName = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
            [name.rawValue, number, limit]
        )
    }

    package func versions(
        on capacityProviderARN: String,
        after version: (name: FunctionName, number: Int)?,
        limit: Int
    ) async throws(MetadataStoreError) -> [VersionRecord] {
        let last = version ?? (FunctionName(""), 0)
        return try await versions(
            "list versions of a capacity provider",
            """
            WHERE capacityProviderARN = ?1 AND (functionName, number) > (?2, ?3)
            ORDER BY functionName, number LIMIT ?4
            """,
            [capacityProviderARN, last.name.rawValue, last.number, limit]
        )
    }

    package func unfinishedVersions() async throws(MetadataStoreError) -> [VersionRecord] {
        try await versions("list unfinished versions", "WHERE isUnfinished", [])
    }

    private func versions(
        _ operation: String,
        _ clauses: String,
        _ arguments: [any SQLConvertible]
    ) async throws(MetadataStoreError) -> [VersionRecord] {
        try await database.read(operation) { database in
            try VersionRow.fetchAll(clauses, arguments, in: database).map { try $0.record() }
        }
    }
}
