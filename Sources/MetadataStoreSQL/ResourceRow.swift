import MetadataStore

/// The row of a thing of the account: its key and generation, and its document.
struct ResourceRow<Resource: StoredResource>: StoredRow {
    static var table: String { "resource" }
    static var columns: [String] { ["kind", "id", "generation", "uniqueKey"] }
    static var keyCount: Int { 2 }
    static var checkedCount: Int { 3 }

    let record: Resource

    init(_ record: Resource) {
        self.record = record
    }

    var values: [any SQLConvertible] { [Resource.kind, record.id, record.generation, record.uniqueKey] }

    /// Runs a write, and tells a violation of what may be there only once.
    func refusingTwo(_ write: () throws -> Void) throws {
        do {
            try write()
        } catch let failure as SQLFailure where failure.kind == .unique {
            throw MetadataStoreError(.exists, "failed to write \(Resource.kind) \(record.id): there is such a one")
        }
    }

    func insertKeys(in database: any SQLTransaction) throws {
        for key in record.keys {
            try database.execute(
                "INSERT INTO resourceKey (kind, key, id) VALUES (?1, ?2, ?3)",
                [Resource.kind, key, record.id]
            )
        }
    }

    func deleteKeys(in database: any SQLTransaction) throws {
        try database.execute("DELETE FROM resourceKey WHERE kind = ?1 AND id = ?2", [Resource.kind, record.id])
    }
}
