import LambdaAPI
import MetadataStore

/// A role's row.
struct RoleRow: StoredRow {
    static let table = "role"
    static let columns = ["name", "path", "generation", "document"]

    let name: String
    let path: String
    let generation: Int
    let document: [UInt8]

    init(_ record: RoleRecord) throws {
        name = record.name
        path = record.path
        generation = record.generation
        document = try [UInt8](document: record)
    }

    init(_ row: SQLRow) throws(MetadataStoreError) {
        name = try row.value(0)
        path = try row.value(1)
        generation = try row.value(2)
        document = try row.value(3)
    }

    var values: [any SQLConvertible] { [name, path, generation, document] }

    /// The record. What was written is checked again when it is read: the columns and the document must agree.
    func record() throws(MetadataStoreError) -> RoleRecord {
        let record: RoleRecord = try document.record(of: "role \(name)")
        guard record.name == name, record.generation == generation else {
            throw MetadataStoreError(
                .corrupt,
                "failed to read the record of role \(name): it is of another generation"
            )
        }
        return record
    }
}

/// A managed policy's row, made as a role's is.
struct ManagedPolicyRow: StoredRow {
    static let table = "managedPolicy"
    static let columns = ["name", "path", "generation", "document"]

    let name: String
    let path: String
    let generation: Int
    let document: [UInt8]

    init(_ record: ManagedPolicyRecord) throws {
        name = record.name
        path = record.arn.path
        generation = record.generation
        document = try [UInt8](document: record)
    }

    init(_ row: SQLRow) throws(MetadataStoreError) {
        name = try row.value(0)
        path = try row.value(1)
        generation = try row.value(2)
        document = try row.value(3)
    }

    var values: [any SQLConvertible] { [name, path, generation, document] }

    /// The record, checked as a role's is.
    func record() throws(MetadataStoreError) -> ManagedPolicyRecord {
        let record: ManagedPolicyRecord = try document.record(of: "policy \(name)")
        guard record.name == name, record.generation == generation else {
            throw MetadataStoreError(
                .corrupt,
                "failed to read the record of policy \(name): it is of another generation"
            )
        }
        return record
    }
}

/// That a role uses a policy. The rows of a role are written with it, from its record.
struct PolicyUseRow: StoredRow {
    static let table = "policyUse"
    static let columns = ["roleName", "policyARN", "way", "policyName"]
    static let keyCount = 3

    let roleName: String
    let policyARN: String
    let way: String
    /// Nil for AWS's own policies.
    let policyName: String?

    private init(_ role: RoleRecord, _ arn: PolicyARN, _ way: PolicyUse.Way) {
        roleName = role.name
        policyARN = arn.rawValue
        self.way = way.rawValue
        policyName = arn.isOfAWS ? nil : arn.name
    }

    init(_ row: SQLRow) throws(MetadataStoreError) {
        roleName = try row.value(0)
        policyARN = try row.value(1)
        way = try row.value(2)
        policyName = try row.value(3)
    }

    var values: [any SQLConvertible] { [roleName, policyARN, way, policyName] }

    /// All that a role uses.
    static func rows(of role: RoleRecord) -> [PolicyUseRow] {
        role.attachedPolicies.map { PolicyUseRow(role, $0, .attached) }
            + (role.permissionsBoundary.map { [PolicyUseRow(role, $0, .boundary)] } ?? [])
    }
}
