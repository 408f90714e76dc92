import FoundationEssentials
import GRDB
package import MetadataStore

extension SQLiteMetadataStore {
    package func insert<Resource: StoredResource>(_ resource: Resource) async throws(MetadataStoreError) {
        try await file.write("insert \(Resource.kind) \(resource.id)") { database in
            var resource = resource
            resource.generation = 0
            try ResourceRow.refusingTwo(of: resource) { try ResourceRow(resource).insert(database) }
            try ResourceRow.insertKeys(of: resource, in: database)
        }
    }

    package func resource<Resource: StoredResource>(
        _ type: Resource.Type,
        _ id: String
    ) async throws(MetadataStoreError) -> Resource? {
        try await file.read("read \(Resource.kind) \(id)") { database in
            try ResourceRow.fetch(type, id, in: database)?.resource(type)
        }
    }

    package func replace<Resource: StoredResource>(_ resource: Resource) async throws(MetadataStoreError) -> Resource {
        try await file.write("replace \(Resource.kind) \(resource.id)") { database in
            let current = try ResourceRow.fetch(Resource.self, resource.id, in: database)
            guard let current, current.generation == resource.generation else {
                throw MetadataStoreError(
                    .conflict,
                    "failed to replace \(Resource.kind) \(resource.id): its generation is not \(resource.generation)"
                )
            }
            var next = resource
            next.generation += 1
            let row = try ResourceRow(next)
            try ResourceRow.refusingTwo(of: next) { try row.update(database) }
            if try current.resource(Resource.self).keys != next.keys {
                try ResourceRow.deleteKeys(of: next, in: database)
                try ResourceRow.insertKeys(of: next, in: database)
            }
            return next
        }
    }

    package func deleteResource<Resource: StoredResource>(
        _ type: Resource.Type,
        _ id: String
    ) async throws(MetadataStoreError) -> Bool {
        try await file.write("delete \(Resource.kind) \(id)") { database in
            try ResourceRow.fetch(type, id, in: database)?.delete(database) ?? false
        }
    }

    package func resources<Resource: StoredResource>(
        _ type: Resource.Type,
        key: String?,
        after id: String?,
        limit: Int
    ) async throws(MetadataStoreError) -> [Resource] {
        try await file.read("list \(Resource.kind)") { database in
            let rows =
                if let key {
                    try ResourceRow.fetchAll(
                        database,
                        sql: """
                            SELECT resource.* FROM resourceKey JOIN resource USING (kind, id)
                            WHERE resourceKey.kind = ? AND resourceKey.key = ? AND resourceKey.id > ?
                            ORDER BY resourceKey.id LIMIT ?
                            """,
                        arguments: [Resource.kind, key, id ?? "", limit]
                    )
                } else {
                    try ResourceRow
                        .filter(ResourceRow.Columns.kind == Resource.kind && ResourceRow.Columns.id > id ?? "")
                        .order(ResourceRow.Columns.id).limit(limit).fetchAll(database)
                }
            return try rows.map { try $0.resource(type) }
        }
    }
}

/// The row of a thing of the account: its key and generation, everything else as one JSON document.
private struct ResourceRow: Codable, FetchableRecord, PersistableRecord, Sendable {
    static let databaseTableName = "resource"

    enum Columns {
        static let kind = Column("kind")
        static let id = Column("id")
    }

    var kind: String
    var id: String
    var generation: Int
    var uniqueKey: String?
    var document: Data

    init<Resource: StoredResource>(_ resource: Resource) throws {
        kind = Resource.kind
        id = resource.id
        generation = resource.generation
        uniqueKey = resource.uniqueKey
        document = try JSONEncoder().encode(resource)
    }

    static func fetch<Resource: StoredResource>(
        _ type: Resource.Type,
        _ id: String,
        in database: Database
    ) throws -> ResourceRow? {
        try filter(Columns.kind == Resource.kind && Columns.id == id).fetchOne(database)
    }

    /// Runs a write, and tells a violation of what may be there only once.
    static func refusingTwo<Resource: StoredResource>(of resource: Resource, _ write: () throws -> Void) throws {
        do {
            try write()
        } catch let error as DatabaseError
            where [.SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_UNIQUE].contains(error.extendedResultCode)
        {
            throw MetadataStoreError(.exists, "failed to write \(Resource.kind) \(resource.id): there is such a one")
        }
    }

    static func insertKeys<Resource: StoredResource>(of resource: Resource, in database: Database) throws {
        for key in resource.keys {
            try database.execute(
                sql: "INSERT INTO resourceKey (kind, key, id) VALUES (?, ?, ?)",
                arguments: [Resource.kind, key, resource.id]
            )
        }
    }

    static func deleteKeys<Resource: StoredResource>(of resource: Resource, in database: Database) throws {
        try database.execute(
            sql: "DELETE FROM resourceKey WHERE kind = ? AND id = ?",
            arguments: [Resource.kind, resource.id]
        )
    }

    /// The thing. What was written is checked again when it is read: the columns and the document must agree.
    func resource<Resource: StoredResource>(_ type: Resource.Type) throws(MetadataStoreError) -> Resource {
        let resource: Resource
        do {
            resource = try JSONDecoder().decode(Resource.self, from: document)
        } catch {
            throw MetadataStoreError(.corrupt, "failed to read the record of \(kind) \(id)", cause: error)
        }
        guard resource.id == id, resource.generation == generation else {
            throw MetadataStoreError(.corrupt, "failed to read the record of \(kind) \(id): it is of another one")
        }
        return resource
    }
}
