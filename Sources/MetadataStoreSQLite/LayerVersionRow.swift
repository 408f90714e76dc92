import FoundationEssentials
import GRDB
import LambdaAPI
import MetadataStore

/// The row of a layer's version: what is searched by in columns of its own, everything else as one JSON document.
struct LayerVersionRow: Codable, FetchableRecord, PersistableRecord, Sendable {
    static let databaseTableName = "layerVersion"

    enum Columns {
        static let name = Column("name")
        static let version = Column("version")
    }

    var name: String
    var version: Int
    var codeHash: String
    var codeSize: Int
    var document: Data

    init(_ record: LayerVersionRecord) throws {
        name = record.name.rawValue
        version = record.version
        codeHash = record.definition.codeHash
        codeSize = record.definition.codeSize
        document = try JSONEncoder().encode(record)
    }

    /// The row of that key, or nil.
    static func fetch(_ version: Int, of name: LayerName, in database: Database) throws -> LayerVersionRow? {
        try filter(Columns.name == name.rawValue && Columns.version == version).fetchOne(database)
    }

    /// The record. What was written is checked again when it is read: the columns and the document must agree.
    func record() throws(MetadataStoreError) -> LayerVersionRecord {
        let record: LayerVersionRecord
        do {
            record = try JSONDecoder().decode(LayerVersionRecord.self, from: document)
        } catch {
            throw MetadataStoreError(
                .corrupt,
                "failed to read the record of version \(version) of layer \(name)",
                cause: error
            )
        }
        guard record.name.rawValue == name, record.version == version, record.definition.codeHash == codeHash else {
            throw MetadataStoreError(
                .corrupt,
                "failed to read the record of version \(version) of layer \(name): it is of another one"
            )
        }
        return record
    }
}
