import MetadataStore

/// The row of a thing of the account: its key and generation, everything else as one JSON document.
struct ResourceRow: StoredRow {
    static let table = "resource"
    static let columns = ["kind", "id", "generation", "uniqueKey", "document"]
    static let keyCount = 2

    let kind: String
    let id: String
    let generation: Int
    let uniqueKey: String?
    let document: [UInt8]

    init<Resource: StoredResource>(_ resource: Resource) throws {
        kind = Resource.kind
        id = resource.id
        generation = resource.generation
        uniqueKey = resource.uniqueKey
        document = try [UInt8](document: resource)
    }

    init(_ row: SQLRow) throws(MetadataStoreError) {
        kind = try row.value(0)
        id = try row.value(1)
        generation = try row.value(2)
        uniqueKey = try row.value(3)
        document = try row.value(4)
    }

    var values: [any SQLConvertible] { [kind, id, generation, uniqueKey, document] }

    /// Runs a write, and tells a violation of what may be there only once.
    static func refusingTwo<Resource: StoredResource>(of resource: Resource, _ write: () throws -> Void) throws {
        do {
            try write()
        } catch let failure as SQLFailure where failure.kind == .unique {
            throw MetadataStoreError(.exists, "failed to write \(Resource.kind) \(resource.id): there is such a one")
        }
    }

    static func insertKeys<Resource: StoredResource>(of resource: Resource, in database: any SQLTransaction) throws {
        for key in resource.keys {
            try database.execute(
                "INSERT INTO resourceKey (kind, key, id) VALUES (?1, ?2, ?3)",
                [Resource.kind, key, resource.id]
            )
        }
    }

    static func deleteKeys<Resource: StoredResource>(of resource: Resource, in database: any SQLTransaction) throws {
        try database.execute("DELETE FROM resourceKey WHERE kind = ?1 AND id = ?2", [Resource.kind, resource.id])
    }

    /// The thing. What was written is checked again when it is read: the columns and the document must agree.
    func resource<Resource: StoredResource>(_ type: Resource.Type) throws(MetadataStoreError) -> Resource {
        let resource: Resource = try document.record(of: "\(kind) \(id)")
        guard resource.id == id, resource.generation == generation else {
            throw MetadataStoreError(.corrupt, "failed to read the record of \(kind) \(id): it is of another one")
        }
        return resource
    }
}
