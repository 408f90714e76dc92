import MetadataStore
import MetadataStoreSQL

// Partitions and shares. The versions of both are locked before.
extension FleetTransaction {
    func claim(_ partitions: [Int], for manager: FleetMemberID) throws -> PartitionClaim {
        try lock([.partitions, .shares])
        let share = try memberShare(of: manager)
        let list = EventStatements.list(partitions)
        let claimed = try database.rows(
            """
            UPDATE fleetPartition SET owner = ?2, epoch = epoch + 1, takenOver = handedOver, handedOver = 0
            WHERE number = ANY (CAST(?1 AS BIGINT[])) AND owner IS NULL RETURNING takenOver
            """,
            [list, manager.incarnation.rawValue]
        )
        var total = share
        for row in claimed { total += try row.value(0) as Int }
        if total != share { try setShare(of: manager, total) }
        if !claimed.isEmpty { try changed(total == share ? [.partitions] : [.partitions, .shares]) }
        let inherited = try inheritances(of: partitions)
        let held = try database.rows(
            """
            SELECT number, epoch, takenOver FROM fleetPartition
            WHERE number = ANY (CAST(?1 AS BIGINT[])) AND owner = ?2 ORDER BY number
            """,
            [list, manager.incarnation.rawValue]
        )
        let leases = try held.map { row in
            let number: Int = try row.value(0)
            return PartitionLease(
                number: number,
                epoch: try row.value(1),
                inheritedFrom: inherited[number] ?? [],
                handedOver: try row.value(2)
            )
        }
        return PartitionClaim(leases: leases, share: total)
    }

    func release(_ releases: [PartitionRelease], of manager: FleetMemberID) throws -> Int {
        try lock([.partitions, .shares])
        let share = try memberShare(of: manager)
        let rest = try giveUp(releases, of: manager, share: share)
        if rest != share { try setShare(of: manager, rest) }
        try changed(rest == share ? [.partitions] : [.partitions, .shares])
        return rest
    }

    /// Takes partitions from a manager, as far as it has them under these epochs, and what runs of them from its share.
    ///
    /// - Returns: What is left of the share.
    func giveUp(_ releases: [PartitionRelease], of manager: FleetMemberID, share: Int) throws -> Int {
        let rows = try database.rows(
            """
            SELECT number, epoch FROM fleetPartition WHERE owner = ?2 AND number = ANY (CAST(?1 AS BIGINT[]))
            """,
            [EventStatements.list(releases.map(\.lease.number)), manager.incarnation.rawValue]
        )
        let epochs: [Int: Int] = try rows.reduce(into: [:]) { $0[try $1.value(0)] = try $1.value(1) as Int }
        let held = releases.filter { epochs[$0.lease.number] == $0.lease.epoch }
        var rest = share
        // A share is never less than what runs within it; but no mistake of a manager's is to make more of it than
        // there is.
        let counts = held.map { release in
            let count = min(max(0, release.running), rest)
            rest -= count
            return count
        }
        try database.execute(
            """
            UPDATE fleetPartition SET owner = NULL, handedOver = released.running
            FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[])) AS released (number, running)
            WHERE fleetPartition.number = released.number
            """,
            [EventStatements.list(held.map(\.lease.number)), EventStatements.list(counts)]
        )
        return rest
    }

    func recovered(_ lease: PartitionLease, of manager: FleetMemberID, running: Int) throws -> Int {
        try lock([.partitions, .shares])
        let share = try memberShare(of: manager)
        let held = try database.rows(
            "SELECT number FROM fleetPartition WHERE number = ?1 AND owner = ?2 AND epoch = ?3",
            [lease.number, manager.incarnation.rawValue, lease.epoch]
        )
        guard !held.isEmpty else {
            throw MetadataStoreError(
                .conflict,
                "failed to recover partition \(lease.number): the lease of epoch \(lease.epoch) is over"
            )
        }
        let former = try inheritances(of: [lease.number])[lease.number] ?? []
        guard let first = former.first else { return share }
        // Of several, nobody knows whose invokes those are: what they have left becomes one.
        for other in former.dropFirst() { try merge(other, into: first) }
        let orphaned = try self.share(of: first, isOrphan: true) ?? 0
        let moved = min(max(0, running), orphaned)
        try setShare(of: first, orphaned - moved)
        let total = share + moved
        try setShare(of: manager, total)
        try database.execute("DELETE FROM fleetInheritance WHERE partition = ?1", [lease.number])
        try database.execute(
            """
            DELETE FROM fleetShare WHERE isOrphan AND NOT EXISTS (
                SELECT 1 FROM fleetInheritance WHERE fleetInheritance.incarnation = fleetShare.incarnation
            )
            """,
            []
        )
        try changed([.partitions, .shares])
        return total
    }

