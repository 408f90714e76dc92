import LambdaAPI
import MetadataStore
import NIOCore
import NIOPosix
import Synchronization

/// A store that fails when a test says so, and tells when the queue has been told of a change.
final class TestEventStore: EventStore {
    private struct Failures {
        var ofWrites = false
        var ofReads = false
    }

    private let store: any EventStore
    private let failures = Mutex(Failures())
    /// Changes that are durable, and of which the queue knows.
    let written = Mailbox<EventChange>()
    /// Changes that were refused, and of which the queue knows.
    let refused = Mailbox<EventChange>()

    init(_ store: any EventStore) {
        self.store = store
    }

    func failWrites(_ fails: Bool) { failures.withLock { $0.ofWrites = fails } }

    func failReads(_ fails: Bool) { failures.withLock { $0.ofReads = fails } }

    /// The next change that settles an event or postpones one.
    func nextOutcome() async -> EventChange {
        while true {
            let change = await written.next()
            if change.lease != nil { return change }
        }
    }

    private static let failure = MetadataStoreError(.unavailable, "the test has the store fail")

    // MARK: EventStore

    var isShared: Bool { store.isShared }

    func write(
        _ change: EventChange,
        completion: @escaping @Sendable (Result<[EventID], MetadataStoreError>) -> Void
    ) {
        guard !failures.withLock({ $0.ofWrites }) else {
            MultiThreadedEventLoopGroup.singleton.next().execute { [refused] in
                completion(.failure(Self.failure))
                refused.send(change)
            }
            return
        }
        store.write(change) { [written, refused] result in
            completion(result)
            if case .success = result { written.send(change) } else { refused.send(change) }
        }
    }

    func read(
        _ request: EventRead,
        completion: @escaping @Sendable (Result<EventPage, MetadataStoreError>) -> Void
    ) {
        guard !failures.withLock({ $0.ofReads }) else {
            MultiThreadedEventLoopGroup.singleton.next().execute { completion(.failure(Self.failure)) }
            return
        }
        store.read(request, completion: completion)
    }

    func lanes(of shard: Int) async throws(MetadataStoreError) -> [LaneSummary] {
        try await store.lanes(of: shard)
    }

    func oldest(of lanes: [EventLane], in shard: Int) async throws(MetadataStoreError) -> [EventLane: Timestamp] {
        try await store.oldest(of: lanes, in: shard)
    }

    func purge(
        _ lane: EventLane,
        of shard: Int,
        except kept: Set<EventID>,
        limit: Int
    ) async throws(MetadataStoreError) -> Int {
        if failures.withLock({ $0.ofWrites }) { throw Self.failure }
        return try await store.purge(lane, of: shard, except: kept, limit: limit)
    }

    func claimShards(
        for owner: String,
        of shards: Int,
        limit: Int,
        at now: Timestamp,
        until end: Timestamp
    ) async throws(MetadataStoreError) -> [ShardLease] {
        try await store.claimShards(for: owner, of: shards, limit: limit, at: now, until: end)
    }

    func now() async throws(MetadataStoreError) -> Timestamp { try await store.now() }

    func join(_ owner: String, at now: Timestamp, until end: Timestamp) async throws(MetadataStoreError) -> Int {
        try await store.join(owner, at: now, until: end)
    }

    func leave(_ owner: String) async throws(MetadataStoreError) { try await store.leave(owner) }

    func observeAppends(_ observer: @escaping @Sendable (AppendNotice) -> Void) { store.observeAppends(observer) }

    func renew(_ leases: [ShardLease], until end: Timestamp) async throws(MetadataStoreError) -> [ShardLease] {
        try await store.renew(leases, until: end)
    }

    func release(_ leases: [ShardLease]) async throws(MetadataStoreError) {
        try await store.release(leases)
    }
}
