import Fleet
import Logging
import MetadataStore
import MetadataStorePostgres
import Synchronization
import TestSupport

/// Managers of one fleet in this process, each with connections of its own, and a record of who holds what.
final class FleetHarness: Sendable {
    /// Leases as short as a busy host allows: what is tested takes one to end.
    static let lease = Duration.seconds(3)
    static let account = 100

    private let settings: PostgresSettings
    let ledger = FleetLedger()

    init(_ directory: TemporaryDirectory) {
        settings = PostgresSettings(
            address: TestPostgres.address(for: directory),
            schema: TestPostgres.schema(for: directory),
            connectionsMax: 3
        )
    }

    func openStore() async throws -> PostgresFleetStore { try await PostgresFleetStore(settings) }

    func manager(_ name: String, clock: any FleetClock = HostFleetClock()) async throws -> TestManager {
        let store = UnreliableStore(try await openStore())
        let observer = TestHolder(name, ledger)
        let membership = FleetMembership(
            manager: settings(.manager, name),
            store: store,
            clock: clock,
            holder: observer,
            logger: Self.logger
        )
        observer.membership.withLock { $0 = membership }
        return TestManager(membership: membership, holder: observer, store: store)
    }

    func member(
        _ role: FleetRole,
        _ name: String,
        observer: any FleetObserver
    ) async throws -> FleetMembership {
        let store = try await openStore()
        return FleetMembership(settings(role, name), store: store, observer: observer, logger: Self.logger)
    }

    private func settings(_ role: FleetRole, _ name: String) -> FleetMembership.Settings {
        .init(
            role: role,
            name: name,
            address: "\(name):9000",
            lease: Self.lease,
            accountConcurrency: Self.account,
            fence: .seconds(1)
        )
    }

    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// A manager's membership that a test runs.
final class TestManager: Sendable {
    let membership: FleetMembership
    let holder: TestHolder
    let store: UnreliableStore
    private let task: Task<Void, Never>

    init(membership: FleetMembership, holder: TestHolder, store: UnreliableStore) {
        self.membership = membership
        self.holder = holder
        self.store = store
        task = Task { await membership.run() }
    }

    /// Ends it without a word to anybody.
    func die() async {
        holder.die()
        task.cancel()
        await task.value
    }

    /// Ends it in order.
    func stop() async throws {
        task.cancel()
        await task.value
        try await membership.leave()
    }
}

/// Who holds which partition, as the managers themselves say. Whoever waits for something is told of each change.
final class FleetLedger: Sendable {
    private struct State {
        var holders: [Int: (name: String, epoch: Int)] = [:]
        var epochs: [Int: Int] = [:]
        var mistakes: [String] = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var mistakes: [String] { state.withLock { $0.mistakes } }

    /// How many partitions each manager holds.
    var counts: [String: Int] {
        state.withLock { state in
            state.holders.values.reduce(into: [:]) { $0[$1.name, default: 0] += 1 }
        }
    }

    func gained(_ lease: PartitionLease, by name: String) {
        change { state in
            if let holder = state.holders[lease.number] {
                state.mistakes.append("\(name) gains \(lease.number) of \(holder.name)")
            }
            if let epoch = state.epochs[lease.number], lease.epoch < epoch {
                state.mistakes.append("\(name) gains \(lease.number) under an old epoch")
            }
            state.holders[lease.number] = (name, lease.epoch)
            state.epochs[lease.number] = lease.epoch
        }
    }

    func lost(_ number: Int, by name: String) {
        change { state in
            if state.holders[number]?.name == name { state.holders[number] = nil }
        }
    }

    func died(_ name: String) {
        change { state in state.holders = state.holders.filter { $0.value.name != name } }
    }

    /// Something else has changed that somebody may wait for.
    func changed() {
        change { _ in }
    }

    private func change(_ body: (inout sending State) -> Void) {
        let waiters = state.withLock { state in
            body(&state)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when something has changed.
    func change() async {
        await withCheckedContinuation { waiter in state.withLock { $0.waiters.append(waiter) } }
    }

    /// Returns when a condition holds that anything of this may make true.
    func until(_ condition: () -> Bool) async {
        while !condition() {
            await withCheckedContinuation { waiter in
                // Registered before it is looked at again, so that no change is missed.
                state.withLock { $0.waiters.append(waiter) }
                if condition() { changed() }
            }
        }
    }

    /// Returns when all partitions are held, by these managers and no others.
    func until(dividedAmong names: [String]) async {
        let shares = (0..<Partition.count).reduce(into: [:]) { counts, partition in
            counts[Rendezvous.owner(of: partition, among: names) ?? "", default: 0] += 1
        }
        await until { counts == shares }
    }
}
