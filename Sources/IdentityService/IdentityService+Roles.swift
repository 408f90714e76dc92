package import IdentityAPI
import LambdaAPI
import MetadataStore

extension IdentityService {
    /// Of a trust policy, without white space.
    private static let trustPolicySizeMax = 2048
    private static let sessionSecondsDefault = 3600

    package func createRole(_ request: CreateRoleRequest) async throws(IdentityError) -> CreateRoleResponse {
        guard request.maxSigninSessionDuration == nil else { throw .noSigninSessions }
        try checkTrust(request.assumeRolePolicyDocument)
        var record = RoleRecord(
            name: request.roleName,
            path: request.path ?? "/",
            id: EntityID.role(),
            trustPolicy: request.assumeRolePolicyDocument,
            description: request.description,
            sessionSecondsMax: request.maxSessionDuration ?? Self.sessionSecondsDefault,
            tags: try Tagging.tags(request.tags ?? [], addedTo: [], quota: Tagging.ofRole),
            created: now
        )
        if let boundary = request.permissionsBoundary {
            record.permissionsBoundary = try await usablePolicy(boundary)
        }
        let inserted = try await stored(expecting: [.exists, .conflict]) { [record] store throws(MetadataStoreError) in
            try await store.insertRole(record)
            return true
        }
        guard inserted == true else {
            // A conflict is a boundary that went away since it was looked up.
            guard try await role(named: record.name) == nil else { throw .roleExists(record.name) }
            throw .policyNotAttachable(request.permissionsBoundary ?? "")
        }
        return CreateRoleResponse(role: Role(record, in: accountID))
    }

    package func getRole(_ request: GetRoleRequest) async throws(IdentityError) -> GetRoleResponse {
        var role = Role(try await existingRole(request.roleName), in: accountID)
        // It is not tracked when a role was used; an empty structure is what IAM has for never.
        role.roleLastUsed = RoleLastUsed()
        return GetRoleResponse(role: role)
    }

    package func listRoles(_ request: ListRolesRequest) async throws(IdentityError) -> ListRolesResponse {
        let page = try await rolePage(request.pathPrefix, using: nil, request.maxItems, from: request.marker)
        let roles = page.elements.map { Role(listed: $0, in: accountID) }
        return ListRolesResponse(roles: roles, isTruncated: page.isTruncated, marker: page.marker)
    }

    package func updateRole(_ request: UpdateRoleRequest) async throws(IdentityError) -> UpdateRoleResponse {
        guard request.maxSigninSessionDuration == nil, request.resetMaxSigninSessionDuration != true else {
            throw .noSigninSessions
        }
        try await changeRole(request.roleName) { role in
            if let description = request.description { role.description = description }
            // IAM's documents say that the default is applied when there is no value.
            role.sessionSecondsMax = request.maxSessionDuration ?? Self.sessionSecondsDefault
        }
        return UpdateRoleResponse()
    }

    package func updateRoleDescription(
        _ request: UpdateRoleDescriptionRequest
    ) async throws(IdentityError) -> UpdateRoleDescriptionResponse {
        let record = try await changeRole(request.roleName) { $0.description = request.description }
        return UpdateRoleDescriptionResponse(role: Role(record, in: accountID))
    }

    package func updateAssumeRolePolicy(_ request: UpdateAssumeRolePolicyRequest) async throws(IdentityError) {
        try checkTrust(request.policyDocument)
        try await changeRole(request.roleName) { $0.trustPolicy = request.policyDocument }
    }

    package func deleteRole(_ request: DeleteRoleRequest) async throws(IdentityError) {
        try await untilUnchanged { () async throws(IdentityError) in
            let record = try await existingRole(request.roleName)
            guard record.attachedPolicies.isEmpty else { throw .policiesAttached }
            guard record.inlinePolicies.isEmpty else { throw .policiesInline }
            return try await stored(expecting: [.conflict]) { store throws(MetadataStoreError) in
                try await store.deleteRole(named: record.name, expecting: record.generation)
            }
        }
    }

