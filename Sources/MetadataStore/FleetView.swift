/// A part of the bookkeeping that has a version of its own, which each change but a renewal counts up.
package enum FleetTable: String, CaseIterable, Sendable {
    case frontends, managers, workers, partitions, shares

    /// The table that has the members of a role.
    package init(_ role: FleetRole) {
        switch role {
        case .frontend: self = .frontends
        case .manager: self = .managers
        case .worker: self = .workers
        }
    }

    /// The role whose members it has; nil for partitions and shares.
    package var role: FleetRole? { FleetRole.allCases.first { FleetTable($0) == self } }
}

/// Which versions of which tables somebody has. What is not named is not asked for.
package struct FleetVersions: Sendable, Equatable {
    private var versions: [FleetTable: Int]

    /// Nothing of the given tables yet.
    package init(of tables: some Sequence<FleetTable>) {
        versions = [:]
        for table in tables { versions[table] = -1 }
    }

    /// The tables that are asked for.
    package var tables: Set<FleetTable> { Set(versions.keys) }

    package subscript(table: FleetTable) -> Int? {
        get { versions[table] }
        set { versions[table] = newValue }
    }
}

/// What is new in the tables that were asked for.
package struct FleetUpdate: Sendable, Equatable {
    /// The versions that there are now.
    package var versions: FleetVersions
    /// All members of those roles that have changed; of workers, also those that were evicted and not forgotten.
    package var members: [FleetRole: [FleetMember]] = [:]
    /// All partitions, by their numbers; nil if none has changed.
    package var partitions: [Partition]?
    /// All shares; nil if none has changed.
    package var shares: [FleetShare]?
    /// What functions have claimed of the account's concurrency: reserved, or provisioned without being reserved. Nil
    /// if shares were not asked for.
    package var claimedConcurrency: Int?
    /// What operators want of the worker that asks. Nothing for others.
    package var orders = WorkerOrders()

    package init(versions: FleetVersions) {
        self.versions = versions
    }

    /// Whether anything has changed of the tables.
    package var isEmpty: Bool { members.isEmpty && partitions == nil && shares == nil }
}

/// The fleet as one of its members knows it, as far as it asks for it.
package struct FleetView: Sendable, Equatable {
    package private(set) var versions: FleetVersions
    private var members: [FleetRole: [FleetMember]] = [:]
    /// All partitions by their numbers. Empty until they were read.
    package private(set) var partitions: [Partition] = []
    package private(set) var shares: [FleetShare] = []
    /// What functions have claimed of the account's concurrency.
    package private(set) var claimedConcurrency = 0

    /// A view that nothing is known of yet.
    package init(of tables: some Sequence<FleetTable>) {
        versions = FleetVersions(of: tables)
    }

    /// The members of a role, in the order of their names.
    package func members(_ role: FleetRole) -> [FleetMember] { members[role, default: []].filter { !$0.isEvicted } }

    /// Workers that are no members any more, and may still run what managers have given them.
    package var evictedWorkers: [FleetMember] { members[.worker, default: []].filter(\.isEvicted) }

    /// All members of the roles that are asked for.
    package var allMembers: [FleetMember] { FleetRole.allCases.flatMap { members($0) } }

    /// The manager that has a partition and where it listens, with the partition's epoch; nil if nobody has it.
    package func owner(of partition: Int) -> (manager: FleetMember, epoch: Int)? {
        guard partitions.indices.contains(partition), let id = partitions[partition].owner,
            let manager = members(.manager).first(where: { $0.id == id })
        else { return nil }
        return (manager, partitions[partition].epoch)
    }

    /// All that is taken of the account's unreserved concurrency.
    package var sharesTotal: Int {
        shares.reduce(0) { $0 + $1.share } + partitions.reduce(0) { $0 + $1.handedOver }
    }

    /// Takes in what is new.
    package mutating func apply(_ update: FleetUpdate) {
        versions = update.versions
        members.merge(update.members) { $1 }
        if let partitions = update.partitions { self.partitions = partitions }
        if let shares = update.shares { self.shares = shares }
        if let claimed = update.claimedConcurrency { claimedConcurrency = claimed }
    }
}

/// What others have done, or this process itself.
package enum FleetNotice: Sendable, Equatable {
    /// A table has changed.
    case changed(FleetTable)
    /// A manager wants more of the concurrency than there is left.
    case wanted
    /// Anything may have happened.
    case missed
}
