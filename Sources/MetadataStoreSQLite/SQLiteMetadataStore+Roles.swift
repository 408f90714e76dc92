import GRDB
package import LambdaAPI
package import MetadataStore

extension SQLiteMetadataStore {
    package func insertRole(_ record: RoleRecord) async throws(MetadataStoreError) {
        try await writeRoles("insert role \(record.name)") { database in
            try RoleRow(record).insert(database)
            for row in PolicyUseRow.rows(of: record) { try row.insert(database) }
        }
    }

    package func role(named name: String) async throws(MetadataStoreError) -> RoleRecord? {
        try await file.read("read role \(name)") { database in
            try RoleRow.fetchOne(database, key: name)?.record()
        }
    }

    package func replaceRole(_ record: RoleRecord, expecting generation: Int) async throws(MetadataStoreError) {
        try await writeRoles("replace role \(record.name)") { database in
            let current = try RoleRow.fetchOne(database, key: record.name)
            try Self.check(current?.generation, is: generation, to: "replace role \(record.name)")
            var record = record
            record.generation = generation + 1
            try RoleRow(record).update(database)
            try database.execute(sql: "DELETE FROM policyUse WHERE roleName = ?", arguments: [record.name])
            for row in PolicyUseRow.rows(of: record) { try row.insert(database) }
        }
    }

    package func deleteRole(named name: String, expecting generation: Int) async throws(MetadataStoreError) {
        try await writeRoles("delete role \(name)") { database in
            let current = try RoleRow.fetchOne(database, key: name)
            try Self.check(current?.generation, is: generation, to: "delete role \(name)")
            try current?.delete(database)
        }
    }

    package func roles(
        after name: String?,
        pathPrefix: String,
        using policy: PolicyUse?,
        limit: Int
    ) async throws(MetadataStoreError) -> [RoleRecord] {
        let arguments: StatementArguments = [
            "name": name ?? "", "pathPrefix": pathPrefix, "policyARN": policy?.arn.rawValue,
            "ways": Self.list(policy?.ways ?? []), "limit": limit,
        ]
        return try await file.read("list roles") { database in
            let sql = """
                SELECT * FROM role
                WHERE name > :name AND substr(path, 1, length(:pathPrefix)) = :pathPrefix AND (
                    :policyARN IS NULL OR EXISTS (
                        SELECT * FROM policyUse
                        WHERE roleName = role.name AND policyARN = :policyARN AND instr(:ways, way)
                    )
                )
                ORDER BY name LIMIT :limit
                """
            return try RoleRow.fetchAll(database, sql: sql, arguments: arguments).map { try $0.record() }
        }
    }

    package func insertPolicy(_ record: ManagedPolicyRecord) async throws(MetadataStoreError) {
        try await writeRoles("insert policy \(record.name)") { database in
            try ManagedPolicyRow(record).insert(database)
        }
    }

    package func policy(named name: String) async throws(MetadataStoreError) -> ManagedPolicyRecord? {
        try await file.read("read policy \(name)") { database in
            try ManagedPolicyRow.fetchOne(database, key: name)?.record()
        }
    }

    package func replacePolicy(
        _ record: ManagedPolicyRecord,
        expecting generation: Int
    ) async throws(MetadataStoreError) {
        try await writeRoles("replace policy \(record.name)") { database in
            let current = try ManagedPolicyRow.fetchOne(database, key: record.name)
            try Self.check(current?.generation, is: generation, to: "replace policy \(record.name)")
            var record = record
            record.generation = generation + 1
            try ManagedPolicyRow(record).update(database)
        }
    }

    package func deletePolicy(named name: String, expecting generation: Int) async throws(MetadataStoreError) {
        try await writeRoles("delete policy \(name)") { database in
            let current = try ManagedPolicyRow.fetchOne(database, key: name)
            try Self.check(current?.generation, is: generation, to: "delete policy \(name)")
            try current?.delete(database)
        }
    }

    package func policies(
        after name: String?,
        pathPrefix: String,
        usedIn ways: Set<PolicyUse.Way>?,
        limit: Int
    ) async throws(MetadataStoreError) -> [ManagedPolicyRecord] {
        let arguments: StatementArguments = [
            "name": name ?? "", "pathPrefix": pathPrefix, "ways": ways.map { Self.list($0) }, "limit": limit,
        ]
        return try await file.read("list policies") { database in
            let sql = """
                SELECT * FROM managedPolicy
                WHERE name > :name AND substr(path, 1, length(:pathPrefix)) = :pathPrefix AND (
                    :ways IS NULL OR EXISTS (
                        SELECT * FROM policyUse WHERE policyName = managedPolicy.name AND instr(:ways, way)
                    )
                )
                ORDER BY name LIMIT :limit
                """
            return try ManagedPolicyRow.fetchAll(database, sql: sql, arguments: arguments).map { try $0.record() }
        }
    }

    package func policyUsage() async throws(MetadataStoreError) -> [PolicyARN: PolicyUsage] {
        try await file.read("count the uses of policies") { database in
            var usage: [PolicyARN: PolicyUsage] = [:]
            for row in try PolicyUseRow.fetchAll(database) {
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

    /// Ways as one text in which `instr` finds each; none is part of another.
    private static func list(_ ways: Set<PolicyUse.Way>) -> String {
        ways.map(\.rawValue).sorted().joined(separator: " ")
    }

    private static func check(_ generation: Int?, is expected: Int, to operation: String) throws(MetadataStoreError) {
        guard generation == expected else {
            throw MetadataStoreError(.conflict, "failed to \(operation): its generation is not \(expected)")
        }
    }

    /// Runs a transaction. Nobody keeps a copy of roles, so nobody is told.
    private func writeRoles(
        _ operation: String,
        _ body: @escaping @Sendable (Database) throws -> Void
    ) async throws(MetadataStoreError) {
        do {
            try await file.pool.write(body)
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_PRIMARYKEY {
            throw MetadataStoreError(.exists, "failed to \(operation): it exists")
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_FOREIGNKEY {
            throw MetadataStoreError(.conflict, "failed to \(operation): a policy is gone, or still used")
        } catch {
            throw .failed(to: operation, error)
        }
    }
}
