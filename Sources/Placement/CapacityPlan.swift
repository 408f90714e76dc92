/// How many workers a fleet should have: what ``CapacityPlanner`` has decided, for operators and for whatever makes hosts and
/// takes them away.
package struct CapacityPlan: Sendable, Hashable, Codable {
    /// What there should be of a zone, and is.
    package struct Zone: Sendable, Hashable, Codable {
        package var name: ZoneName
        package var desired: Int
        package var present: Int

        package init(name: ZoneName, desired: Int, present: Int) {
            self.name = name
            self.desired = desired
            self.present = present
        }
    }

    /// A worker that could go.
    package struct Candidate: Sendable, Hashable, Codable {
        package var name: WorkerID
        package var zone: ZoneName
        /// What its environments that work were promised, and all that it has promised, in MB.
        package var busyMB: Int
        package var promisedMB: Int

        package init(name: WorkerID, zone: ZoneName, busyMB: Int, promisedMB: Int) {
            self.name = name
            self.zone = zone
            self.busyMB = busyMB
            self.promisedMB = promisedMB
        }
    }

    /// How many workers there should be.
    package var desired: Int
    /// How many there are that may have environments: those that leave do not count.
    package var present: Int
    /// The zones, in the order of their names.
    package var zones: [Zone]
    /// The workers with the least to lose, those first that can best be removed. Of zones that have too many, if there are any.
    package var emptiest: [Candidate]
    /// Why there should be so many, in words.
    package var reason: String

    package init(desired: Int, present: Int, zones: [Zone], emptiest: [Candidate], reason: String) {
        self.desired = desired
        self.present = present
        self.zones = zones
        self.emptiest = emptiest
        self.reason = reason
    }
}

/// What a fleet has to do, as far as it says how many workers it needs.
package struct CapacityLoad: Sendable {
    /// A worker.
    package struct Worker: Sendable {
        package var name: WorkerID
        package var zone: ZoneName
        /// What its environments may have together, and what those that work and those that are idle were promised, in MB.
        package var memoryMB: Int
        package var busyMB: Int
        package var idleMB: Int
        /// Whether it finishes what it has, and leaves; or is closed by an operator.
        package var isLeaving: Bool

        package init(name: WorkerID, zone: ZoneName, memoryMB: Int, busyMB: Int, idleMB: Int, isLeaving: Bool = false) {
            self.name = name
            self.zone = zone
            self.memoryMB = memoryMB
            self.busyMB = busyMB
            self.idleMB = idleMB
            self.isLeaving = isLeaving
        }
    }

    package var workers: [Worker]
    /// How many environments no worker was found for since the last look.
    package var refusedStarts: Int

    package init(workers: [Worker], refusedStarts: Int = 0) {
        self.workers = workers
        self.refusedStarts = refusedStarts
    }
}
