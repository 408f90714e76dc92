package import LambdaAPI
package import MetadataStore

extension SQLMetadataStore {
    package func insertRole(_ record: RoleRecord) async throws(MetadataStoreError) {
        try await writeRoles("insert role \(record.name)") { database in
            try RoleRow(record).insert(in: database)
            for row in PolicyUseRow.rows(of: record) { try row.insert(in: database) }
        }
    }

    package func role(named name: String) async throws(MetadataStoreError) -> RoleRecord? {
        try await database.read("read role \(name)") { database in
            try RoleRow.fetch(name, in: database)?.record()
        }
    }

    package func replaceRole(_ record: RoleRecord, expecting generation: Int) async throws(MetadataStoreError) {
        try await writeRoles("replace role \(record.name)") { database in
            let current = try RoleRow.fetch(record.name, in: database)
            try Self.check(current?.generation, is: generation, to: "replace role \(record.name)")
            var record = record
            record.generation = generation + 1
            try RoleRow(record).update(in: database)
            try database.execute("DELETE FROM policyUse WHERE roleName = ?1", [record.name])
            for row in PolicyUseRow.rows(of: record) { try row.insert(in: database) }
        }
    }

    package func deleteRole(named name: String, expecting generation: Int) async throws(MetadataStoreError) {
        try await writeRoles("delete role \(name)") { database in
            let current = try RoleRow.fetch(name, in: database)
            try Self.check(current?.generation, is: generation, to: "delete role \(name)")
            _ = try RoleRow.delete(name, in: database)
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
            let current = try ManagedPolicyRow.fetch(record.name, in: database)
            try Self.check(current?.generation, is: generation, to: "replace policy \(record.name)")
            var record = record
            record.generation = generation + 1
            try ManagedPolicyRow(record).update(in: database)
        }
    }

    package func deletePolicy(named name: String, expecting generation: Int) async throws(MetadataStoreError) {
        try await writeRoles("delete policy \(name)") { database in
            let current = try ManagedPolicyRow.fetch(name, in: database)
            try Self.check(current?.generation, is: generation, to: "delete policy \(name)")
            _ = try ManagedPolicyRow.delete(name, in: database)
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
        try await database.read("count the uses of policies") { database in
            var usage: [PolicyARN: PolicyUsage] = [:]
            for row in try PolicyUseRow.fetchAll("", [], in: database) {
                guard let arn = PolicyARN(row.policyARN), let way = PolicyUse.Way(rawValue: row.way) else {
                    throw MetadataStoreError(.corrupt, "failed to read the policies of role \(row.roleName)")
                }
                switch way {
                case .attached: usage[arn, default: PolicyUsage()].attachmentCount += 1
                case .boundary: usage[arn, default: PolicyUsage()].boundaryCount += 1
                }
            }
            return usage
        }
    }

    /// The condition that a use is in one of some ways.
    private static func isOne(of ways: Set<PolicyUse.Way>) -> String {
        let list = ways.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
        return list.isEmpty ? "FALSE" : "way IN (\(list))"
    }

    private static func check(_ generation: Int?, is expected: Int, to operation: String) throws(MetadataStoreError) {
        guard generation == expected else {
            throw MetadataStoreError(.conflict, "failed to \(operation): its generation is not \(expected)")
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