    package func putRolePermissionsBoundary(
        _ request: PutRolePermissionsBoundaryRequest
    ) async throws(IdentityError) {
        try await changeRole(request.roleName) { role async throws(IdentityError) in
            role.permissionsBoundary = try await usablePolicy(request.permissionsBoundary)
        }
    }

    package func deleteRolePermissionsBoundary(
        _ request: DeleteRolePermissionsBoundaryRequest
    ) async throws(IdentityError) {
        try await changeRole(request.roleName) { role throws(IdentityError) in
            guard role.permissionsBoundary != nil else {
                throw IdentityError(.noSuchEntity, "Role \(role.name) does not have a permissions boundary.")
            }
            role.permissionsBoundary = nil
        }
    }

    package func listInstanceProfilesForRole(
        _ request: ListInstanceProfilesForRoleRequest
    ) async throws(IdentityError) -> ListInstanceProfilesForRoleResponse {
        _ = try await existingRole(request.roleName)
        return ListInstanceProfilesForRoleResponse(instanceProfiles: [], isTruncated: false)
    }

    // MARK: Records

    /// A page of the roles of a path, of those that use a policy if one is given.
    func rolePage(
        _ pathPrefix: String?,
        using policy: PolicyUse?,
        _ limit: Int?,
        from marker: String?
    ) async throws(IdentityError) -> Page<RoleRecord> {
        let last = try marker.map { text throws(IdentityError) in try Page<RoleRecord>.key(text) }
        let limit = limit ?? Page<RoleRecord>.elementsDefault
        let roles = try await stored { store throws(MetadataStoreError) in
            try await store.roles(after: last, pathPrefix: pathPrefix ?? "/", using: policy, limit: limit + 1)
        }
        return Page(roles ?? [], by: \.name, limit)
    }

    private func role(named name: String) async throws(IdentityError) -> RoleRecord? {
        try await stored { store throws(MetadataStoreError) in try await store.role(named: name) } ?? nil
    }

    func existingRole(_ name: String) async throws(IdentityError) -> RoleRecord {
        guard let record = try await role(named: name) else { throw .roleNotFound(name) }
        return record
    }

    /// Changes a role that is there. What changes nothing is not written.
    @discardableResult
    func changeRole(
        _ name: String,
        _ change: (inout RoleRecord) async throws(IdentityError) -> Void
    ) async throws(IdentityError) -> RoleRecord {
        try await untilUnchanged { () async throws(IdentityError) in
            let before = try await existingRole(name)
            var record = before
            try await change(&record)
            guard record != before else { return record }
            let (changed, generation) = (record, before.generation)
            return try await stored(expecting: [.conflict]) { store throws(MetadataStoreError) in
                try await store.replaceRole(changed, expecting: generation)
                return changed
            }
        }
    }

    private func checkTrust(_ document: String) throws(IdentityError) {
        try Self.checkPolicy(document, for: .trust)
        guard PolicyText.size(document) <= Self.trustPolicySizeMax else {
            throw .quota("ACLSizePerRole", Self.trustPolicySizeMax)
        }
    }
}

extension Role {
    /// A role as a list has it: without tags and boundary.
    init(listed record: RoleRecord, in accountID: String) {
        self.init(
            path: record.path,
            roleName: record.name,
            roleId: record.id,
            arn: "arn:aws:iam::\(accountID):role\(record.path)\(record.name)",
            createDate: record.created,
            assumeRolePolicyDocument: PolicyText.urlEncoded(record.trustPolicy),
            description: record.description,
            maxSessionDuration: record.sessionSecondsMax
        )
    }

    /// All of a role.
    init(_ record: RoleRecord, in accountID: String) {
        self.init(listed: record, in: accountID)
        permissionsBoundary = record.permissionsBoundary.map {
            AttachedPermissionsBoundary(
                permissionsBoundaryType: .permissionsBoundaryPolicy,
                permissionsBoundaryArn: $0.rawValue
            )
        }
        tags = record.tags.isEmpty ? nil : record.tags.map { Tag($0) }
    }
}
