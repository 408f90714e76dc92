import MetadataStore
import Synchronization
import TestSupport

/// A store that a test has stand still for one member, as if the process were paused or cut off, or of which requests and
/// answers are lost.
final class UnreliableStore: FleetStore {
    private struct State {
        var isStalled = false
        var waiters: [CheckedContinuation<Void, Never>] = []
        /// One in so many requests is lost, and as many answers; nil for none.
        var lossRate: Int?
        var random = SeededGenerator(seed: 0)

        mutating func isLost() -> Bool {
            guard let lossRate else { return false }
            return Int.random(in: 0..<lossRate, using: &random) == 0
        }
    }

    private let store: any FleetStore
    private let state = Mutex(State())

    init(_ store: any FleetStore) {
        self.store = store
    }

    func stall() {
        state.withLock { $0.isStalled = true }
    }

    func goOn() {
        let waiters = state.withLock { state in
            state.isStalled = false
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Has one in so many requests be lost from now on, and as many answers; none with nil.
    func lose(oneIn rate: Int?, seed: UInt64 = 0) {
        state.withLock { state in
            state.lossRate = rate
            state.random = SeededGenerator(seed: seed)
        }
    }

    private func passed<Value>(
        _ body: () async throws(MetadataStoreError) -> Value
    ) async throws(MetadataStoreError) -> Value {
        await pass()
        let (isRequestLost, isAnswerLost) = state.withLock { ($0.isLost(), $0.isLost()) }
        guard !isRequestLost else { throw Self.loss }
        let value = try await body()
        guard !isAnswerLost else { throw Self.loss }
        return value
    }

    private static let loss = MetadataStoreError(.unavailable, "failed to reach the store: a test has had it lost")

    private func pass() async {
        await withCheckedContinuation { waiter in
            let isStalled = state.withLock { state in
                if state.isStalled { state.waiters.append(waiter) }
                return state.isStalled
            }
            if !isStalled { waiter.resume() }
        }
    }

    func join(_ member: FleetMember) async throws(MetadataStoreError) {
        try await passed { () async throws(MetadataStoreError) in try await store.join(member) }
    }

    func leave(
        _ member: FleetMemberID,
        releasing releases: [PartitionRelease]
    ) async throws(MetadataStoreError) {
        try await passed { () async throws(MetadataStoreError) in try await store.leave(member, releasing: releases) }
    }

    func renew(
        _ member: FleetMemberID,
        details: [UInt8]?,
        since known: FleetVersions
    ) async throws(MetadataStoreError) -> FleetUpdate? {
        try await passed { () async throws(MetadataStoreError) in
            try await store.renew(member, details: details, since: known)
        }
    }

    func changes(since known: FleetVersions) async throws(MetadataStoreError) -> FleetUpdate {
        try await passed { () async throws(MetadataStoreError) in try await store.changes(since: known) }
    }

    func renewals() async throws(MetadataStoreError) -> [Incarnation: Int] {
        try await passed { () async throws(MetadataStoreError) in try await store.renewals() }
    }

    func evict(_ member: FleetMemberID, at renewals: Int) async throws(MetadataStoreError) -> Bool {
        try await passed { () async throws(MetadataStoreError) in try await store.evict(member, at: renewals) }
    }

    func forget(_ worker: FleetMemberID) async throws(MetadataStoreError) -> Bool {
        try await passed { () async throws(MetadataStoreError) in try await store.forget(worker) }
    }

    func claim(
        _ partitions: [Int],
        for manager: FleetMemberID
    ) async throws(MetadataStoreError) -> PartitionClaim {
        try await passed { () async throws(MetadataStoreError) in try await store.claim(partitions, for: manager) }
    }

    func release(
        _ releases: [PartitionRelease],
        of manager: FleetMemberID
    ) async throws(MetadataStoreError) -> Int {
        try await passed { () async throws(MetadataStoreError) in try await store.release(releases, of: manager) }
    }

    func recovered(
        _ lease: PartitionLease,
        of manager: FleetMemberID,
        running: Int
    ) async throws(MetadataStoreError) -> Int {
        try await passed { () async throws(MetadataStoreError) in
            try await store.recovered(lease, of: manager, running: running)
        }
    }

    func askShare(
        of manager: FleetMemberID,
        more: Int,
        account: Int
    ) async throws(MetadataStoreError) -> ShareGrant {
        try await passed { () async throws(MetadataStoreError) in
            try await store.askShare(of: manager, more: more, account: account)
        }
    }

    func giveBackShare(of manager: FleetMemberID, keeping kept: Int) async throws(MetadataStoreError) -> Int {
        try await passed { () async throws(MetadataStoreError) in
            try await store.giveBackShare(of: manager, keeping: kept)
        }
    }

    func setCordon(_ worker: String, _ isCordoned: Bool) async throws(MetadataStoreError) {
        try await passed { () async throws(MetadataStoreError) in try await store.setCordon(worker, isCordoned) }
    }

    func setDrain(_ worker: String, _ isDraining: Bool) async throws(MetadataStoreError) {
        try await passed { () async throws(MetadataStoreError) in try await store.setDrain(worker, isDraining) }
    }

    func workerOrders() async throws(MetadataStoreError) -> [String: WorkerOrders] {
        try await passed { () async throws(MetadataStoreError) in try await store.workerOrders() }
    }

    func observe(_ observer: @escaping @Sendable (FleetNotice) -> Void) {
        store.observe(observer)
    }
}
