package import Foundation
package import Placement

/// The whole fleet at a moment, as operators see it. See ``FleetDocument`` for its form as JSON.
package struct FleetReport: Sendable, Equatable, Codable {
    /// Whether there is a fleet; false for everything in one process.
    package var isFleet = true
    /// What is wrong or will be soon, the worst first; in words.
    package var problems: [String] = []
    package var frontends: [Frontend] = []
    package var managers: [Manager] = []
    package var workers: [Worker] = []
    /// How many parts of the functions no manager has, of how many.
    package var partitionsUnowned = 0
    package var partitions = 0
    package var concurrency = Concurrency()
    package var capacity: CapacityPlan?

    package init() {}

    /// What there is to say of a member of any role.
    package struct Membership: Sendable, Equatable, Codable {
        package var name: String
        /// Where others reach it.
        package var address: String
        package var version: String?
        /// After how many seconds of silence others take its place.
        package var leaseSeconds: Int
        package var certificateEnds: Date?

        package init(
            name: String,
            address: String,
            version: String?,
            leaseSeconds: Int,
            certificateEnds: Date? = nil
        ) {
            self.name = name
            self.address = address
            self.version = version
            self.leaseSeconds = leaseSeconds
            self.certificateEnds = certificateEnds
        }
    }

    package struct Frontend: Sendable, Equatable, Codable {
        package var member: Membership
    }

    package struct Manager: Sendable, Equatable, Codable {
        package var member: Membership
        /// How many partitions it has, and how many of them can be used; the latter nil if it did not answer.
        package var partitions: Int
        package var partitionsReady: Int?
        /// How many invokes it may have running, has running, and has waiting; nil if it did not answer.
        package var share: Int?
        package var inUse: Int?
        package var waiting: Int?
        /// Why it did not answer.
        package var silence: String?
    }

    package struct Worker: Sendable, Equatable, Codable {
        /// Nil if it is no member: an operator has ordered something of it, or its managers remember it.
        package var member: Membership?
        package var name: String
        package var zone: String?
        package var labels: [String] = []
        package var instructionSet: String?
        package var memoryMB: Int?
        package var cpuMilli: Int?
        package var leaseEnds: Date?
        /// What operators have ordered.
        package var isCordoned = false
        package var isDrainOrdered = false
        /// Whether it finishes what it has: as it was ordered, or because it leaves.
        package var isDraining = false
        /// The worst that a manager says; nil if none says anything.
        package var connection: ManagerReport.Connection?
        /// The managers that do not hear of it.
        package var silentFor: [String] = []
        package var environments = EnvironmentCounts()
        /// All of its environments, and the memory that they were promised.
        package var environmentsOfAll = 0
        package var promisedMB = 0
        package var busyMB = 0
        /// Whether all managers have said that nothing of it runs or is being made, and it makes nothing any more.
        package var isEmptied = false

        /// A worker of which nothing more is known.
        package init(name: String) {
            self.name = name
        }
    }

    /// The account's concurrency.
    package struct Concurrency: Sendable, Equatable, Codable {
        package var account: Int?
        /// What functions have reserved or provisioned.
        package var claimed = 0
        /// What managers have of the rest, and how many invokes they have running within that and waiting.
        package var shares = 0
        package var inUse = 0
        package var waiting = 0
        /// What managers that are gone have left running.
        package var orphaned = 0
    }
}
