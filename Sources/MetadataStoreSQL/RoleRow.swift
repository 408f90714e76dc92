import LambdaAPI
import MetadataStore

/// A record of IAM that has a name, below a path: a role, or a managed policy.
protocol NamedRecord: Codable, Sendable {
    static var table: String { get }
    /// What it is called in messages.
    static var noun: String { get }

    var name: String { get }
    var path: String { get }
    var generation: Int { get set }
}

extension RoleRecord: NamedRecord {
    static var table: String { "role" }
    static var noun: String { "role" }
}

extension ManagedPolicyRecord: NamedRecord {
    static var table: String { "managedPolicy" }
    static var noun: String { "policy" }

    var path: String { arn.path }
}

/// The row of such a record.
struct NamedRow<Record: NamedRecord>: StoredRow {
    static var table: String { Record.table }
    static var columns: [String] { ["name", "generation", "path"] }
    static var checkedCount: Int { 2 }

    let record: Record

    init(_ record: Record) {
        self.record = record
    }

    var values: [any SQLConvertible] { [record.name, record.generation, record.path] }
}

typealias RoleRow = NamedRow<RoleRecord>
typealias ManagedPolicyRow = NamedRow<ManagedPolicyRecord>
