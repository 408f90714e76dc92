package import Placement

/// How a manager sees a fleet: its answer to the question `status`.
package struct ManagerReport: Sendable, Equatable, Codable {
    /// How many of its partitions' functions can be invoked.
    package var partitionsReady = 0
    /// How many wait for workers to tell what runs of them.
    package var partitionsRecovering = 0
    /// The workers that they wait for.
    package var awaitedWorkers: [String] = []
    /// How many invokes of the account's unreserved concurrency it may have running, has running, and has waiting.
    package var share = 0
    package var inUse = 0
    package var waiting = 0
    /// How many invokes wait for a partition to become ready.
    package var waitingForPartitions = 0
    package var workers: [Worker] = []
    /// How many workers the load wants; only of the manager that has the first partition.
    package var capacity: CapacityPlan?

    package init() {}

    /// Whether a manager hears of a worker.
    package enum Connection: String, Sendable, Codable, Comparable {
        /// There is a connection.
        case present
        /// There is none, and the worker may still run what it was given.
        case silent
        /// There is none for so long that what the worker had is taken for over.
        case lost

        private var rank: Int {
            switch self {
            case .present: 0
            case .silent: 1
            case .lost: 2
            }
        }

        package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
    }

    /// A worker, as the manager sees it.
    package struct Worker: Sendable, Equatable, Codable {
        package var name: String
        package var connection: Connection
        /// Whether the worker has said that it finishes what it has.
        package var isDraining = false
        /// Those environments that are this manager's.
        package var environments = EnvironmentCounts()
        /// How many environments the worker has of all managers', and what they were promised, as the worker has told last.
        package var environmentsOfAll = 0
        package var promisedMB = 0
        package var busyMB = 0

        package init(name: String, connection: Connection) {
            self.name = name
            self.connection = connection
        }
    }
}

/// How many environments are in which state.
package struct EnvironmentCounts: Sendable, Equatable, Codable {
    package var starting = 0
    package var idle = 0
    package var busy = 0
    /// Those that end.
    package var ending = 0

    package init(starting: Int = 0, idle: Int = 0, busy: Int = 0, ending: Int = 0) {
        self.starting = starting
        self.idle = idle
        self.busy = busy
        self.ending = ending
    }

    /// All of them.
    package var all: Int { starting + idle + busy + ending }

    package static func + (left: Self, right: Self) -> Self {
        EnvironmentCounts(
            starting: left.starting + right.starting,
            idle: left.idle + right.idle,
            busy: left.busy + right.busy,
            ending: left.ending + right.ending
        )
    }
}
