import LambdaAPI
import MetadataStore
import MetadataStoreSQL
import Synchronization
import TestSupport
import Testing

@testable import MetadataStorePostgres

/// What the bookkeeping of a fleet promises of partitions and shares.
@Suite(.enabled(if: TestPostgres.server != nil, "run by scripts/with-postgres"), .timeLimit(.minutes(10)))
struct FleetPartitionTests {
    private let directory: TemporaryDirectory
    private let settings: PostgresSettings
    private let store: PostgresFleetStore

    init() async throws {
        directory = try TemporaryDirectory()
        settings = .test(directory)
        store = try await PostgresFleetStore(settings, isListening: false)
    }

    private func isConflict(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return false
        } catch {
            return (error as? MetadataStoreError)?.code == .conflict
        }
    }

    // MARK: Partitions

    @Test func partitionGoesToTheFirstWhoClaimsIt() async throws {
        let (a, b) = (try await store.joinManager("a"), try await store.joinManager("b"))
        let claim = try await store.claim([5, 3, 300], for: a)
        #expect(claim.leases == [PartitionLease(number: 3, epoch: 1), PartitionLease(number: 5, epoch: 1)])
        #expect(try await store.claim([3, 4], for: b).leases.map(\.number) == [4])
        #expect(try await store.claim([], for: b).leases == [])
    }

    /// It may not have heard of it the first time.
    @Test func whoClaimsItsOwnIsToldOfItAgain() async throws {
        let (a, b) = (try await store.joinManager("a"), try await store.joinManager("b"))
        let lease = try await store.claim([7], for: a).leases[0]
        _ = try await store.askShare(of: a, more: 10, account: 10)
        _ = try await store.release([PartitionRelease(lease, running: 4)], of: a)
        let claim = try await store.claim([7], for: b)
        #expect(claim.leases == [PartitionLease(number: 7, epoch: 2, handedOver: 4)] && claim.share == 4)
        #expect(try await store.claim([7], for: b) == claim)
        #expect(try await store.view().sharesTotal == 10)
    }

    @Test func whoIsNoMemberCanDoNothing() async throws {
        let a = try await store.joinManager("a")
        let lease = try await store.claim([1], for: a).leases[0]
        #expect(try await store.evict(a))
        #expect(await isConflict { _ = try await store.claim([2], for: a) })
        #expect(await isConflict { _ = try await store.release([PartitionRelease(lease, running: 0)], of: a) })
        #expect(await isConflict { _ = try await store.recovered(lease, of: a, running: 1) })
        #expect(await isConflict { _ = try await store.askShare(of: a, more: 1, account: 10) })
        #expect(await isConflict { _ = try await store.giveBackShare(of: a, keeping: 0) })
        try await store.leave(a)
        #expect(try await store.view().partitions[1].inheritedFrom == [a])
    }

    @Test func runningInvokesGoOverWithTheirConcurrency() async throws {
        let (a, b) = (try await store.joinManager("a"), try await store.joinManager("b"))
        let leases = try await store.claim([1, 2], for: a).leases
        _ = try await store.askShare(of: a, more: 30, account: 100)
        let releases = zip(leases, [12, 5]).map { PartitionRelease($0, running: $1) }
        #expect(try await store.release(releases, of: a) == 13)
        // Asked for again it is nothing.
        #expect(try await store.release(releases, of: a) == 13)
        let view = try await store.view()
        #expect(view.partitions[1] == Partition(number: 1, epoch: 1, handedOver: 12))
        #expect(view.sharesTotal == 30)
        #expect(try await store.askShare(of: b, more: 100, account: 100) == ShareGrant(share: 70, granted: 70))
        let claim = try await store.claim([1], for: b)
        #expect(claim == PartitionClaim(leases: [PartitionLease(number: 1, epoch: 2, handedOver: 12)], share: 82))
        #expect(try await store.view().sharesTotal == 100)
    }

    @Test func leaseOfAnEarlierEpochReleasesNothing() async throws {
        let a = try await store.joinManager("a")
        let old = try await store.claim([1], for: a).leases[0]
        _ = try await store.release([PartitionRelease(old, running: 0)], of: a)
        _ = try await store.claim([1], for: a)
        _ = try await store.release([PartitionRelease(old, running: 0)], of: a)
        #expect(try await store.view().partitions[1].owner == a)
        #expect(await isConflict { _ = try await store.recovered(old, of: a, running: 1) })
    }

    @Test func moreThanTheShareCannotGoOver() async throws {
        let a = try await store.joinManager("a")
        let leases = try await store.claim([1, 2], for: a).leases
        _ = try await store.askShare(of: a, more: 10, account: 100)
        #expect(try await store.release(leases.map { PartitionRelease($0, running: 8) }, of: a) == 0)
        #expect(try await store.view().sharesTotal == 10)
    }

    @Test func whoLeavesPassesOnWhatRunsAndNoMore() async throws {
        let a = try await store.joinManager("a")
        let leases = try await store.claim([1, 2], for: a).leases
        _ = try await store.askShare(of: a, more: 10, account: 100)
        try await store.leave(a, releasing: [PartitionRelease(leases[0], running: 4)])
        let view = try await store.view()
        #expect(view.partitions[1].handedOver == 4 && view.partitions[2] == Partition(number: 2, epoch: 1))
        #expect(view.sharesTotal == 4)
    }

    // MARK: Evicted managers

    @Test func shareOfAnEvictedManagerIsKeptUntilAllIsCounted() async throws {
        let (a, b) = (try await store.joinManager("a"), try await store.joinManager("b"))
        _ = try await store.claim([1, 2], for: a)
        _ = try await store.askShare(of: a, more: 40, account: 100)
        #expect(try await store.evict(a))
        #expect(try await store.view().shares.first == FleetShare(manager: a, share: 40, isOrphan: true))
        #expect(try await store.askShare(of: b, more: 100, account: 100).granted == 60)
        let leases = try await store.claim([1, 2], for: b).leases
        #expect(leases.map(\.inheritedFrom) == [[a], [a]])
        #expect(try await store.recovered(leases[0], of: b, running: 15) == 75)
        #expect(try await store.recovered(leases[0], of: b, running: 15) == 75)
        #expect(try await store.share(of: a) == 25)
        #expect(try await store.recovered(leases[1], of: b, running: 5) == 80)
        let view = try await store.view()
        #expect(view.shares == [FleetShare(manager: b, share: 80, wanted: 40)])
        #expect(view.partitions.allSatisfy { $0.inheritedFrom.isEmpty })
        #expect(try await store.askShare(of: b, more: 40, account: 100) == ShareGrant(share: 100, granted: 20))
    }

    @Test func noMoreIsRecoveredThanTheEvictedManagerHad() async throws {
        let (a, b) = (try await store.joinManager("a"), try await store.joinManager("b"))
        _ = try await store.claim([1], for: a)
        _ = try await store.askShare(of: a, more: 10, account: 100)
        #expect(try await store.evict(a))
        let lease = try await store.claim([1], for: b).leases[0]
        #expect(try await store.recovered(lease, of: b, running: 11) == 10)
    }

    @Test func evictedManagerWithoutPartitionsLeavesNothing() async throws {
        let a = try await store.joinManager("a")
        _ = try await store.askShare(of: a, more: 10, account: 100)
        #expect(try await store.evict(a))
        #expect(try await store.view().shares == [])
    }

    @Test func heirThatIsEvictedItselfPassesOnWhatItInherited() async throws {
        var managers: [FleetMemberID] = []
        for name in ["a", "b", "c"] { managers.append(try await store.joinManager(name)) }
        _ = try await store.claim([1], for: managers[0])
        _ = try await store.askShare(of: managers[0], more: 10, account: 100)
        #expect(try await store.evict(managers[0]))
        _ = try await store.claim([1], for: managers[1])
        _ = try await store.askShare(of: managers[1], more: 5, account: 100)
        #expect(try await store.evict(managers[1]))
        let lease = try await store.claim([1], for: managers[2]).leases[0]
        #expect(lease.inheritedFrom == Array(managers[0...1]))
        #expect(try await store.recovered(lease, of: managers[2], running: 12) == 12)
        #expect(try await store.view().shares == [FleetShare(manager: managers[2], share: 12)])
    }

    /// Nobody can tell whose invokes are counted: what is counted of one must not be taken from what another still needs.
    @Test func sharesOfSeveralEvictedManagersCoverAllTheyHaveLeft() async throws {
        var managers: [FleetMemberID] = []
        for name in ["a", "b", "c"] { managers.append(try await store.joinManager(name)) }
        // Both have had partition 1; each has five invokes, that of a in 2, that of b in 1.
        for (index, numbers) in [[1, 2], [1, 3]].enumerated() {
            _ = try await store.claim(numbers, for: managers[index])
            _ = try await store.askShare(of: managers[index], more: 5, account: 100)
            #expect(try await store.evict(managers[index]))
        }
        let leases = try await store.claim([1, 2, 3], for: managers[2]).leases
        #expect(leases.map(\.inheritedFrom.count) == [2, 1, 1])
        #expect(try await store.recovered(leases[0], of: managers[2], running: 5) == 5)
        #expect(try await store.recovered(leases[2], of: managers[2], running: 0) == 5)
        #expect(try await store.recovered(leases[1], of: managers[2], running: 5) == 10)
        #expect(try await store.view().shares == [FleetShare(manager: managers[2], share: 10)])
    }

    @Test func inheritedPartitionThatIsReleasedIsStillToBeCounted() async throws {
        let (a, b) = (try await store.joinManager("a"), try await store.joinManager("b"))
        _ = try await store.claim([1], for: a)
        #expect(try await store.evict(a))
        let lease = try await store.claim([1], for: b).leases[0]
        _ = try await store.release([PartitionRelease(lease, running: 0)], of: b)
        #expect(try await store.claim([1], for: b).leases[0].inheritedFrom == [a])
    }

    // MARK: Shares

    @Test func grantsLeaveOutWhatFunctionsHaveClaimed() async throws {
        let functions = SQLMetadataStore(try await PostgresDatabase(settings))
        var record = MetadataStoreContract.record("f")
        record.concurrency.reserved = 30
        try await functions.insert(record)
        let a = try await store.joinManager("a")
        #expect(try await store.askShare(of: a, more: 100, account: 100) == ShareGrant(share: 70, granted: 70))
        #expect(try await store.view().claimedConcurrency == 30)
        #expect(try await store.view().shares == [FleetShare(manager: a, share: 70, wanted: 30)])
        record = MetadataStoreContract.record("g")
        record.concurrency.reserved = 50
        try await functions.insert(record)
        #expect(try await store.askShare(of: a, more: 1, account: 100) == ShareGrant(share: 70, granted: 0))
    }

    @Test func giveBackShrinksAShareAndNeverGrowsIt() async throws {
        let a = try await store.joinManager("a")
        _ = try await store.askShare(of: a, more: 10, account: 100)
        #expect(try await store.giveBackShare(of: a, keeping: 4) == 4)
        #expect(try await store.giveBackShare(of: a, keeping: 8) == 4)
        #expect(try await store.giveBackShare(of: a, keeping: -1) == 0)
        #expect(try await store.askShare(of: a, more: -5, account: 100) == ShareGrant(share: 0, granted: 0))
    }

    @Test func whoWantsNothingMoreIsForgotten() async throws {
        let a = try await store.joinManager("a")
        _ = try await store.askShare(of: a, more: 10, account: 4)
        #expect(try await store.view().shares == [FleetShare(manager: a, share: 4, wanted: 6)])
        _ = try await store.askShare(of: a, more: 0, account: 4)
        #expect(try await store.view().shares == [FleetShare(manager: a, share: 4)])
    }

    // MARK: Many at once

    @Test func partitionsThatManyClaimAtOnceAreDividedAmongThem() async throws {
        var managers: [(FleetMemberID, PostgresFleetStore)] = []
        for index in 0..<6 {
            let store = try await PostgresFleetStore(settings, isListening: false)
            managers.append((try await store.joinManager("m\(index)"), store))
        }
        let all = Array(0..<Partition.count)
        let claims = try await withThrowingTaskGroup(of: [PartitionLease].self) { group in
            for (index, (manager, store)) in managers.enumerated() {
                group.addTask {
                    var leases: Set<PartitionLease> = []
                    // In different orders, and some of them twice.
                    for start in [index * 40, 0, 128] {
                        let some = Array((all[start...] + all[..<start]).prefix(120))
                        leases.formUnion(try await store.claim(some, for: manager).leases)
                    }
                    return Array(leases)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(claims.map { "\($0.number) \($0.epoch)" }).count == claims.count)
        #expect(try await store.view().partitions.allSatisfy { $0.owner != nil })
    }

    @Test func sharesThatManyAskForAtOnceStayWithinThePool() async throws {
        let account = 100
        let finished = Mutex(false)
        let workers = try await (0..<5).asyncMap { index in
            let store = try await PostgresFleetStore(settings, isListening: false)
            return (try await store.joinManager("m\(index)"), store)
        }
        async let isBounded = { [store] in
            while !finished.withLock({ $0 }) {
                guard try await store.view().sharesTotal <= account else { return false }
            }
            return true
        }()
        let grants = try await withThrowingTaskGroup(of: Int.self) { group in
            for (index, (manager, store)) in workers.enumerated() {
                group.addTask {
                    var random = SeededGenerator(seed: UInt64(index))
                    var share = 0
                    for _ in 0..<40 {
                        if Bool.random(using: &random) {
                            let more = Int.random(in: 1...60, using: &random)
                            share = try await store.askShare(of: manager, more: more, account: account).share
                        } else {
                            let kept = Int.random(in: 0...share, using: &random)
                            share = try await store.giveBackShare(of: manager, keeping: kept)
                        }
                    }
                    return share
                }
            }
            return try await group.reduce(0, +)
        }
        finished.withLock { $0 = true }
        #expect(try await isBounded)
        #expect(grants == (try await store.view().sharesTotal))
    }
}

extension Sequence {
    /// Transforms the elements one after the other.
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async throws -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
