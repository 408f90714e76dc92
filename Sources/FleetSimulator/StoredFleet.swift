import MetadataStore

/// The bookkeeping of a fleet in memory: what ``FleetStore`` promises, each operation at once and undivided.
struct StoredFleet {
    struct Conflict: Error {}

    private(set) var members: [Incarnation: FleetMember] = [:]
    private(set) var partitions: [Partition]
    private(set) var shares: [Incarnation: FleetShare] = [:]
    private var versions: [FleetTable: Int] = [:]
    /// What functions have claimed of the account's concurrency.
    let claimed: Int
    let account: Int
    /// What was handed over with a partition at its last claim.
    private var takenOver: [Int: Int] = [:]
    /// What has changed since it was last asked.
    var notices: [FleetNotice] = []

    init(partitions count: Int, account: Int, claimed: Int) {
        partitions = (0..<count).map { Partition(number: $0) }
        for table in FleetTable.allCases { versions[table] = 0 }
        self.account = account
        self.claimed = claimed
    }

    private mutating func changed(_ tables: FleetTable...) {
        for table in tables {
            versions[table, default: 0] += 1
            notices.append(.changed(table))
        }
    }

    // MARK: Members

    mutating func join(_ member: FleetMember) {
        let role = member.id.role
        if role != .manager {
            for other in members.values where other.id.role == role && other.id.name == member.id.name {
                if other.id != member.id { members[other.id.incarnation] = nil }
            }
        }
        guard members[member.id.incarnation] == nil else { return }
        members[member.id.incarnation] = member
        changed(FleetTable(role))
        guard role == .manager else { return }
        shares[member.id.incarnation] = FleetShare(manager: member.id, share: 0)
        changed(.shares)
    }

    mutating func leave(_ member: FleetMemberID, releasing releases: [PartitionRelease]) {
        guard member.role == .manager else {
            if members.removeValue(forKey: member.incarnation) != nil { changed(FleetTable(member.role)) }
            return
        }
        guard let share = shares[member.incarnation], !share.isOrphan else { return }
        _ = giveUp(releases, of: member, share: share.share)
        for number in partitions.indices where partitions[number].owner == member { partitions[number].owner = nil }
        shares[member.incarnation] = nil
        members[member.incarnation] = nil
        changed(.managers, .partitions, .shares)
    }

    mutating func renew(_ member: FleetMemberID, since known: FleetVersions) -> FleetUpdate? {
        guard members[member.incarnation]?.isEvicted == false else { return nil }
        members[member.incarnation]?.renewals += 1
        var update = FleetUpdate(versions: known)
        for table in FleetTable.allCases {
            guard let old = known[table], let new = versions[table] else { continue }
            if table == .shares { update.claimedConcurrency = claimed }
            guard new != old else { continue }
            update.versions[table] = new
            switch table {
            case .partitions: update.partitions = partitions
            case .shares: update.shares = shares.values.sorted { $0.manager.description < $1.manager.description }
            case .frontends, .managers, .workers:
                guard let role = table.role else { continue }
                update.members[role] = members.values.filter { $0.id.role == role }
                    .sorted { $0.id.description < $1.id.description }
            }
        }
        return update
    }

    /// Whether managers that come now know of a worker.
    func isListed(_ worker: String) -> Bool {
        members.values.contains { $0.id.role == .worker && $0.id.name == worker }
    }

    func renewals() -> [Incarnation: Int] { members.filter { !$0.value.isEvicted }.mapValues(\.renewals) }

    mutating func evict(_ member: FleetMemberID, at renewals: Int) -> Bool {
        guard let known = members[member.incarnation], !known.isEvicted, known.renewals == renewals else {
            return false
        }
        members[member.incarnation] = nil
        changed(FleetTable(member.role))
        if member.role == .worker {
            members[member.incarnation] = known
            members[member.incarnation]?.isEvicted = true
        }
        guard member.role == .manager else { return true }
        let owned = partitions.indices.filter { partitions[$0].owner == member }
        for number in owned {
            partitions[number].owner = nil
            partitions[number].inheritedFrom.append(member)
        }
        if owned.isEmpty {
            shares[member.incarnation] = nil
        } else {
            shares[member.incarnation]?.isOrphan = true
            shares[member.incarnation]?.wanted = 0
        }
        changed(.partitions, .shares)
        return true
    }

