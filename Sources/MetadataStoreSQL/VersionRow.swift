import LambdaAPI
import MetadataStore

/// A version's row.
struct VersionRow: StoredRow {
    static let table = "version"
    static let columns = [
        "functionName", "number", "revisionID", "codeHash", "codeSize", "isUnfinished", "capacityProviderARN",
    ]
    static let keyCount = 2
    static let checkedCount = 3

    let record: VersionRecord

    init(_ record: VersionRecord) {
        self.record = record
    }

    var values: [any SQLConvertible] {
        let capacityProvider = record.definition.capacityProvider?.lambdaManagedInstancesCapacityProviderConfig
        return [
            record.functionName.rawValue, record.number, record.revisionID, record.definition.codeHash,
            record.definition.codeSize, record.status.state == .pending, capacityProvider?.capacityProviderArn,
        ]
    }
}
