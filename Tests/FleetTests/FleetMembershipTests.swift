import MetadataStore
import MetadataStorePostgres
import Synchronization
import TestSupport
import Testing

@testable import Fleet

/// Several managers on one PostgreSQL server, with leases of a few seconds.
@Suite(.enabled(if: TestPostgres.server != nil, "run by scripts/with-postgres"), .timeLimit(.minutes(10)))
struct FleetMembershipTests {
    private let directory: TemporaryDirectory
    private let fleet: FleetHarness

    init() throws {
        directory = try TemporaryDirectory()
        fleet = FleetHarness(directory)
    }

    /// A partition that belongs to a manager by its name.
    private func partition(of name: String, among names: [String]) throws -> Int {
        try #require((0..<Partition.count).first { Rendezvous.owner(of: $0, among: names) == name })
    }

    private func view() async throws -> FleetView {
        let store = try await fleet.openStore()
        var view = FleetView(of: FleetTable.allCases)
        view.apply(try await store.changes(since: view.versions))
        await store.close()
        return view
    }

    // MARK: Partitions

    @Test func partitionsAreDividedAmongThoseWhoAreThere() async throws {
        let a = try await fleet.manager("a")
        await fleet.ledger.until(dividedAmong: ["a"])
        let (b, c) = (try await fleet.manager("b"), try await fleet.manager("c"))
        await fleet.ledger.until(dividedAmong: ["a", "b", "c"])
        try await b.stop()
        await fleet.ledger.until(dividedAmong: ["a", "c"])
        try await a.stop()
        await fleet.ledger.until(dividedAmong: ["c"])
        try await c.stop()
        #expect(fleet.ledger.mistakes == [])
        let view = try await view()
        #expect(view.allMembers == [] && view.partitions.allSatisfy { $0.owner == nil } && view.sharesTotal == 0)
    }

    @Test func othersTakeThePlaceOfOneThatHasDied() async throws {
        let (a, b) = (try await fleet.manager("a"), try await fleet.manager("b"))
        await fleet.ledger.until(dividedAmong: ["a", "b"])
        let number = try partition(of: "b", among: ["a", "b"])
        await fleet.ledger.until { b.holder.share > 0 }
        b.holder.run(5, of: number)
        let dead = try #require(b.membership.member)
        await b.die()
        await fleet.ledger.until(dividedAmong: ["a"])
        #expect(a.holder.inherited.allSatisfy { $0.inheritedFrom == [dead] })
        #expect(Set(a.holder.inherited.map(\.number)).contains(number))
        // What it has left running is counted, and the rest of its share is free again.
        #expect(try await view().shares.contains { $0.manager == dead && $0.isOrphan })
        a.holder.recover { $0.number == number ? 5 : 0 }
        a.holder.wait(95)
        await fleet.ledger.until { a.holder.share == FleetHarness.account }
        #expect(try await view().shares.map(\.manager.name) == ["a"])
        #expect(fleet.ledger.mistakes == [])
        try await a.stop()
    }

    @Test func pausedManagerFindsThatItWasEvictedAndBeginsAnew() async throws {
        let (a, b) = (try await fleet.manager("a"), try await fleet.manager("b"))
        await fleet.ledger.until(dividedAmong: ["a", "b"])
        let first = b.holder.incarnations
        b.store.stall()
        await fleet.ledger.until(dividedAmong: ["a"])
        #expect(!b.membership.isInForce)
        #expect((0..<Partition.count).allSatisfy { b.membership.lease(of: $0) == nil })
        b.store.goOn()
        await fleet.ledger.until(dividedAmong: ["a", "b"])
        #expect(b.holder.events.filter { $0 != "joined" } == ["ended", "evicted"])
        #expect(b.holder.incarnations.count == 2 && b.holder.incarnations.first == first.first)
        #expect(fleet.ledger.mistakes == [])
        for manager in [a, b] { try await manager.stop() }
    }

    /// Nobody else was there to take its place.
    @Test func managerThatWasCutOffGoesOnIfNobodyHasMissedIt() async throws {
        let a = try await fleet.manager("a")
        await fleet.ledger.until(dividedAmong: ["a"])
        a.holder.run(7, of: 3)
        a.store.stall()
        await fleet.ledger.until { a.holder.events.contains("ended") }
        #expect(fleet.ledger.counts == [:])
        a.store.goOn()
        await fleet.ledger.until(dividedAmong: ["a"])
        #expect(a.holder.events == ["joined", "ended", "resumed"])
        #expect(a.holder.running == 7)
        #expect(fleet.ledger.mistakes == [])
        try await a.stop()
    }

    @Test func managerThatStartsAgainHasWhatItsFormerSelfHad() async throws {
        let a = try await fleet.manager("a")
        await fleet.ledger.until(dividedAmong: ["a"])
        await a.die()
        let again = try await fleet.manager("a")
        await fleet.ledger.until(dividedAmong: ["a"])
        #expect(again.holder.inherited.count == Partition.count)
        again.holder.recover { _ in 0 }
        try await again.stop()
        #expect(fleet.ledger.mistakes == [])
    }

    // MARK: Shares

    @Test func runningInvokesGoOverToANewManager() async throws {
        let a = try await fleet.manager("a")
        await fleet.ledger.until(dividedAmong: ["a"])
        await fleet.ledger.until { a.holder.share > 0 }
        let number = try partition(of: "b", among: ["a", "b"])
        a.holder.run(9, of: number)
        let b = try await fleet.manager("b")
        await fleet.ledger.until(dividedAmong: ["a", "b"])
        #expect(a.holder.running == 0 && b.holder.running == 9)
        await fleet.ledger.until { b.holder.share >= 9 }
        let view = try await view()
        #expect(view.sharesTotal <= FleetHarness.account)
        for manager in [a, b] { try await manager.stop() }
    }

