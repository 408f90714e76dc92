import DequeModule

// What is known of one function.
extension EnvironmentLedger {
    /// Names an invoke's place in the line of its function.
    package struct Turn {
        var number: Int
    }

    struct Pool {
        var idle = IdleEnvironments<EnvironmentID, Loop>()
        /// Nil unless concurrency is provisioned, or was and its environments are still there.
        var provision: Provision?
        /// How many environments may be started for invokes.
        var starts: RateLimit
        /// Who waits, in the order of arrival.
        private(set) var waiters: Deque<Waiter> = []
        private(set) var lastTurn = Turn(number: 0)
        /// How many environments are expected to take a waiter without being asked.
        var starting = 0
        var finishing = 0
        /// Environments of any phase.
        var count = 0
        /// The function's configuration has been replaced; nothing is kept idle any more.
        var isRetired = false

        /// Puts an invoke at the end of the line.
        @discardableResult
        mutating func queue(_ waiter: Waiter) -> Turn {
            waiters.append(waiter)
            lastTurn.number += 1
            return lastTurn
        }

        /// Who waits longest.
        var firstWaiter: Waiter? { waiters.first }

        /// Takes who waits longest out of the line, which nobody leaves from anywhere else, unless all do.
        mutating func popWaiter() -> Waiter? { waiters.popFirst() }

        mutating func removeWaiters() -> [Waiter] {
            defer { waiters.removeAll() }
            return Array(waiters)
        }

        /// How many wait whose turn is this one or before it.
        func waitingCount(through turn: Turn) -> Int {
            // A turn of an earlier pool for the same function says nothing about this one.
            guard turn.number <= lastTurn.number else { return 0 }
            return max(0, waiters.count - (lastTurn.number - turn.number))
        }

        var census: Census {
            Census(all: count, starting: starting, finishing: finishing, waiting: waiters.count)
        }
    }

    /// The environments that are kept initialised.
    struct Provision {
        /// How many there are to be.
        var target = 0
        /// The memory of each, in bytes.
        var memory = 0
        /// How many there are that do not leave.
        var all = 0
        /// How many of them have been initialised.
        var ready = 0
        /// Why there are fewer than there are to be, if not because they are being made.
        var obstacle: ProvisionStatus.Obstacle?
        var idle = IdleEnvironments<EnvironmentID, Loop>()
    }

    /// How many environments and invokes of a function there are.
    struct Census {
        var all = 0
        var starting = 0
        var finishing = 0
        var waiting = 0
    }
}
