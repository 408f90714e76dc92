import FoundationEssentials
package import LambdaAPI
package import MetadataStore

extension SQLMetadataStore {
    package func publishLayerVersion(
        of name: LayerName,
        _ definition: LayerVersionDefinition
    ) async throws(MetadataStoreError) -> LayerVersionRecord {
        try await database.write("publish a version of layer \(name)") { database in
            let sql = """
                INSERT INTO layer (name, versionMax) VALUES (?1, 1)
                ON CONFLICT (name) DO UPDATE SET versionMax = layer.versionMax + 1
                RETURNING versionMax
                """
            guard let version: Int = try database.rows(sql, [name.rawValue]).first?.value(0) else {
                throw MetadataStoreError(.corrupt, "failed to publish a version of layer \(name): it has no number")
            }
            let record = LayerVersionRecord(name: name, version: version, definition: definition)
            try LayerVersionRow(record).insert(in: database)
            return record
        }
    }

    package func layerVersion(
        _ version: Int,
        of name: LayerName
    ) async throws(MetadataStoreError) -> LayerVersionRecord? {
        try await database.read("read version \(version) of layer \(name)") { database in
            try LayerVersionRow.fetch(name.rawValue, version, in: database)?.record()
        }
    }

    package func setPolicy(
        _ policy: LayerPolicy?,
        ofVersion version: Int,
        of name: LayerName,
        expecting revisionID: String?
    ) async throws(MetadataStoreError) {
        try await database.write("change the policy of version \(version) of layer \(name)") { database in
            let current = try LayerVersionRow.fetch(name.rawValue, version, in: database)?.record()
            guard var record = current, record.policy?.revisionID == revisionID else {
                throw MetadataStoreError(
                    .conflict,
                    "failed to change the policy of version \(version) of layer \(name): it is of another revision"
                )
            }
            record.policy = policy
            try LayerVersionRow(record).update(in: database)
        }
    }

    package func deleteLayerVersion(_ version: Int, of name: LayerName) async throws(MetadataStoreError) -> Bool {
        try await database.write("delete version \(version) of layer \(name)") { database in
            try LayerVersionRow.delete(name.rawValue, version, in: database)
        }
    }

    package func layerVersions(
        of name: LayerName,
        before version: Int?,
        matching filter: LayerFilter,
        limit: Int
    ) async throws(MetadataStoreError) -> [LayerVersionRecord] {
        try await database.read("list versions of layer \(name)") { database in
            var found: [LayerVersionRecord] = []
            var last = version ?? .max
            while found.count < limit {
                let rows = try LayerVersionRow.fetchAll(
                    "WHERE name = ?1 AND version < ?2 ORDER BY version DESC LIMIT ?3",
                    [name.rawValue, last, Self.chunk],
                    in: database
                )
                let records = try rows.map { try $0.record() }
                found += records.lazy.filter { filter.matches($0.definition) }.prefix(limit - found.count)
                guard rows.count == Self.chunk, let lowest = rows.last else { break }
                last = try lowest.value("version")
            }
            return found
        }
    }

    package func layers(
        after name: LayerName?,
        matching filter: LayerFilter,
        limit: Int
    ) async throws(MetadataStoreError) -> [LayerVersionRecord] {
        try await database.read("list layers") { database in
            var found: [LayerVersionRecord] = []
            // The row that was looked at last: its layer, and the version below which others of the layer are.
            var last = (name: name?.rawValue ?? "", version: 0)
            while found.count < limit {
                let rows = try LayerVersionRow.fetchAll(
                    """
                    WHERE name > ?1 OR (name = ?1 AND version < ?2)
                    ORDER BY name, version DESC LIMIT ?3
                    """,
                    [last.name, last.version, Self.chunk],
                    in: database
                )
                for row in rows where found.count < limit {
                    guard try found.last?.name.rawValue != row.value("name") else { continue }
                    let record = try row.record()
                    if filter.matches(record.definition) { found.append(record) }
                }
                guard rows.count == Self.chunk, let end = rows.last else { break }
                last = (try end.value("name"), try end.value("version"))
            }
            return found
        }
    }

    /// How many versions are looked at together for those that match.
    private static let chunk = 100

    package func layersCodeSize() async throws(MetadataStoreError) -> Int {
        try await database.read("read the size of layers") { database in
            let sql = "SELECT CAST(coalesce(sum(codeSize), 0) AS BIGINT) FROM layerVersion"
            return try database.rows(sql).first?.value(0) ?? 0
        }
    }

    package func layersInUse() async throws(MetadataStoreError) -> LayersInUse {
        let layerLists = database.dialect.layerLists
        return try await database.read("list layers in use") { database in
            let rows = try database.rows("SELECT DISTINCT codeHash FROM layerVersion")
            // Every definition that a document holds; few have layers, so that reading all now and then is cheap enough.
            let stacks = try database.rows(layerLists).map { row in
                let list: String = try row.value(0)
                return try JSONDecoder().decode([FunctionLayer].self, from: Data(list.utf8)).map(\.codeHash)
            }
            return LayersInUse(
                published: Set(try rows.map { try $0.value(0) as String }),
                stacks: Set(stacks.filter { !$0.isEmpty })
            )
        }
    }
}
