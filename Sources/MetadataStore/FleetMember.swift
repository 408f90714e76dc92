import LambdaAPI

/// What a process of a fleet does.
package enum FleetRole: String, CaseIterable, Sendable {
    /// Takes requests of callers.
    case frontend
    /// Decides which environment runs an invoke.
    case manager
    /// Has the environments.
    case worker
}

/// Tells one start of a process from all others: a UUID drawn at each.
package struct Incarnation: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    /// A new one.
    package static func random() -> Incarnation { Incarnation(RequestID.random().rawValue) }

    package var description: String { rawValue }
}

/// Names a member of the fleet.
package struct FleetMemberID: Hashable, Sendable, CustomStringConvertible {
    package let role: FleetRole
    /// The host's name, or what else operators call it; one of a kind within its role.
    package let name: String
    package let incarnation: Incarnation

    package init(_ role: FleetRole, _ name: String, _ incarnation: Incarnation = .random()) {
        self.role = role
        self.name = name
        self.incarnation = incarnation
    }

    package var description: String { "\(role.rawValue) \(name) (\(incarnation))" }
}

/// A member of the fleet, as the others see it.
package struct FleetMember: Sendable, Equatable {
    package let id: FleetMemberID
    /// Where it listens: `host:port`.
    package var address: String
    /// How long others must see no renewal before they may evict it, in milliseconds.
    package var leaseMilliseconds: Int
    /// How often it had renewed its lease when this was read. Read with the members and so seldom up to date; who wants
    /// to know asks for ``FleetStore/renewals()``.
    package var renewals: Int
    /// A JSON document of its own on capacity, zone, version and the like.
    package var details: [UInt8]
    /// What operators want of it; for workers only.
    package var orders: WorkerOrders
    /// Whether it was evicted, and is listed until nothing can run any more that managers have given it; for workers only.
    package var isEvicted: Bool

    package init(
        id: FleetMemberID,
        address: String,
        leaseMilliseconds: Int,
        renewals: Int = 0,
        details: [UInt8] = [],
        orders: WorkerOrders = WorkerOrders(),
        isEvicted: Bool = false
    ) {
        self.id = id
        self.address = address
        self.leaseMilliseconds = leaseMilliseconds
        self.renewals = renewals
        self.details = details
        self.orders = orders
        self.isEvicted = isEvicted
    }
}

/// What operators want of a worker. Kept by its name, whether or not it is a member.
package struct WorkerOrders: Sendable, Equatable {
    /// Whether it is to get no new environments.
    package var isCordoned: Bool
    /// Whether it is to finish what it has, and end its environments.
    package var isDraining: Bool

    package init(isCordoned: Bool = false, isDraining: Bool = false) {
        self.isCordoned = isCordoned
        self.isDraining = isDraining
    }
}
