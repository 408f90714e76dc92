import FoundationEssentials
import GRDB
import LambdaAPI
import MetadataStore

/// A role's row: what is searched by in columns of its own, everything else as one JSON document.
struct RoleRow: Codable, FetchableRecord, PersistableRecord, Sendable {
    static let databaseTableName = "role"

    var name: String
    var path: String
    var generation: Int
    var document: Data

    init(_ record: RoleRecord) throws {
        name = record.name
        path = record.path
        generation = record.generation
        document = try JSONEncoder().encode(record)
    }

    /// The record. What was written is checked again when it is read: the columns and the document must agree.
    func record() throws(MetadataStoreError) -> RoleRecord {
        let record = try decodeRecord(RoleRecord.self, from: document, of: "role \(name)")
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
struct ManagedPolicyRow: Codable, FetchableRecord, PersistableRecord, Sendable {
    static let databaseTableName = "managedPolicy"

    var name: String
    var path: String
    var generation: Int
    var document: Data

    init(_ record: ManagedPolicyRecord) throws {
        name = record.name
        path = record.arn.path
        generation = record.generation
        document = try JSONEncoder().encode(record)
    }

    /// The record, checked as a role's is.
    func record() throws(MetadataStoreError) -> ManagedPolicyRecord {
        let record = try decodeRecord(ManagedPolicyRecord.self, from: document, of: "policy \(name)")
        guard record.name == name, record.generation == generation else {
            throw MetadataStoreError(
                .corrupt,
                "failed to read the record of policy \(name): it is of another generation"
            )
        }
        return record
    }
}

private func decodeRecord<Record: Decodable>(
    _ type: Record.Type,
    from document: Data,
    of subject: String
) throws(MetadataStoreError) -> Record {
    do {
        return try JSONDecoder().decode(type, from: document)
    } catch {
        throw MetadataStoreError(.corrupt, "failed to read the record of \(subject)", cause: error)
    }
}

/// That a role uses a policy. The rows of a role are written with it, from its record.
struct PolicyUseRow: Codable, FetchableRecord, PersistableRecord, Sendable {
    static let databaseTableName = "policyUse"

    var roleName: String
    var policyARN: String
    var way: String
    /// Nil for AWS's own policies.
    var policyName: String?

    private init(_ role: RoleRecord, _ arn: PolicyARN, _ way: PolicyUse.Way) {
        roleName = role.name
        policyARN = arn.rawValue
        self.way = way.rawValue
        policyName = arn.isOfAWS ? nil : arn.name
    }

    /// All that a role uses.
    static func rows(of role: RoleRecord) -> [PolicyUseRow] {
        role.attachedPolicies.map { PolicyUseRow(role, $0, .attached) }
            + (role.permissionsBoundary.map { [PolicyUseRow(role, $0, .boundary)] } ?? [])
    }
}
