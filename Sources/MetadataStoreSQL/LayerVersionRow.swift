import LambdaAPI
import MetadataStore

/// The row of a layer's version.
struct LayerVersionRow: StoredRow {
    static let table = "layerVersion"
    static let columns = ["name", "version", "codeHash", "codeSize", "document"]
    static let keyCount = 2

    let name: String
    let version: Int
    let codeHash: String
    let codeSize: Int
    let document: [UInt8]

    init(_ record: LayerVersionRecord) throws {
        name = record.name.rawValue
        version = record.version
        codeHash = record.definition.codeHash
        codeSize = record.definition.codeSize
        document = try [UInt8](document: record)
    }

    init(_ row: SQLRow) throws(MetadataStoreError) {
        name = try row.value(0)
        version = try row.value(1)
        codeHash = try row.value(2)
        codeSize = try row.value(3)
        document = try row.value(4)
    }

    var values: [any SQLConvertible] { [name, version, codeHash, codeSize, document] }

    /// The record. What was written is checked again when it is read: the columns and the document must agree.
    func record() throws(MetadataStoreError) -> LayerVersionRecord {
        let record: LayerVersionRecord = try document.record(of: "version \(version) of layer \(name)")
        guard record.name.rawValue == name, record.version == version, record.definition.codeHash == codeHash else {
            throw MetadataStoreError(
                .corrupt,
                "failed to read the record of version \(version) of layer \(name): it is of another one"
            )
        }
        return record
    }
}
