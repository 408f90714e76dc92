import LambdaAPI
import MetadataStore

/// A function's row.
struct FunctionRow: StoredRow {
    static let table = "function"
    static let columns = [
        "name", "generation", "revisionID", "codeHash", "codeHashBeforeUpdate", "codeSize", "isUnfinished",
        "hasConcurrencySettings", "claimedConcurrency", "codeSigningConfigARN", "document",
    ]

    let name: String
    let generation: Int
    let revisionID: String
    let codeHash: String
    let codeHashBeforeUpdate: String?
    let codeSize: Int
    let isUnfinished: Bool
    let hasConcurrencySettings: Bool
    let claimedConcurrency: Int
    let codeSigningConfigARN: String?
    let document: [UInt8]

    init(_ record: FunctionRecord) throws {
        name = record.name.rawValue
        generation = record.generation
        revisionID = record.revisionID
        codeHash = record.definition.codeHash
        codeHashBeforeUpdate = record.definitionBeforeUpdate?.codeHash
        codeSize = record.definition.codeSize
        isUnfinished = record.status.state == .pending || record.status.lastUpdate == .inProgress
        hasConcurrencySettings = record.concurrency != ConcurrencySettings()
        claimedConcurrency = record.concurrency.claimed
        codeSigningConfigARN = record.attachments.codeSigningConfigARN
        document = try [UInt8](document: record)
    }

    init(_ row: SQLRow) throws(MetadataStoreError) {
        name = try row.value(0)
        generation = try row.value(1)
        revisionID = try row.value(2)
        codeHash = try row.value(3)
        codeHashBeforeUpdate = try row.value(4)
        codeSize = try row.value(5)
        isUnfinished = try row.value(6)
        hasConcurrencySettings = try row.value(7)
        claimedConcurrency = try row.value(8)
        codeSigningConfigARN = try row.value(9)
        document = try row.value(10)
    }

    var values: [any SQLConvertible] {
        [
            name, generation, revisionID, codeHash, codeHashBeforeUpdate, codeSize, isUnfinished,
            hasConcurrencySettings, claimedConcurrency, codeSigningConfigARN, document,
        ]
    }

    /// The record. What was written is checked again when it is read: the columns and the document must agree.
    func record() throws(MetadataStoreError) -> FunctionRecord {
        let record: FunctionRecord = try document.record(of: "function \(name)")
        guard record.name.rawValue == name, record.generation == generation else {
            throw MetadataStoreError(
                .corrupt,
                "failed to read the record of function \(name): it is of another generation"
            )
        }
        return record
    }
}
