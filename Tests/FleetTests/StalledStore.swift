import MetadataStore
import Synchronization

/// A store that a test has stand still for one member, as if the process were paused or cut off.
final class StalledStore: FleetStore {
    private struct State {
        var isStalled = false
        var waiters: [CheckedContinuation<Void, Never>] = []
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
        await pass()
        try await store.join(member)
    }

    func leave(
        _ member: FleetMemberID,
        releasing releases: [PartitionRelease]
    ) async throws(MetadataStoreError) {
        await pass()
        try await store.leave(member, releasing: releases)
    }

    func renew(
        _ member: FleetMemberID,
        details: [UInt8]?,
        since known: FleetVersions
    ) async throws(MetadataStoreError) -> FleetUpdate? {
        await pass()
        return try await store.renew(member, details: details, since: known)
    }

    func changes(since known: FleetVersions) async throws(MetadataStoreError) -> FleetUpdate {
        await pass()
        return try await store.changes(since: known)
    }

    func renewals() async throws(MetadataStoreError) -> [Incarnation: Int] {
        await pass()
        return try await store.renewals()
    }

    func evict(_ member: FleetMemberID, at renewals: Int) async throws(MetadataStoreError) -> Bool {
        await pass()
        return try await store.evict(member, at: renewals)
    }

    func claim(
        _ partitions: [Int],
        for manager: FleetMemberID
    ) async throws(MetadataStoreError) -> PartitionClaim {
        await pass()
        return try await store.claim(partitions, for: manager)
    }

    func release(
        _ releases: [PartitionRelease],
        of manager: FleetMemberID
    ) async throws(MetadataStoreError) -> Int {
        await pass()
        return try await store.release(releases, of: manager)
    }

    func recovered(
        _ lease: PartitionLease,
        of manager: FleetMemberID,
        running: Int
    ) async throws(MetadataStoreError) -> Int {
        await pass()
        return try await store.recovered(lease, of: manager, running: running)
    }

    func askShare(
        of manager: FleetMemberID,
        more: Int,
        account: Int
    ) async throws(MetadataStoreError) -> ShareGrant {
        await pass()
        return try await store.askShare(of: manager, more: more, account: account)
    }

    func giveBackShare(of manager: FleetMemberID, keeping kept: Int) async throws(MetadataStoreError) -> Int {
        await pass()
        return try await store.giveBackShare(of: manager, keeping: kept)
    }

    func setCordon(_ worker: String, _ isCordoned: Bool) async throws(MetadataStoreError) {
        await pass()
        try await store.setCordon(worker, isCordoned)
    }

    func setDrain(_ worker: String, _ isDraining: Bool) async throws(MetadataStoreError) {
        await pass()
        try await store.setDrain(worker, isDraining)
    }

    func observe(_ observer: @escaping @Sendable (FleetNotice) -> Void) {
        store.observe(observer)
    }
}