    /// Has one evicted manager stand for another as well.
    private func merge(_ other: FleetMemberID, into first: FleetMemberID) throws {
        let incarnations = [first.incarnation.rawValue, other.incarnation.rawValue]
        try database.execute(
            """
            INSERT INTO fleetInheritance (partition, incarnation, name)
            SELECT partition, ?1, ?3 FROM fleetInheritance WHERE incarnation = ?2
            ON CONFLICT (partition, incarnation) DO NOTHING
            """,
            incarnations + [first.name]
        )
        try database.execute("DELETE FROM fleetInheritance WHERE incarnation = ?1", [incarnations[1]])
        let shares = try (share(of: first, isOrphan: true) ?? 0) + (share(of: other, isOrphan: true) ?? 0)
        try setShare(of: first, shares)
        try database.execute("DELETE FROM fleetShare WHERE incarnation = ?1", [incarnations[1]])
    }

    // MARK: Shares

    func askShare(of manager: FleetMemberID, more: Int, account: Int) throws -> ShareGrant {
        try lock([.shares])
        let rows = try database.rows(
            "SELECT share, wanted FROM fleetShare WHERE incarnation = ?1 AND NOT isOrphan",
            [manager.incarnation.rawValue]
        )
        guard let row = rows.first else { throw Self.evicted(manager) }
        let (share, wanted): (Int, Int) = (try row.value(0), try row.value(1))
        let sums = try database.rows(
            """
            SELECT CAST(coalesce(sum(share), 0) AS BIGINT),
                (SELECT CAST(coalesce(sum(handedOver), 0) AS BIGINT) FROM fleetPartition)
            FROM fleetShare
            """
        )
        let taken: Int = try sums.first.map { try $0.value(0) + $0.value(1) } ?? 0
        let left = account - (try claimedConcurrency()) - taken
        let granted = max(0, min(more, left))
        let missing = max(0, more) - granted
        if granted > 0 || missing != wanted {
            try database.execute(
                "UPDATE fleetShare SET share = ?2, wanted = ?3 WHERE incarnation = ?1",
                [manager.incarnation.rawValue, share + granted, missing]
            )
            try changed([.shares])
            if missing > 0 { try notices.notify(of: .wanted, in: database) }
        }
        return ShareGrant(share: share + granted, granted: granted)
    }

    func giveBackShare(of manager: FleetMemberID, keeping kept: Int) throws -> Int {
        try lock([.shares])
        let share = try memberShare(of: manager)
        let rest = max(0, min(share, kept))
        if rest != share {
            try setShare(of: manager, rest)
            try changed([.shares])
        }
        return rest
    }

    func share(of manager: FleetMemberID, isOrphan: Bool = false) throws -> Int? {
        try database.rows(
            "SELECT share FROM fleetShare WHERE incarnation = ?1 AND isOrphan = ?2",
            [manager.incarnation.rawValue, isOrphan]
        )
        .first?.value(0)
    }

    /// The share of a manager that is a member. It stays one until the transaction ends, since shares are locked.
    private func memberShare(of manager: FleetMemberID) throws -> Int {
        guard let share = try share(of: manager) else { throw Self.evicted(manager) }
        return share
    }

    private static func evicted(_ manager: FleetMemberID) -> MetadataStoreError {
        MetadataStoreError(.conflict, "failed to act as \(manager): it is no member of the fleet")
    }

    private func setShare(of manager: FleetMemberID, _ share: Int) throws {
        try database.execute(
            "UPDATE fleetShare SET share = ?2 WHERE incarnation = ?1",
            [manager.incarnation.rawValue, share]
        )
    }
}
