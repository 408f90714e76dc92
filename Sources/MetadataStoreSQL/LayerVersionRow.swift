import LambdaAPI
import MetadataStore

/// The row of a layer's version.
struct LayerVersionRow: StoredRow {
    static let table = "layerVersion"
    static let columns = ["name", "version", "codeHash", "codeSize"]
    static let keyCount = 2
    static let checkedCount = 3

    let record: LayerVersionRecord

    init(_ record: LayerVersionRecord) {
        self.record = record
    }

    var values: [any SQLConvertible] {
        [record.name.rawValue, record.version, record.definition.codeHash, record.definition.codeSize]
    }
}
