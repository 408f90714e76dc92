import LambdaAPI
import MetadataStore

// What tests of event stores have in common.

extension Timestamp {
    /// So many milliseconds after the tests' beginning.
    static func test(_ milliseconds: Int) -> Timestamp {
        Timestamp(milliseconds: milliseconds == .max ? .max : 1_704_067_200_000 + milliseconds)
    }
}

extension NewEvent {
    /// An event of which nothing matters but what is named.
    static func test(_ lane: EventLane, in shard: Int = 0, at moment: Int = 0, _ payload: String = "{}") -> NewEvent {
        let content = QueuedEvent.Content(requestID: .random(), payload: Array(payload.utf8))
        return NewEvent(shard: shard, lane: lane, accepted: .test(moment), content: content)
    }
}

extension EventStore {
    /// What a change came to.
    func written(_ change: EventChange) async -> Result<[EventID], MetadataStoreError> {
        await withCheckedContinuation { waiter in write(change) { waiter.resume(returning: $0) } }
    }

    /// Writes a change and waits until it is durable.
    @discardableResult
    func write(_ change: EventChange) async throws -> [EventID] {
        try await written(change).get()
    }

    /// Asks for changes without waiting, and returns what they came to.
    func writeAtOnce(_ changes: [EventChange]) async -> [Result<[EventID], MetadataStoreError>] {
        let (results, calls) = AsyncStream.makeStream(of: Result<[EventID], MetadataStoreError>.self)
        for change in changes { write(change) { calls.yield($0) } }
        return await results.prefix(changes.count).reduce(into: []) { $0.append($1) }
    }

    /// Writes an event, and returns it as it is in the store.
    func append(_ event: NewEvent) async throws -> QueuedEvent {
        let ids = try await write(EventChange(appending: [event]))
        return QueuedEvent(id: ids[0], event)
    }

    /// A lease of a shard; one that there was before is over.
    func lease(of shard: Int) async throws -> ShardLease {
        let leases = try await claimShards(
            for: "test",
            of: shard + 1,
            limit: shard + 1,
            at: .test(.max),
            until: .test(.max)
        )
        return leases.first { $0.shard == shard } ?? ShardLease(shard: -1, epoch: -1)
    }

    /// The events of a lane that are due.
    func events(
        of lane: EventLane,
        in shard: Int = 0,
        at now: Int = 0,
        limit: Int = 100,
        sizeMax: Int = 16 << 20,
        except: Set<EventID> = []
    ) async throws -> EventPage {
        let request = EventRead(
            shard: shard,
            lane: lane,
            now: .test(now),
            limit: limit,
            sizeMax: sizeMax,
            except: except
        )
        return try await withCheckedContinuation { waiter in
            read(request) { waiter.resume(returning: $0) }
        }.get()
    }

    /// Their identifiers.
    func ids(of lane: EventLane, at now: Int = 0, limit: Int = 100) async throws -> [EventID] {
        try await events(of: lane, at: now, limit: limit).events.map(\.id)
    }
}
