package import LambdaAPI
package import MetadataStore

extension SQLMetadataStore {
    package func insertRole(_ record: RoleRecord) async throws(MetadataStoreError) {
        try await writeRoles("insert role \(record.name)") { database in
            try RoleRow(record).insert(in: database)
            try PolicyUses.replace(of: record, in: database)
        }
    }

    package func role(named name: String) async throws(MetadataStoreError) -> RoleRecord? {
        try await database.read("read role \(name)") { database in
            try RoleRow.fetch(name, in: database)?.record()
        }
    }

    package func replaceRole(_ record: RoleRecord, expecting generation: Int) async throws(MetadataStoreError) {
        try await writeRoles("replace role \(record.name)") { database in
            try PolicyUses.replace(of: try Self.replace(record, expecting: generation, in: database), in: database)
        }
    }

    package func deleteRole(named name: String, expecting generation: Int) async throws(MetadataStoreError) {
        try await writeRoles("delete role \(name)") { database in
            try Self.delete(RoleRecord.self, name, expecting: generation, in: database)
        }
    }

    package func roles(
        after name: String?,
        pathPrefix: String,
        using policy: PolicyUse?,
        limit: Int
    ) async throws(MetadataStoreError) -> [RoleRecord] {
        var clauses = "WHERE name > ?1 AND substr(path, 1, length(?2)) = ?2"
        var arguments: [any SQLConvertible] = [name ?? "", pathPrefix, limit]
        if let policy {
            clauses += """
                 AND EXISTS (
                    SELECT * FROM policyUse WHERE roleName = role.name AND policyARN = ?4 AND \(Self.isOne(of: policy.ways))
                )
                """
            arguments.append(policy.arn.rawValue)
        }
        clauses += " ORDER BY name LIMIT ?3"
        return try await database.read("list roles") { [clauses, arguments] database in
            try RoleRow.fetchAll(clauses, arguments, in: database).map { try $0.record() }
        }
    }

    package func insertPolicy(_ record: ManagedPolicyRecord) async throws(MetadataStoreError) {
        try await writeRoles("insert policy \(record.name)") { database in
            try ManagedPolicyRow(record).insert(in: database)
        }
    }

    package func policy(named name: String) async throws(MetadataStoreError) -> ManagedPolicyRecord? {
        try await database.read("read policy \(name)") { database in
            try ManagedPolicyRow.fetch(name, in: database)?.record()
        }
    }

    package func replacePolicy(
        _ record: ManagedPolicyRecord,
        expecting generation: Int
    ) async throws(MetadataStoreError) {
        try await writeRoles("replace policy \(record.name)") { database in
            _ = try Self.replace(record, expecting: generation, in: database)
        }
    }

    package func deletePolicy(named name: String, expecting generation: Int) async throws(MetadataStoreError) {
        try await writeRoles("delete policy \(name)") { database in
            try Self.delete(ManagedPolicyRecord.self, name, expecting: generation, in: database)
        }
    }

    package func policies(
        after name: String?,
        pathPrefix: String,
        usedIn ways: Set<PolicyUse.Way>?,
        limit: Int
    ) async throws(MetadataStoreError) -> [ManagedPolicyRecord] {
        var clauses = "WHERE name > ?1 AND substr(path, 1, length(?2)) = ?2"
        if let ways {
            clauses += """
                 AND EXISTS (
                    SELECT * FROM policyUse WHERE policyName = managedPolicy.name AND \(Self.isOne(of: ways))
                )
                """
        }
        clauses += " ORDER BY name LIMIT ?3"
        return try await database.read("list policies") { [clauses] database in
            try ManagedPolicyRow.fetchAll(clauses, [name ?? "", pathPrefix, limit], in: database)
                .map { try $0.record() }
        }
    }

    package func policyUsage() async throws(MetadataStoreError) -> [PolicyARN: PolicyUsage] {
        try await database.read("count the uses of policies") { try PolicyUses.usage(in: $0) }
    }

    /// The condition that a use is in one of some ways.
    private static func isOne(of ways: Set<PolicyUse.Way>) -> String {
        let list = ways.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
        return list.isEmpty ? "FALSE" : "way IN (\(list))"
    }

    /// Writes a record in place of the one of that generation. Returns it as it is written.
    private static func replace<Record: NamedRecord>(
        _ record: Record,
        expecting generation: Int,
        in database: any SQLTransaction
    ) throws -> Record {
        try check(Record.self, record.name, is: generation, to: "replace", in: database)
        var next = record
        next.generation = generation + 1
        try NamedRow(next).update(in: database)
        return next
    }

    private static func delete<Record: NamedRecord>(
        _ type: Record.Type,
        _ name: String,
        expecting generation: Int,
        in database: any SQLTransaction
    ) throws {
        try check(type, name, is: generation, to: "delete", in: database)
        _ = try NamedRow<Record>.delete(name, in: database)
    }

    private static func check<Record: NamedRecord>(
        _ type: Record.Type,
        _ name: String,
        is expected: Int,
        to verb: String,
        in database: any SQLTransaction
    ) throws {
        let current: Int? = try NamedRow<Record>.fetch(name, in: database)?.value("generation")
        guard current == expected else {
            let message = "failed to \(verb) \(Record.noun) \(name): its generation is not \(expected)"
            throw MetadataStoreError(.conflict, message)
        }
    }

    /// Runs a transaction. Nobody keeps a copy of roles, so nobody is told.
    private func writeRoles(
        _ operation: String,
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Void
    ) async throws(MetadataStoreError) {
        try await database.write(operation) { database in
            do {
                try body(database)
            } catch let failure as SQLFailure where failure.kind == .unique {
                throw MetadataStoreError(.exists, "failed to \(operation): it exists")
            } catch let failure as SQLFailure where failure.kind == .foreignKey {
                throw MetadataStoreError(.conflict, "failed to \(operation): a policy is gone, or still used")
            }
        }
    }
}
