import MetadataStore
import MetadataStoreSQL

/// The statements on the bookkeeping of a fleet, within one transaction that sees what is committed.
///
/// Whatever changes tables first locks their versions, always in the same order, and the members' rows after them. So
/// all that is done to partitions and shares is done one after the other, and what was read stays true until the
/// commit. Renewals lock the member's own row only.
struct FleetTransaction {
    let database: any SQLTransaction
    let notices: FleetNotices

    /// Keeps others from changing tables until the transaction ends.
    func lock(_ tables: [FleetTable]) throws {
        let names = tables.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        _ = try database.rows(
            "SELECT version FROM fleetVersion WHERE tableName IN (\(names)) ORDER BY tableName FOR UPDATE"
        )
    }

    /// Tables that are locked have changed.
    func changed(_ tables: [FleetTable]) throws {
        for table in tables {
            try database.execute(
                "UPDATE fleetVersion SET version = version + 1 WHERE tableName = ?1",
                [table.rawValue]
            )
            try notices.notify(of: .changed(table), in: database)
        }
    }

    // MARK: Members

    func join(_ member: FleetMember) throws {
        let (id, table) = (member.id, FleetTable(member.id.role))
        let isManager = id.role == .manager
        try lock(isManager ? [table, .shares] : [table])
        if !isManager {
            try database.execute(
                "DELETE FROM fleetMember WHERE role = ?1 AND name = ?2 AND incarnation <> ?3",
                [id.role.rawValue, id.name, id.incarnation.rawValue]
            )
        }
        let count = try database.execute(
            """
            INSERT INTO fleetMember (incarnation, role, name, address, renewals, lease, details)
            VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6) ON CONFLICT (incarnation) DO NOTHING
            """,
            [
                id.incarnation.rawValue, id.role.rawValue, id.name, member.address, member.leaseMilliseconds,
                member.details,
            ]
        )
        guard count > 0 else { return }
        if isManager {
            try database.execute(
                "INSERT INTO fleetShare (incarnation, name, share, wanted, isOrphan) VALUES (?1, ?2, 0, 0, FALSE)",
                [id.incarnation.rawValue, id.name]
            )
        }
        try changed(isManager ? [table, .shares] : [table])
    }

    func leave(_ member: FleetMemberID, releasing releases: [PartitionRelease]) throws {
        let table = FleetTable(member.role)
        if member.role == .manager {
            try lock([table, .partitions, .shares])
            guard let share = try share(of: member) else { return }
            _ = try giveUp(releases, of: member, share: share)
            try database.execute(
                "UPDATE fleetPartition SET owner = NULL WHERE owner = ?1",
                [member.incarnation.rawValue]
            )
            try database.execute("DELETE FROM fleetShare WHERE incarnation = ?1", [member.incarnation.rawValue])
            try remove(member)
            try changed([table, .partitions, .shares])
        } else {
            try lock([table])
            if try remove(member) { try changed([table]) }
        }
    }

    func evict(_ member: FleetMemberID, at renewals: Int) throws -> Bool {
        let table = FleetTable(member.role)
        let isManager = member.role == .manager
        try lock(isManager ? [table, .partitions, .shares] : [table])
        // Whoever is about to renew waits for the end of this, and then finds nothing.
        let rows = try database.rows(
            "SELECT renewals FROM fleetMember WHERE incarnation = ?1 AND renewals = ?2 AND NOT isEvicted FOR UPDATE",
            [member.incarnation.rawValue, renewals]
        )
        guard !rows.isEmpty else { return false }
        if isManager { try bequeath(member) }
        if member.role == .worker {
            try database.execute(
                "UPDATE fleetMember SET isEvicted = TRUE WHERE incarnation = ?1",
                [member.incarnation.rawValue]
            )
        } else {
            try remove(member)
        }
        try changed(isManager ? [table, .partitions, .shares] : [table])
        return true
    }

    func forget(_ worker: FleetMemberID) throws -> Bool {
        try lock([.workers])
        let count = try database.execute(
            "DELETE FROM fleetMember WHERE incarnation = ?1 AND isEvicted",
            [worker.incarnation.rawValue]
        )
        if count > 0 { try changed([.workers]) }
        return count > 0
    }

    /// Marks the partitions of a manager that is evicted, and keeps its share for what has to be counted of them.
    private func bequeath(_ manager: FleetMemberID) throws {
        let incarnation = manager.incarnation.rawValue
        let count = try database.execute(
            """
            INSERT INTO fleetInheritance (partition, incarnation, name)
            SELECT number, owner, ?2 FROM fleetPartition WHERE owner = ?1
            """,
            [incarnation, manager.name]
        )
        try database.execute("UPDATE fleetPartition SET owner = NULL WHERE owner = ?1", [incarnation])
        let sql =
            count > 0
            ? "UPDATE fleetShare SET isOrphan = TRUE, wanted = 0 WHERE incarnation = ?1"
            : "DELETE FROM fleetShare WHERE incarnation = ?1"
        try database.execute(sql, [incarnation])
    }

    @discardableResult
    private func remove(_ member: FleetMemberID) throws -> Bool {
        try database.execute("DELETE FROM fleetMember WHERE incarnation = ?1", [member.incarnation.rawValue]) > 0
    }

    /// Writes what a member says of itself.
    func describe(_ member: FleetMemberID, _ details: [UInt8]) throws {
        let table = FleetTable(member.role)
        try lock([table])
        let count = try database.execute(
            "UPDATE fleetMember SET details = ?2 WHERE incarnation = ?1 AND details <> ?2 AND NOT isEvicted",
            [member.incarnation.rawValue, details]
        )
        if count > 0 { try changed([table]) }
    }

    // MARK: Operators

    /// - Parameter column: The order's.
    func order(_ column: String, _ worker: String, _ isWanted: Bool) throws {
        try lock([.workers])
        let count = try database.execute(
            """
            INSERT INTO workerOrder (name, \(column)) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET \(column) = excluded.\(column)
            WHERE workerOrder.\(column) <> excluded.\(column)
            """,
            [worker, isWanted]
        )
        guard count > 0 else { return }
        try database.execute("DELETE FROM workerOrder WHERE name = ?1 AND NOT isCordoned AND NOT isDraining", [worker])
        try changed([.workers])
    }
}
