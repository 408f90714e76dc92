import LambdaAPI
import MetadataStore

/// A function's row.
struct FunctionRow: StoredRow {
    static let table = "function"
    static let columns = [
        "name", "generation", "revisionID", "codeHash", "codeHashBeforeUpdate", "codeSize", "isUnfinished",
        "hasConcurrencySettings", "claimedConcurrency", "codeSigningConfigARN",
    ]
    static let checkedCount = 2

    let record: FunctionRecord

    init(_ record: FunctionRecord) {
        self.record = record
    }

    var values: [any SQLConvertible] {
        [
            record.name.rawValue, record.generation, record.revisionID, record.definition.codeHash,
            record.definitionBeforeUpdate?.codeHash, record.definition.codeSize,
            record.status.state == .pending || record.status.lastUpdate == .inProgress,
            record.concurrency != ConcurrencySettings(), record.concurrency.claimed,
            record.attachments.codeSigningConfigARN,
        ]
    }
}
