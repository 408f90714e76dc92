import FoundationEssentials
import GRDB
package import LambdaAPI
package import MetadataStore

extension SQLiteMetadataStore {
    package func publishLayerVersion(
        of name: LayerName,
        _ definition: LayerVersionDefinition
    ) async throws(MetadataStoreError) -> LayerVersionRecord {
        try await file.write("publish a version of layer \(name)") { database in
            let sql = """
                INSERT INTO layer (name, versionMax) VALUES (?, 1)
                ON CONFLICT (name) DO UPDATE SET versionMax = versionMax + 1
                RETURNING versionMax
                """
            guard let version = try Int.fetchOne(database, sql: sql, arguments: [name.rawValue]) else {
                throw MetadataStoreError(.corrupt, "failed to publish a version of layer \(name): it has no number")
            }
            let record = LayerVersionRecord(name: name, version: version, definition: definition)
            try LayerVersionRow(record).insert(database)
            return record
        }
    }

    package func layerVersion(
        _ version: Int,
        of name: LayerName
    ) async throws(MetadataStoreError) -> LayerVersionRecord? {
        try await file.read("read version \(version) of layer \(name)") { database in
            try LayerVersionRow.fetch(version, of: name, in: database)?.record()
        }
    }

    package func setPolicy(
        _ policy: LayerPolicy?,
        ofVersion version: Int,
        of name: LayerName,
        expecting revisionID: String?
    ) async throws(MetadataStoreError) {
        try await file.write("change the policy of version \(version) of layer \(name)") { database in
            let current = try LayerVersionRow.fetch(version, of: name, in: database)?.record()
            guard var record = current, record.policy?.revisionID == revisionID else {
                throw MetadataStoreError(
                    .conflict,
                    "failed to change the policy of version \(version) of layer \(name): it is of another revision"
                )
            }
            record.policy = policy
            try LayerVersionRow(record).update(database)
        }
    }

    package func deleteLayerVersion(_ version: Int, of name: LayerName) async throws(MetadataStoreError) -> Bool {
        try await file.write("delete version \(version) of layer \(name)") { database in
            try LayerVersionRow.fetch(version, of: name, in: database)?.delete(database) ?? false
        }
    }

    package func layerVersions(
        of name: LayerName,
        before version: Int?,
        matching filter: LayerFilter,
        limit: Int
    ) async throws(MetadataStoreError) -> [LayerVersionRecord] {
        try await file.read("list versions of layer \(name)") { database in
            var request = LayerVersionRow.filter(LayerVersionRow.Columns.name == name.rawValue)
                .order(LayerVersionRow.Columns.version.desc)
            if let version {
                request = request.filter(LayerVersionRow.Columns.version < version)
            }
            var found: [LayerVersionRecord] = []
            let rows = try request.fetchCursor(database)
            while found.count < limit, let record = try rows.next()?.record() {
                if filter.matches(record.definition) { found.append(record) }
            }
            return found
        }
    }

    package func layers(
        after name: LayerName?,
        matching filter: LayerFilter,
        limit: Int
    ) async throws(MetadataStoreError) -> [LayerVersionRecord] {
        try await file.read("list layers") { database in
            var request = LayerVersionRow.order(LayerVersionRow.Columns.name, LayerVersionRow.Columns.version.desc)
            if let name {
                request = request.filter(LayerVersionRow.Columns.name > name.rawValue)
            }
            var found: [LayerVersionRecord] = []
            let rows = try request.fetchCursor(database)
            while found.count < limit, let row = try rows.next() {
                guard found.last?.name.rawValue != row.name else { continue }
                let record = try row.record()
                if filter.matches(record.definition) { found.append(record) }
            }
            return found
        }
    }

    package func layersCodeSize() async throws(MetadataStoreError) -> Int {
        try await file.read("read the size of layers") { database in
            try Int.fetchOne(database, sql: "SELECT coalesce(sum(codeSize), 0) FROM layerVersion") ?? 0
        }
    }

    package func layersInUse() async throws(MetadataStoreError) -> LayersInUse {
        try await file.read("list layers in use") { database in
            let published = try String.fetchSet(database, sql: "SELECT DISTINCT codeHash FROM layerVersion")
            // Every definition that a document holds; few have layers, so that reading all now and then is cheap enough.
            let lists = try Data.fetchAll(
                database,
                sql: """
                    SELECT DISTINCT CAST(layers AS BLOB) FROM (
                        SELECT json_extract(CAST(document AS TEXT), '$.definition.layers') AS layers FROM function
                        UNION ALL
                        SELECT json_extract(CAST(document AS TEXT), '$.definitionBeforeUpdate.layers') FROM function
                        UNION ALL
                        SELECT json_extract(CAST(document AS TEXT), '$.definition.layers') FROM version
                    ) WHERE layers IS NOT NULL
                    """
            )
            let stacks = try lists.map { try JSONDecoder().decode([FunctionLayer].self, from: $0).map(\.codeHash) }
            return LayersInUse(published: published, stacks: Set(stacks.filter { !$0.isEmpty }))
        }
    }
}
