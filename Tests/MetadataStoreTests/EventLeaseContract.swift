import LambdaAPI
import MetadataStore
import TestSupport
import Testing

/// What every store of events promises of the leases of shards.
struct EventLeaseContract {
    private func claim(
        _ store: any EventStore,
        _ owner: String,
        of shards: Int = 4,
        limit: Int = 100,
        at now: Int = 0,
        until end: Int = 1000
    ) async throws -> [ShardLease] {
        try await store.claimShards(for: owner, of: shards, limit: limit, at: .test(now), until: .test(end))
    }

    private func isInForce(_ lease: ShardLease, in store: any EventStore) async throws -> Bool {
        do throws(MetadataStoreError) {
            _ = try await store.written(EventChange(removing: EventID(0), appending: [], under: lease)).get()
            return true
        } catch {
            #expect(error.code == .conflict)
            return false
        }
    }

    @Test(arguments: EventStoreBackend.allCases)
    func shardIsLeasedToOneUntilTheLeaseEnds(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let first = try await claim(store, "a", until: 1000)
        #expect(first.map(\.shard).sorted() == [0, 1, 2, 3])
        #expect(try await claim(store, "b", at: 999) == [])
        let second = try await claim(store, "b", at: 1000, until: 2000)
        #expect(second.map(\.shard).sorted() == [0, 1, 2, 3])
        for lease in first { #expect(try await !isInForce(lease, in: store)) }
        for lease in second { #expect(try await isInForce(lease, in: store)) }
        #expect(try await claim(store, "a", at: 1500) == [])
    }

    /// Who knows that nobody else is there leases whatever there is, also what was leased for good.
    @Test(arguments: EventStoreBackend.allCases)
    func atTheEndOfTimeAllLeasesAreOver(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let first = try await claim(try await backend.openStore(in: directory), "a", until: .max)
        let store = try await backend.openStore(in: directory)
        #expect(try await claim(store, "a", at: 1, until: .max) == [])
        let second = try await claim(store, "a", at: .max, until: .max)
        #expect(second.map(\.shard).sorted() == [0, 1, 2, 3])
        for old in first {
            let new = try #require(second.first { $0.shard == old.shard })
            #expect(new.epoch > old.epoch)
            #expect(try await !isInForce(old, in: store))
            #expect(try await isInForce(new, in: store))
        }
    }

    @Test(arguments: EventStoreBackend.allCases)
    func thoseWhoHaveJoinedAreCounted(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let stores = [try await backend.openStore(in: directory), try await backend.openStore(in: directory)]
        #expect(try await stores[0].join("a", at: .test(0), until: .test(1000)) == 1)
        #expect(try await stores[1].join("b", at: .test(0), until: .test(2000)) == 2)
        #expect(try await stores[0].join("a", at: .test(500), until: .test(1500)) == 2)
        #expect(try await stores[1].join("b", at: .test(1500), until: .test(3000)) == 1)
        #expect(try await stores[0].join("a", at: .test(1500), until: .test(3000)) == 2)
        try await stores[0].leave("a")
        try await stores[0].leave("nobody")
        #expect(try await stores[1].join("b", at: .test(1600), until: .test(3000)) == 1)
    }

    @Test(arguments: EventStoreBackend.allCases)
    func clockGoesOn(backend: EventStoreBackend) async throws {
        let store = try await backend.openStore(in: try TemporaryDirectory())
        let first = try await store.now()
        #expect(first.milliseconds > 1_704_067_200_000)
        #expect(try await store.now() >= first)
    }

    @Test(arguments: EventStoreBackend.allCases)
    func noMoreAreLeasedThanAskedFor(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let first = try await claim(store, "a", of: 5, limit: 2)
        let second = try await claim(store, "b", of: 5, limit: 2)
        let third = try await claim(store, "c", of: 5, limit: 2)
        #expect([first, second, third].map(\.count) == [2, 2, 1])
        #expect(Set((first + second + third).map(\.shard)) == Set(0..<5))
        #expect(try await claim(store, "d", of: 5, limit: 2) == [])
        #expect(try await claim(store, "d", of: 7).map(\.shard).sorted() == [5, 6])
        #expect(try await claim(store, "e", of: 3, at: 5000).map(\.shard).sorted() == [0, 1, 2])
    }

    /// Half of them have opened the store themselves, as other processes would.
    @Test(arguments: EventStoreBackend.allCases)
    func ofConcurrentClaimersEachShardGoesToOne(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let stores = [try await backend.openStore(in: directory), try await backend.openStore(in: directory)]
        let leases = try await withThrowingTaskGroup(of: [ShardLease].self) { group in
            for claimer in 0..<12 {
                group.addTask { try await claim(stores[claimer % 2], "owner \(claimer)", of: 32, limit: 5) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(leases.map(\.shard).sorted() == Array(0..<32))
        for lease in leases { #expect(try await isInForce(lease, in: stores[0])) }
    }

    @Test(arguments: EventStoreBackend.allCases)
    func onlyALeaseInForceBecomesLonger(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let old = try await claim(store, "a", of: 2)
        let new = try await claim(store, "b", of: 1, at: 1000, until: 2000)
        let renewed = try await store.renew(old + new, until: .test(3000))
        #expect(Set(renewed) == Set(old.filter { $0.shard == 1 } + new))
        #expect(try await claim(store, "c", of: 2, at: 2999) == [])
        #expect(try await claim(store, "c", of: 2, at: 3000).map(\.shard).sorted() == [0, 1])
        #expect(try await store.renew(old + new, until: .test(9000)) == [])
    }

    @Test(arguments: EventStoreBackend.allCases)
    func leaseGivenBackIsOver(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let leases = try await claim(store, "a", of: 2)
        let given = leases.filter { $0.shard == 0 }
        try await store.release(given)
        for lease in leases { #expect(try await isInForce(lease, in: store) == (lease.shard == 1)) }
        #expect(try await store.renew(given, until: .test(9000)) == [])
        let next = try await claim(store, "b", of: 2, at: 1)
        #expect(next.map(\.shard) == [0])
        try await store.release(given)
        #expect(try await isInForce(try #require(next.first), in: store))
    }
}
