import MetadataStore
import Synchronization
import TestSupport
import Testing

@testable import MetadataStorePostgres

/// What the bookkeeping of a fleet promises of members; ``FleetPartitionTests`` has partitions and shares.
@Suite(.enabled(if: TestPostgres.server != nil, "run by scripts/with-postgres"), .timeLimit(.minutes(10)))
struct FleetMemberTests {
    private let directory: TemporaryDirectory
    private let settings: PostgresSettings
    private let store: PostgresFleetStore

    init() async throws {
        directory = try TemporaryDirectory()
        settings = .test(directory)
        store = try await PostgresFleetStore(settings)
    }

    @Test func membersAreReadAsTheyWereWritten() async throws {
        var members = [
            FleetMember.test(.frontend, "a"), .test(.manager, "a"), .test(.worker, "ünïcode"),
            .test(.worker, "w", details: #"{"zone": "ö", "cpus": 4}"#),
        ]
        members[3].details += [0, 0xFF]
        for member in members { try await store.join(member) }
        let view = try await store.view()
        #expect(view.members(.frontend) == [members[0]])
        #expect(view.members(.manager) == [members[1]])
        #expect(view.members(.worker) == [members[3], members[2]])
        #expect(view.partitions == (0..<Partition.count).map { Partition(number: $0) })
        #expect(view.shares == [FleetShare(manager: members[1].id, share: 0)])
    }

    @Test func joiningTwiceIsJoiningOnce() async throws {
        let member = FleetMember.test(.manager, "a")
        try await store.join(member)
        _ = try await store.askShare(of: member.id, more: 10, account: 100)
        try await store.join(member)
        #expect(try await store.view().members(.manager) == [member])
        #expect(try await store.share(of: member.id) == 10)
    }

    @Test(arguments: [FleetRole.frontend, .worker])
    func newIncarnationTakesTheFormerOnesPlace(role: FleetRole) async throws {
        let (old, new) = (FleetMember.test(role, "a"), FleetMember.test(role, "a"))
        try await store.join(old)
        try await store.join(.test(role, "b"))
        try await store.join(new)
        #expect(try await store.view().members(role).map(\.id.name) == ["a", "b"])
        #expect(try await store.renew(old.id) == nil)
        #expect(try await store.renew(new.id) != nil)
    }

    /// It may still decide for its partitions.
    @Test func formerIncarnationOfAManagerStaysUntilItIsEvicted() async throws {
        let (old, new) = (try await store.joinManager("a"), try await store.joinManager("a"))
        _ = try await store.claim([1], for: old)
        #expect(try await store.claim([1], for: new).leases == [])
        #expect(try await store.evict(old))
        #expect(try await store.claim([1], for: new).leases.first?.inheritedFrom == [old])
    }

    // MARK: Leases

    @Test func memberThatHasRenewedSinceIsNotEvicted() async throws {
        let member = FleetMember.test(.worker, "w")
        try await store.join(member)
        let seen = try #require(try await store.renewals()[member.id.incarnation])
        _ = try await store.renew(member.id)
        #expect(try await store.evict(member.id, at: seen) == false)
        #expect(try await store.renew(member.id) != nil)
        #expect(try await store.renewals() == [member.id.incarnation: seen + 2])
    }

    @Test(arguments: FleetRole.allCases)
    func evictedMemberIsToldWhenItRenews(role: FleetRole) async throws {
        let member = FleetMember.test(role, "m")
        try await store.join(member)
        #expect(try await store.evict(member.id))
        #expect(try await store.evict(member.id, at: 0) == false)
        #expect(try await store.renew(member.id) == nil)
        #expect(try await store.renew(member.id, details: [1], since: FleetVersions(of: FleetTable.allCases)) == nil)
        #expect(try await store.view().allMembers == [])
    }

    /// It may still run what managers have given it, of which those must know that come later.
    @Test func evictedWorkerStaysListedUntilItIsForgotten() async throws {
        let (worker, manager) = (FleetMember.test(.worker, "w"), FleetMember.test(.manager, "m"))
        for member in [worker, manager] { try await store.join(member) }
        #expect(try await store.forget(worker.id) == false)
        for member in [worker, manager] { #expect(try await store.evict(member.id)) }
        var evicted = worker
        evicted.isEvicted = true
        let view = try await store.view()
        #expect(view.evictedWorkers == [evicted] && view.allMembers == [])
        #expect(try await store.renewals() == [:])
        #expect(try await store.evict(worker.id, at: 0) == false)
        #expect(try await store.renew(worker.id, details: [1], since: FleetVersions(of: [])) == nil)
        #expect(try await store.view().evictedWorkers == [evicted])
        #expect(try await store.forget(worker.id))
        #expect(try await store.forget(worker.id) == false)
        #expect(try await store.view().evictedWorkers == [])
    }

    /// What it had before, it has still, and tells whoever asks.
    @Test func workerThatJoinsAgainIsEvictedNoMore() async throws {
        let (first, second) = (FleetMember.test(.worker, "w"), FleetMember.test(.worker, "w"))
        try await store.join(first)
        #expect(try await store.evict(first.id))
        // A request that was under way for long.
        try await store.join(first)
        #expect(try await store.view().members(.worker) == [])
        try await store.join(second)
        let view = try await store.view()
        #expect(view.members(.worker) == [second] && view.evictedWorkers == [])
        #expect(try await store.forget(first.id) == false)
        #expect(try await store.evict(second.id))
        try await store.leave(second.id)
        #expect(try await store.view().evictedWorkers == [])
    }

    /// Either the renewal comes first and the eviction finds that it has, or the other way round.
    @Test func ofRenewalAndEvictionAtTheSameTimeOneSucceeds() async throws {
        let other = try await PostgresFleetStore(settings, isListening: false)
        for round in 0..<40 {
            let member = FleetMember.test(round.isMultiple(of: 2) ? .worker : .manager, "m\(round)")
            try await store.join(member)
            async let isEvicted = other.evict(member.id, at: 0)
            async let update = store.renew(member.id)
            let outcomes = (try await isEvicted, try await update != nil)
            #expect(outcomes.0 != outcomes.1, "round \(round)")
        }
    }

    @Test func whoLeavesIsNoMemberAndMayLeaveAgain() async throws {
        let manager = try await store.joinManager("a")
        let worker = FleetMember.test(.worker, "w")
        try await store.join(worker)
        for member in [manager, worker.id, worker.id, manager] { try await store.leave(member) }
        let view = try await store.view()
        #expect(view.allMembers == [] && view.shares == [])
    }

    // MARK: Versions

    @Test func renewalsReadOnlyWhatHasChanged() async throws {
        let manager = try await store.joinManager("m")
        var view = FleetView(of: FleetTable.allCases)
        func renewed() async throws -> FleetUpdate {
            let update = try #require(try await store.renew(manager, details: nil, since: view.versions))
            view.apply(update)
            return update
        }
        #expect(try await renewed().partitions?.count == Partition.count)
        #expect(try await renewed().isEmpty)
        let worker = FleetMember.test(.worker, "w")
        try await store.join(worker)
        #expect(try await renewed().members == [.worker: [worker]])
        // Renewals, and documents that say the same, are no changes.
        let known = FleetVersions(of: [])
        _ = try await store.renew(worker.id, details: worker.details, since: known)
        #expect(try await renewed().isEmpty)
        _ = try await store.renew(worker.id, details: [7], since: known)
        #expect(try await renewed().members[.worker]?.map(\.details) == [[7]])
        _ = try await store.claim([3], for: manager)
        let update = try await renewed()
        #expect(update.members.isEmpty && update.shares == nil)
        #expect(update.partitions?[3] == Partition(number: 3, owner: manager, epoch: 1))
        #expect(view.owner(of: 3)?.manager.address == "m:9000")
        #expect(view.owner(of: 4) == nil)
        #expect(try await store.evict(worker.id))
        #expect(try await renewed().members[.worker]?.map(\.isEvicted) == [true])
        #expect(try await store.forget(worker.id))
        #expect(try await renewed().members == [.worker: []])
    }

    @Test func onlyTablesThatAreAskedForAreRead() async throws {
        let worker = FleetMember.test(.worker, "w")
        try await store.join(worker)
        let manager = try await store.joinManager("m")
        let asked = FleetVersions(of: [.managers])
        let update = try #require(try await store.renew(worker.id, details: nil, since: asked))
        #expect(update.members.keys.map(\.rawValue) == ["manager"])
        #expect(update.partitions == nil && update.shares == nil && update.claimedConcurrency == nil)
        #expect(update.members[.manager]?.first?.id == manager)
    }

    // MARK: Operators

    @Test func ordersAreKeptByNameWhateverTheWorkerDoes() async throws {
        try await store.setCordon("w", true)
        let first = FleetMember.test(.worker, "w")
        try await store.join(first)
        #expect(try await store.renew(first.id)?.orders == WorkerOrders(isCordoned: true))
        try await store.setDrain("w", true)
        #expect(
            try await store.view().members(.worker).first?.orders == WorkerOrders(isCordoned: true, isDraining: true)
        )
        try await store.leave(first.id)
        #expect(try await store.workerOrders() == ["w": WorkerOrders(isCordoned: true, isDraining: true)])
        let second = FleetMember.test(.worker, "w")
        try await store.join(second)
        try await store.setCordon("w", false)
        #expect(try await store.renew(second.id)?.orders == WorkerOrders(isDraining: true))
        try await store.setDrain("w", false)
        #expect(try await store.renew(second.id)?.orders == WorkerOrders())
        #expect(try await store.workerOrders().isEmpty)
        // A manager of that name is another.
        let manager = try await store.joinManager("v")
        try await store.setCordon("v", true)
        #expect(try await store.renew(manager)?.orders == WorkerOrders())
    }

    // MARK: Notices

    @Test func changesAreToldToAllWhoListen() async throws {
        let other = try await PostgresFleetStore(settings)
        let (heard, tell) = AsyncStream.makeStream(of: FleetNotice.self)
        other.observe { tell.yield($0) }
        var notices = heard.makeAsyncIterator()
        let manager = try await store.joinManager("m")
        #expect(await notices.next() == .changed(.managers))
        #expect(await notices.next() == .changed(.shares))
        _ = try await store.renew(manager)
        _ = try await store.claim([1], for: manager)
        #expect(await notices.next() == .changed(.partitions))
        _ = try await store.askShare(of: manager, more: 20, account: 10)
        #expect(await notices.next() == .changed(.shares))
        #expect(await notices.next() == .wanted)
        // Nothing has changed by this.
        _ = try await store.askShare(of: manager, more: 10, account: 10)
        _ = try await store.giveBackShare(of: manager, keeping: 10)
        try await store.setCordon("w", true)
        #expect(await notices.next() == .changed(.workers))
    }

    @Test func whoWasCutOffIsToldThatItHasMissedSomething() async throws {
        let (heard, tell) = AsyncStream.makeStream(of: FleetNotice.self)
        store.observe { tell.yield($0) }
        let connection = try PostgresConnection(TestPostgres.server ?? "")
        _ = try connection.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ?1",
            [settings.schema]
        )
        for await notice in heard where notice == .missed { break }
    }
}
