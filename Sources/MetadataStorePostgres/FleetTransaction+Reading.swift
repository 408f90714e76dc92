import MetadataStore
import MetadataStoreSQL

// What members read.
extension FleetTransaction {
    /// Counts a renewal and reads all versions, in one statement, since there are so many of them. Nil if the member
    /// was evicted.
    func renew(_ member: FleetMemberID) throws -> (versions: [FleetTable: Int], orders: WorkerOrders)? {
        let rows = try database.rows(
            """
            WITH renewed AS (
                UPDATE fleetMember SET renewals = renewals + 1 WHERE incarnation = ?1 AND NOT isEvicted
                RETURNING role, name
            )
            SELECT fleetVersion.tableName, fleetVersion.version,
                coalesce(workerOrder.isCordoned, FALSE), coalesce(workerOrder.isDraining, FALSE)
            FROM renewed CROSS JOIN fleetVersion
                LEFT JOIN workerOrder ON renewed.role = 'worker' AND workerOrder.name = renewed.name
            """,
            [member.incarnation.rawValue]
        )
        guard let first = rows.first else { return nil }
        return (try Self.versions(rows), WorkerOrders(isCordoned: try first.value(2), isDraining: try first.value(3)))
    }

    func versions() throws -> [FleetTable: Int] {
        try Self.versions(database.rows("SELECT tableName, version FROM fleetVersion"))
    }

    private static func versions(_ rows: [SQLRow]) throws -> [FleetTable: Int] {
        try rows.reduce(into: [:]) { versions, row in
            if let table = FleetTable(rawValue: try row.value(0)) { versions[table] = try row.value(1) as Int }
        }
    }

    /// Reads the tables that have changed. Versions were read before, so that what has changed since is read once more
    /// the next time, and nothing is left out.
    func update(since known: FleetVersions, versions: [FleetTable: Int]) throws -> FleetUpdate {
        var update = FleetUpdate(versions: known)
        for table in FleetTable.allCases {
            guard let old = known[table], let new = versions[table] else { continue }
            if table == .shares { update.claimedConcurrency = try claimedConcurrency() }
            guard new != old else { continue }
            update.versions[table] = new
            switch table {
            case .partitions: update.partitions = try partitions()
            case .shares: update.shares = try shares()
            case .frontends, .managers, .workers:
                if let role = table.role { update.members[role] = try members(role) }
            }
        }
        return update
    }

    func renewals() throws -> [Incarnation: Int] {
        try database.rows("SELECT incarnation, renewals FROM fleetMember WHERE NOT isEvicted").reduce(into: [:]) {
            $0[Incarnation(try $1.value(0))] = try $1.value(1) as Int
        }
    }

    func workerOrders() throws -> [String: WorkerOrders] {
        try database.rows("SELECT name, isCordoned, isDraining FROM workerOrder").reduce(into: [:]) { orders, row in
            orders[try row.value(0)] = WorkerOrders(isCordoned: try row.value(1), isDraining: try row.value(2))
        }
    }

    private func members(_ role: FleetRole) throws -> [FleetMember] {
        let rows = try database.rows(
            """
            SELECT fleetMember.name, incarnation, address, renewals, lease, details,
                coalesce(isCordoned, FALSE), coalesce(isDraining, FALSE), isEvicted
            FROM fleetMember LEFT JOIN workerOrder ON role = 'worker' AND workerOrder.name = fleetMember.name
            WHERE role = ?1 ORDER BY fleetMember.name, incarnation
            """,
            [role.rawValue]
        )
        return try rows.map { row in
            FleetMember(
                id: FleetMemberID(role, try row.value(0), Incarnation(try row.value(1))),
                address: try row.value(2),
                leaseMilliseconds: try row.value(4),
                renewals: try row.value(3),
                details: try row.value(5),
                orders: WorkerOrders(isCordoned: try row.value(6), isDraining: try row.value(7)),
                isEvicted: try row.value(8)
            )
        }
    }

    private func partitions() throws -> [Partition] {
        let inherited = try inheritances(of: Array(0..<Partition.count))
        let rows = try database.rows(
            """
            SELECT number, name, owner, epoch, handedOver
            FROM fleetPartition LEFT JOIN fleetMember ON fleetMember.incarnation = owner
            ORDER BY number
            """
        )
        return try rows.map { row in
            let number: Int = try row.value(0)
            let owner: String? = try row.value(2)
            return Partition(
                number: number,
                owner: try owner.map { FleetMemberID(.manager, try row.value(1), Incarnation($0)) },
                epoch: try row.value(3),
                inheritedFrom: inherited[number] ?? [],
                handedOver: try row.value(4)
            )
        }
    }

    /// Whose invokes nobody has counted yet, of some partitions.
    func inheritances(of partitions: [Int]) throws -> [Int: [FleetMemberID]] {
        let rows = try database.rows(
            """
            SELECT partition, name, incarnation FROM fleetInheritance
            WHERE partition = ANY (CAST(?1 AS BIGINT[])) ORDER BY name, incarnation
            """,
            [EventStatements.list(partitions)]
        )
        return try rows.reduce(into: [:]) { inherited, row in
            let owner = FleetMemberID(.manager, try row.value(1), Incarnation(try row.value(2)))
            inherited[try row.value(0), default: []].append(owner)
        }
    }

    private func shares() throws -> [FleetShare] {
        let rows = try database.rows(
            "SELECT name, incarnation, share, wanted, isOrphan FROM fleetShare ORDER BY name, incarnation"
        )
        return try rows.map { row in
            FleetShare(
                manager: FleetMemberID(.manager, try row.value(0), Incarnation(try row.value(1))),
                share: try row.value(2),
                wanted: try row.value(3),
                isOrphan: try row.value(4)
            )
        }
    }

    /// What functions have claimed of the account's concurrency.
    func claimedConcurrency() throws -> Int {
        try database.rows(
            "SELECT CAST(coalesce(sum(claimedConcurrency), 0) AS BIGINT) FROM function WHERE claimedConcurrency > 0"
        )
        .first?.value(0) ?? 0
    }
}