    @Test func concurrencyGoesWhereItIsNeeded() async throws {
        let (a, b) = (try await fleet.manager("a"), try await fleet.manager("b"))
        await fleet.ledger.until(dividedAmong: ["a", "b"])
        a.holder.wait(FleetHarness.account)
        await fleet.ledger.until { a.holder.share >= FleetHarness.account - 16 }
        // Half of it is a fair part, which comes free as soon as somebody wants it.
        b.holder.wait(40)
        await fleet.ledger.until { b.holder.share >= 40 }
        #expect(a.holder.share >= FleetHarness.account / 2)
        #expect(try await view().sharesTotal <= FleetHarness.account)
        for manager in [a, b] { try await manager.stop() }
    }

    // MARK: Trouble

    /// What was asked may have been done or not, and invokes come and go meanwhile.
    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func lostRequestsAndAnswersUpsetNothing(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var managers: [TestManager] = []
        for name in ["a", "b", "c"] {
            let manager = try await fleet.manager(name)
            manager.store.lose(oneIn: 8, seed: seed &* 10 &+ UInt64(managers.count))
            managers.append(manager)
        }
        for round in 0..<30 {
            let manager = try #require(managers.randomElement(using: &random))
            let number = Int.random(in: 0..<Partition.count, using: &random)
            manager.holder.run(upTo: Int.random(in: 0...20, using: &random), of: number)
            manager.holder.wait(Int.random(in: 0...30, using: &random))
            for manager in managers { manager.holder.recover { _ in 0 } }
            // Goes on when the manager has heard of something, whatever it is.
            let events = manager.holder.tellings
            await fleet.ledger.until { manager.holder.tellings > events }
            if round == 20 {
                let dead = managers.removeLast()
                await dead.die()
            }
        }
        for manager in managers {
            manager.store.lose(oneIn: nil)
            manager.holder.wait(0)
        }
        await fleet.ledger.until(dividedAmong: ["a", "b"])
        for manager in managers { manager.holder.recover { _ in 0 } }
        let store = try await fleet.openStore()
        store.observe { _ in fleet.ledger.changed() }
        // In the end the store and the managers are of one mind.
        var isAgreed = false
        while !isAgreed {
            let view = try await view()
            #expect(view.sharesTotal <= FleetHarness.account)
            isAgreed = managers.allSatisfy { manager in
                view.shares.contains { $0.manager == manager.membership.member && $0.share == manager.holder.share }
            }
            isAgreed = isAgreed && view.shares.count == 2
            if !isAgreed { await fleet.ledger.change() }
        }
        #expect(managers.allSatisfy { $0.holder.running <= $0.holder.share })
        #expect(fleet.ledger.mistakes == [])
        for manager in managers { try await manager.stop() }
    }

    // MARK: Frontends and workers

    @Test func frontendsKnowWhereEachPartitionIs() async throws {
        let observer = TestMember(fleet.ledger)
        let frontend = try await fleet.member(.frontend, "f", observer: observer)
        let task = Task { await frontend.run() }
        let a = try await fleet.manager("a")
        await fleet.ledger.until { observer.view?.owner(of: 255)?.manager.address == "a:9000" }
        let epoch = try #require(observer.view?.owner(of: 7)?.epoch)
        await a.die()
        await fleet.ledger.until { fleet.ledger.counts.isEmpty }
        let b = try await fleet.manager("b")
        await fleet.ledger.until { observer.view?.owner(of: 7)?.manager.address == "b:9000" }
        #expect(observer.view?.owner(of: 7)?.epoch == epoch + 1)
        #expect(observer.view?.members(.worker) == [])
        task.cancel()
        await task.value
        try await frontend.leave()
        try await b.stop()
        #expect(try await view().allMembers == [])
    }

    @Test func workersHearWhatOperatorsWant() async throws {
        let observer = TestMember(fleet.ledger)
        let worker = try await fleet.member(.worker, "w", observer: observer)
        let task = Task { await worker.run() }
        let store = try await fleet.openStore()
        try await store.setDrain("w", true)
        await fleet.ledger.until { observer.orders == WorkerOrders(isDraining: true) }
        worker.describe(Array("{}".utf8))
        let a = try await fleet.manager("a")
        await fleet.ledger.until { a.holder.view?.members(.worker).first?.details == Array("{}".utf8) }
        #expect(a.holder.view?.members(.worker).first?.orders == WorkerOrders(isDraining: true))
        await fleet.ledger.until { observer.view?.members(.manager).map(\.id.name) == ["a"] }
        // It dies, and managers find out; when nothing can run on it any more, they forget it.
        task.cancel()
        await task.value
        await fleet.ledger.until { a.holder.view?.members(.worker) == [] }
        #expect(a.holder.view?.evictedWorkers.map(\.id.name) == ["w"])
        await fleet.ledger.until { a.holder.view?.evictedWorkers == [] }
        try await a.stop()
    }
}

/// A frontend or a worker.
private final class TestMember: FleetObserver {
    private let state = Mutex<(view: FleetView?, orders: WorkerOrders)>((nil, WorkerOrders()))
    private let ledger: FleetLedger

    init(_ ledger: FleetLedger) {
        self.ledger = ledger
    }

    var view: FleetView? { state.withLock { $0.view } }
    var orders: WorkerOrders { state.withLock { $0.orders } }

    func fleetChanged(_ view: FleetView) {
        state.withLock { $0.view = view }
        ledger.changed()
    }

    func ordersChanged(_ orders: WorkerOrders) {
        state.withLock { $0.orders = orders }
        ledger.changed()
    }
}
