import FoundationEssentials
import GRDB
import LambdaAPI
import MetadataStore

/// A function's row: what is searched by in columns of its own, everything else as one JSON document.
struct FunctionRow: Codable, FetchableRecord, PersistableRecord, Sendable {
    static let databaseTableName = "function"

    enum Columns {
        static let name = Column("name")
        static let isUnfinished = Column("isUnfinished")
        static let hasConcurrencySettings = Column("hasConcurrencySettings")
        static let codeSigningConfigARN = Column("codeSigningConfigARN")
    }

    var name: String
    var generation: Int
    var revisionID: String
    var codeHash: String
    var codeHashBeforeUpdate: String?
    var codeSize: Int
    var isUnfinished: Bool
    var hasConcurrencySettings: Bool
    var claimedConcurrency: Int
    var codeSigningConfigARN: String?
    var document: Data

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
        document = try JSONEncoder().encode(record)
    }

    /// The record. What was written is checked again when it is read: the columns and the document must agree.
    func record() throws(MetadataStoreError) -> FunctionRecord {
        let record: FunctionRecord
        do {
            record = try JSONDecoder().decode(FunctionRecord.self, from: document)
        } catch {
            throw MetadataStoreError(.corrupt, "failed to read the record of function \(name)", cause: error)
        }
        guard record.name.rawValue == name, record.generation == generation else {
            throw MetadataStoreError(
                .corrupt,
                "failed to read the record of function \(name): it is of another generation"
            )
        }
        return record
    }
}