    mutating func forget(_ worker: FleetMemberID) -> Bool {
        guard members[worker.incarnation]?.isEvicted == true else { return false }
        members[worker.incarnation] = nil
        changed(.workers)
        return true
    }

    // MARK: Partitions

    mutating func claim(_ numbers: [Int], for manager: FleetMemberID) throws(Conflict) -> PartitionClaim {
        let share = try memberShare(of: manager)
        var total = share
        var isChanged = false
        for number in numbers where partitions[number].owner == nil {
            partitions[number].owner = manager
            partitions[number].epoch += 1
            takenOver[number] = partitions[number].handedOver
            total += partitions[number].handedOver
            partitions[number].handedOver = 0
            isChanged = true
        }
        shares[manager.incarnation]?.share = total
        if isChanged { changed(.partitions) }
        if total != share { changed(.shares) }
        let held = numbers.sorted().filter { partitions[$0].owner == manager }
        let leases = held.map { number in
            PartitionLease(
                number: number,
                epoch: partitions[number].epoch,
                inheritedFrom: partitions[number].inheritedFrom,
                handedOver: takenOver[number] ?? 0
            )
        }
        return PartitionClaim(leases: leases, share: total)
    }

    mutating func release(_ releases: [PartitionRelease], of manager: FleetMemberID) throws(Conflict) -> Int {
        let rest = giveUp(releases, of: manager, share: try memberShare(of: manager))
        shares[manager.incarnation]?.share = rest
        changed(.partitions, .shares)
        return rest
    }

    private mutating func giveUp(_ releases: [PartitionRelease], of manager: FleetMemberID, share: Int) -> Int {
        var rest = share
        for release in releases {
            let partition = partitions[release.lease.number]
            guard partition.owner == manager, partition.epoch == release.lease.epoch else { continue }
            let count = min(max(0, release.running), rest)
            rest -= count
            partitions[partition.number].owner = nil
            partitions[partition.number].handedOver = count
        }
        return rest
    }

    mutating func recovered(_ lease: PartitionLease, of manager: FleetMemberID, running: Int) throws(Conflict) -> Int {
        let share = try memberShare(of: manager)
        let partition = partitions[lease.number]
        guard partition.owner == manager, partition.epoch == lease.epoch else { throw Conflict() }
        guard !partition.inheritedFrom.isEmpty else { return share }
        var rest = max(0, running)
        for owner in partition.inheritedFrom {
            let orphan = shares[owner.incarnation].map { $0.isOrphan ? $0.share : 0 } ?? 0
            let moved = min(rest, orphan)
            if moved > 0 { shares[owner.incarnation]?.share = orphan - moved }
            rest -= moved
        }
        let total = share + max(0, running) - rest
        shares[manager.incarnation]?.share = total
        partitions[lease.number].inheritedFrom = []
        let heirs = Set(partitions.flatMap { $0.inheritedFrom.map(\.incarnation) })
        for share in shares.values where share.isOrphan && !heirs.contains(share.manager.incarnation) {
            shares[share.manager.incarnation] = nil
        }
        changed(.partitions, .shares)
        return total
    }

    // MARK: Shares

    /// All that is taken of the unreserved concurrency.
    var taken: Int { shares.values.reduce(0) { $0 + $1.share } + partitions.reduce(0) { $0 + $1.handedOver } }

    mutating func askShare(of manager: FleetMemberID, more: Int) throws(Conflict) -> ShareGrant {
        let share = try memberShare(of: manager)
        let granted = max(0, min(more, account - claimed - taken))
        let missing = max(0, more) - granted
        if granted > 0 || missing != shares[manager.incarnation]?.wanted {
            shares[manager.incarnation]?.share = share + granted
            shares[manager.incarnation]?.wanted = missing
            changed(.shares)
            if missing > 0 { notices.append(.wanted) }
        }
        return ShareGrant(share: share + granted, granted: granted)
    }

    mutating func giveBackShare(of manager: FleetMemberID, keeping kept: Int) throws(Conflict) -> Int {
        let share = try memberShare(of: manager)
        let rest = max(0, min(share, kept))
        if rest != share {
            shares[manager.incarnation]?.share = rest
            changed(.shares)
        }
        return rest
    }

    private func memberShare(of manager: FleetMemberID) throws(Conflict) -> Int {
        guard let share = shares[manager.incarnation], !share.isOrphan else { throw Conflict() }
        return share.share
    }
}
