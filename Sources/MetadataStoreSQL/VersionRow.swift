import LambdaAPI
import MetadataStore

/// A version's row.
struct VersionRow: StoredRow {
    static let table = "version"
    static let columns = [
        "functionName", "number", "revisionID", "codeHash", "codeSize", "isUnfinished", "capacityProviderARN",
        "document",
    ]
    static let keyCount = 2

    let functionName: String
    let number: Int
    let revisionID: String
    let codeHash: String
    let codeSize: Int
    let isUnfinished: Bool
    let capacityProviderARN: String?
    let document: [UInt8]

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
        document = try [UInt8](document: record)
    }

    init(_ row: SQLRow) throws(MetadataStoreError) {
        functionName = try row.value(0)
        number = try row.value(1)
        revisionID = try row.value(2)
        codeHash = try row.value(3)
        codeSize = try row.value(4)
        isUnfinished = try row.value(5)
        capacityProviderARN = try row.value(6)
        document = try row.value(7)
    }

    var values: [any SQLConvertible] {
        [functionName, number, revisionID, codeHash, codeSize, isUnfinished, capacityProviderARN, document]
    }

    /// The record. What was written is checked again when it is read: the columns and the document must agree.
    func record() throws(MetadataStoreError) -> VersionRecord {
        let record: VersionRecord = try document.record(of: "version \(number) of function \(functionName)")
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
