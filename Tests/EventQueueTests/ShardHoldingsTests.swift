import MetadataStore
import TestSupport
import Testing

@testable import EventQueue

struct ShardHoldingsTests {
    private var holdings = ShardHoldings()
    private let start = ContinuousClock.now

    private func leases(_ shards: some Sequence<Int>, epoch: Int = 1) -> [ShardLease] {
        shards.map { ShardLease(shard: $0, epoch: epoch) }
    }

    @Test(arguments: [(32, 1, 32), (32, 2, 16), (32, 3, 11), (32, 32, 1), (32, 40, 1), (5, 2, 3)])
    func newcomerLeasesAFairShare(shards: Int, owners: Int, share: Int) {
        var holdings = ShardHoldings()
        #expect(holdings.balance(shardCount: shards, ownerCount: owners) == .lease(share))
    }

    @Test mutating func whoHasMoreThanItsShareLeavesTheRest() {
        holdings.leased(leases(0..<32), until: start + .seconds(10))
        #expect(holdings.balance(shardCount: 32, ownerCount: 1) == .lease(0))
        #expect(holdings.balance(shardCount: 32, ownerCount: 2) == .leave(Array(16..<32)))
        #expect(holdings.balance(shardCount: 32, ownerCount: 2) == .lease(0))
        #expect(Set(holdings.leaving.map(\.shard)) == Set(16..<32))
        // What is to be given back is renewed until it is.
        #expect(holdings.leases == leases(0..<32))
        for shard in 16..<32 { holdings.lost(shard) }
        #expect(holdings.leaving == [] && holdings.leases == leases(0..<16))
    }

    @Test mutating func leaseThatIsNotRenewedIsOver() {
        let asked = leases(0..<3)
        holdings.leased(asked, until: start + .seconds(10))
        #expect(holdings.renewed(leases(0..<2), of: asked, until: start + .seconds(20)) == [2])
        #expect(holdings.leases == leases(0..<2))
        #expect(holdings.timePassed(at: start + .seconds(15)) == [])
        #expect(holdings.timePassed(at: start + .seconds(20)).sorted() == [0, 1])
        #expect(holdings.leases == [])
    }

    /// The answer to a renewal may come when the shard was lost and leased again.
    @Test mutating func renewalOfAnEarlierLeaseSaysNothingOfALaterOne() {
        let old = leases([0])
        holdings.leased(old, until: start + .seconds(10))
        holdings.lost(0)
        holdings.leased(leases([0], epoch: 2), until: start + .seconds(30))
        #expect(holdings.renewed([], of: old, until: start + .seconds(40)) == [])
        #expect(holdings.timePassed(at: start + .seconds(29)) == [])
        #expect(holdings.timePassed(at: start + .seconds(30)) == [0])
    }

    /// Many processes that come, die and leave, each with its holdings: no shard is ever used by two, and in the end each has
    /// a fair share.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func shardsAreDividedAmongThoseThatAreThere(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let shardCount = 32
        let duration = Duration.seconds(10)
        var now = start
        // The store: who has which shard, under which epoch, until when.
        var store: [(owner: Int, epoch: Int, end: ContinuousClock.Instant)] = []
        for _ in 0..<shardCount { store.append((0, 0, start)) }
        var joined: [Int: ContinuousClock.Instant] = [:]
        var processes: [Int: ShardHoldings] = [:]
        var names = 0

        func tend(_ name: Int) {
            guard var holdings = processes[name] else { return }
            _ = holdings.timePassed(at: now)
            let held = holdings.leases
            let renewed = held.filter { store[$0.shard].epoch == $0.epoch }
            for lease in renewed { store[lease.shard].end = now + duration }
            _ = holdings.renewed(renewed, of: held, until: now + duration * 9 / 10)
            joined[name] = now + duration
            joined = joined.filter { $0.value > now }
            if case .lease(let count) = holdings.balance(shardCount: shardCount, ownerCount: joined.count) {
                let free = store.indices.filter { store[$0].end <= now }.prefix(count)
                for shard in free { store[shard] = (name, store[shard].epoch + 1, now + duration) }
                holdings.leased(
                    free.map { ShardLease(shard: $0, epoch: store[$0].epoch) },
                    until: now + duration * 9 / 10
                )
            }
            for lease in holdings.leaving where Bool.random(using: &random) {
                holdings.lost(lease.shard)
                if store[lease.shard].epoch == lease.epoch {
                    store[lease.shard].end = now
                    store[lease.shard].epoch += 1
                }
            }
            processes[name] = holdings
        }

        func check() {
            var used: Set<Int> = []
            for (_, holdings) in processes {
                var holdings = holdings
                _ = holdings.timePassed(at: now)
                for lease in holdings.leases {
                    #expect(used.insert(lease.shard).inserted, "seed \(seed): shard \(lease.shard) has two users")
                }
            }
        }

        for _ in 0..<200 {
            now += .milliseconds(Int.random(in: 0...3000, using: &random))
            switch Int.random(in: 0..<20, using: &random) {
            case 0 where processes.count < 6:
                names += 1
                processes[names] = ShardHoldings()
            case 1: if let name = processes.keys.sorted().randomElement(using: &random) { processes[name] = nil }
            default: if let name = processes.keys.sorted().randomElement(using: &random) { tend(name) }
            }
            check()
        }
        guard !processes.isEmpty else { return }
        for _ in 0..<60 {
            now += .seconds(1)
            for name in processes.keys.sorted() { tend(name) }
            check()
        }
        let share = (shardCount + processes.count - 1) / processes.count
        #expect(processes.values.reduce(0) { $0 + $1.leases.count } == shardCount, "seed \(seed)")
        #expect(processes.values.allSatisfy { $0.leases.count <= share }, "seed \(seed)")
    }
}
