import FoundationEssentials
import GRDB
import LambdaAPI
import MetadataStore

/// A version's row: what is searched by in columns of its own, everything else as one JSON document.
struct VersionRow: Codable, FetchableRecord, PersistableRecord, Sendable {
    static let databaseTableName = "version"

    enum Columns {
        static let functionName = Column("functionName")
        static let number = Column("number")
        static let isUnfinished = Column("isUnfinished")
    }

    var functionName: String
    var number: Int
    var revisionID: String
    var codeHash: String
    var codeSize: Int
    var isUnfinished: Bool
    var capacityProviderARN: String?
    var document: Data

    init(_ record: VersionRecord) throws {
        functionName = record.functionName.rawValue
        number = record.number
        revisionID = record.revisionID
        codeHash = record.definition.codeHash
        codeSize = record.definition.codeSize
        isUnfinished = record.status.state == .pending
        capacityProviderARN = record.definition.capacityProvider.map {
            $0.lambdaManagedInstancesCapacityProviderConfig.capacityProviderArn
        }
        document = try JSONEncoder().encode(record)
    }

    /// The row of a version, or nil.
    static func fetch(_ number: Int, of name: FunctionName, in database: Database) throws -> VersionRow? {
        try VersionRow
            .filter(Columns.functionName == name.rawValue && Columns.number == number)
            .fetchOne(database)
    }

    /// The record. What was written is checked again when it is read: the columns and the document must agree.
    func record() throws(MetadataStoreError) -> VersionRecord {
        let record: VersionRecord
        do {
            record = try JSONDecoder().decode(VersionRecord.self, from: document)
        } catch {
            throw MetadataStoreError(
                .corrupt,
                "failed to read the record of version \(number) of function \(functionName)",
                cause: error
            )
        }
        guard record.functionName.rawValue == functionName, record.number == number,
            record.revisionID == revisionID
        else {
            throw MetadataStoreError(
                .corrupt,
                "failed to read the record of version \(number) of function \(functionName): it is of another one"
            )
        }
        return record
    }
}
