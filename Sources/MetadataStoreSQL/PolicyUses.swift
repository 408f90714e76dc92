import LambdaAPI
import MetadataStore

/// Which role uses which policy. The rows of a role are written with it, from its record.
enum PolicyUses {
    /// Writes all that a role uses, in place of what it used.
    static func replace(of role: RoleRecord, in database: any SQLTransaction) throws {
        try database.execute("DELETE FROM policyUse WHERE roleName = ?1", [role.name])
        for arn in role.attachedPolicies { try insert(role, arn, .attached, in: database) }
        if let arn = role.permissionsBoundary { try insert(role, arn, .boundary, in: database) }
    }

    private static func insert(
        _ role: RoleRecord,
        _ arn: PolicyARN,
        _ way: PolicyUse.Way,
        in database: any SQLTransaction
    ) throws {
        // AWS's own policies have no name here, and are always there.
        try database.execute(
            "INSERT INTO policyUse (roleName, policyARN, way, policyName) VALUES (?1, ?2, ?3, ?4)",
            [role.name, arn.rawValue, way.rawValue, arn.isOfAWS ? nil : arn.name]
        )
    }

    /// How often each policy is used.
    static func usage(in database: any SQLTransaction) throws -> [PolicyARN: PolicyUsage] {
        var usage: [PolicyARN: PolicyUsage] = [:]
        for row in try database.rows("SELECT roleName, policyARN, way FROM policyUse") {
            guard let arn = PolicyARN(try row.value(1)), let way = PolicyUse.Way(rawValue: try row.value(2)) else {
                throw MetadataStoreError(.corrupt, "failed to read the policies of role \(try row.value(0) as String)")
            }
            switch way {
            case .attached: usage[arn, default: PolicyUsage()].attachmentCount += 1
            case .boundary: usage[arn, default: PolicyUsage()].boundaryCount += 1
            }
        }
        return usage
    }
}
