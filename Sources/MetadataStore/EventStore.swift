package import LambdaAPI

/// Where events are kept until they are settled: in shards, and within a shard in lanes. One contract, whatever the
/// backend; `EventStoreContract` is the suite that each must pass.
///
/// Whoever works off the events of a shard holds its lease. A lease has an epoch, and a change that names an epoch which
/// is over is refused: a consumer that was thought dead and returns late can settle nothing.
///
/// Functions that take a completion return at once and call it from a thread of the store, which it must not hold up.
package protocol EventStore: Sendable {
    /// Whether other processes may use it, too. Then an event may become visible after one with a greater identifier.
    var isShared: Bool { get }

    /// Writes a change, all of it or nothing. Changes that are asked for at the same time share one write to the disk.
    ///
    /// - Parameter completion: Called when the change is durable, with the identifiers of the appended events in their
    ///   order; or with `.conflict` when the lease is over, `.unavailable` when the store cannot write. Completions are
    ///   called in the order of the changes.
    func write(
        _ change: EventChange,
        completion: @escaping @Sendable (Result<[EventID], MetadataStoreError>) -> Void
    )

    /// Reads events of a lane that are due, in the order in which they became due.
    func read(
        _ request: EventRead,
        completion: @escaping @Sendable (Result<EventPage, MetadataStoreError>) -> Void
    )

    /// All lanes of a shard that have events, with what they have. Looks at each event of the shard.
    func lanes(of shard: Int) async throws(MetadataStoreError) -> [LaneSummary]

    /// When the oldest event of each of some lanes was accepted, as far as the shard has events of them. Takes the same
    /// time however many events there are.
    func oldest(of lanes: [EventLane], in shard: Int) async throws(MetadataStoreError) -> [EventLane: Timestamp]

    /// Removes events of a lane from a shard, but for those that are named. All or none, so that a lane with very many is
    /// to be purged in several steps.
    ///
    /// - Parameter limit: The most that are removed.
    /// - Returns: How many were removed; fewer than the limit if no others are left.
    func purge(
        _ lane: EventLane,
        of shard: Int,
        except kept: Set<EventID>,
        limit: Int
    ) async throws(MetadataStoreError) -> Int

    /// The time that leases go by: the same for all who use the store, whatever their hosts' clocks show.
    func now() async throws(MetadataStoreError) -> Timestamp

    /// Leases shards whose leases are over; each lease has a new epoch. Of several who ask at the same time, each shard
    /// goes to one.
    ///
    /// - Parameters:
    ///   - owner: Who asks, unique among all that run.
    ///   - shards: How many shards there are, from 0 on.
    ///   - limit: The most that are leased.
    ///   - now: The moment at which leases must be over; for one who knows that nobody else is there, the end of time.
    ///   - until: When the new leases end unless they are renewed.
    func claimShards(
        for owner: String,
        of shards: Int,
        limit: Int,
        at now: Timestamp,
        until end: Timestamp
    ) async throws(MetadataStoreError) -> [ShardLease]

    /// Has a process counted among those that work off events, until a moment unless it is said again.
    ///
    /// - Returns: How many are counted at `now`, this one with them.
    func join(_ owner: String, at now: Timestamp, until end: Timestamp) async throws(MetadataStoreError) -> Int

    /// Has a process counted no more.
    func leave(_ owner: String) async throws(MetadataStoreError)

    /// Makes leases longer. Returns those that are still in force.
    func renew(_ leases: [ShardLease], until end: Timestamp) async throws(MetadataStoreError) -> [ShardLease]

    /// Gives leases back, as far as they are still in force.
    func release(_ leases: [ShardLease]) async throws(MetadataStoreError)

    /// Has it told from now on when other processes have appended events. It must not block.
    func observeAppends(_ observer: @escaping @Sendable (AppendNotice) -> Void)
}

/// What other processes have done to the queue.
package enum AppendNotice: Sendable, Equatable {
    /// Events were appended to a lane.
    case appended(shard: Int, lane: EventLane, count: Int)
    /// Events may have been appended of which nothing more is known.
    case missed
}

/// The right to work off the events of a shard.
package struct ShardLease: Hashable, Sendable {
    package let shard: Int
    /// Counts the leases of the shard.
    package let epoch: Int

    package init(shard: Int, epoch: Int) {
        self.shard = shard
        self.epoch = epoch
    }
}

/// What happens to events at once.
package struct EventChange: Sendable {
    /// What is known of an event after an attempt that was not the last one.
    package struct Postponement: Sendable, Equatable {
        package var id: EventID
        package var due: Timestamp
        package var attempts: Int
        package var deferrals: Int

        package init(_ event: QueuedEvent) {
            id = event.id
            due = event.due
            attempts = event.attempts
            deferrals = event.deferrals
        }
    }

    /// What must still be in force; nil for a change that only appends.
    package var lease: ShardLease?
    package var appended: [NewEvent]
    /// Events of the lease's shard that are settled.
    package var removed: [EventID] = []
    /// Events of the lease's shard that are tried again.
    package var postponed: [Postponement] = []

    /// Whether nobody waits for it, so that a store may put it off for a few milliseconds and write it with others. An
    /// event's outcome is such a change: should it be lost, the event is attempted again.
    package var isPatient: Bool { lease != nil }

    /// Accepts events.
    package init(appending events: [NewEvent]) {
        appended = events
    }

    /// Settles an event, and queues what follows from it.
    package init(removing id: EventID, appending events: [NewEvent], under lease: ShardLease) {
        self.lease = lease
        appended = events
        removed = [id]
    }

    /// Has an event tried again.
    package init(postponing event: QueuedEvent, under lease: ShardLease) {
        self.lease = lease
        appended = []
        postponed = [Postponement(event)]
    }
}

/// Which events are asked for.
package struct EventRead: Sendable, Equatable {
    package var shard: Int
    package var lane: EventLane
    /// Events due up to this moment.
    package var now: Timestamp
    /// The most that are wanted; at least one.
    package var limit: Int
    /// Enough, in bytes of payload: the event with which it is reached is the last one.
    package var sizeMax: Int
    /// Events that the caller has already.
    package var except: Set<EventID>

    package init(shard: Int, lane: EventLane, now: Timestamp, limit: Int, sizeMax: Int, except: Set<EventID>) {
        self.shard = shard
        self.lane = lane
        self.now = now
        self.limit = limit
        self.sizeMax = sizeMax
        self.except = except
    }
}

/// Events that were read.
package struct EventPage: Sendable, Equatable {
    package var events: [QueuedEvent]
    /// Whether there are more that were due then.
    package var hasMore: Bool
    /// When the next one becomes due that was not; nil if there is none.
    package var nextDue: Timestamp?

    package init(events: [QueuedEvent], hasMore: Bool, nextDue: Timestamp?) {
        self.events = events
        self.hasMore = hasMore
        self.nextDue = nextDue
    }
}

/// What a lane has in a shard.
package struct LaneSummary: Sendable, Equatable {
    package var lane: EventLane
    package var count: Int

    package init(lane: EventLane, count: Int) {
        self.lane = lane
        self.count = count
    }
}
