import LambdaAPI
import Logging
package import MetadataStore
import Synchronization
import Telemetry

// How the processes that share a queue divide its shards among themselves.
extension EventQueue {
    /// How shards are leased.
    package struct LeaseSettings: Sendable {
        /// Names this process among all that use the store, and those that ever did.
        package var owner: String
        /// How long a lease is in force unless it is renewed: as long as the events of a process that has died wait at most
        /// until another attempts them.
        package var duration: Duration
        /// How often leases are renewed, and what nobody has is leased.
        package var interval: Duration

        package init(owner: String, duration: Duration = .seconds(10), interval: Duration = .seconds(2)) {
            self.owner = owner
            self.duration = duration
            self.interval = interval
        }
    }

    /// After how many rounds events are looked for, in case that a notice was lost.
    private static let rescanRounds = 15

    /// Leases a fair share of the shards, and keeps it until the task is cancelled; the events of other shards are accepted
    /// all the same. In place of ``start(as:)``, where several processes use the store.
    ///
    /// While the store does not answer, what is leased is used until shortly before others could lease it.
    package func keepLeases(_ settings: LeaseSettings) async {
        dependencies.store.observeAppends { [weak self] in self?.heard($0) }
        var round = 0
        while !Task.isCancelled {
            round += 1
            do throws(MetadataStoreError) {
                try await tendLeases(settings)
                let hasMissed = state.withLock { state in
                    defer { state.hasMissedAppends = false }
                    return state.hasMissedAppends
                }
                if hasMissed || round.isMultiple(of: Self.rescanRounds) { try await rescan() }
            } catch {
                dependencies.logger.error("leases cannot be renewed", metadata: [LogKey.error: "\(error)"])
            }
            lose(state.withLock { $0.holdings.timePassed(at: .now) })
            try? await Task.sleep(for: settings.interval)
        }
    }

    /// Gives all leases back, so that others need not wait for their end. To be called after ``drain()``, when
    /// ``keepLeases(_:)`` has returned.
    package func releaseLeases(of owner: String) async throws(MetadataStoreError) {
        let leases = state.withLock { $0.holdings.leases }
        try await dependencies.store.leave(owner)
        try await dependencies.store.release(leases)
        drop(leases.map(\.shard))
    }

    /// One round: renews, gives back what is more than a fair share, and leases what is less.
    func tendLeases(_ settings: LeaseSettings) async throws(MetadataStoreError) {
        let begun = ContinuousClock.now
        let store = dependencies.store
        let now = try await store.now()
        let end = Timestamp(milliseconds: now.milliseconds + Int(settings.duration / .milliseconds(1)))
        // Not used in the last tenth, which leaves room for clocks that run at different rates.
        let usable = begun + settings.duration * 9 / 10
        let held = state.withLock { $0.holdings.leases }
        let renewed = try await store.renew(held, until: end)
        lose(state.withLock { $0.holdings.renewed(renewed, of: held, until: usable) })

        let ownerCount = try await store.join(settings.owner, at: now, until: end)
        let balance = state.withLock { state in
            let balance = state.holdings.balance(shardCount: Self.shards.count, ownerCount: ownerCount)
            if case .leave(let shards) = balance {
                for shard in shards { state.dispatcher.leave(shard) }
            }
            return balance
        }
        try await giveBack()
        guard case .lease(let count) = balance, count > 0 else { return }
        let leases = try await store.claimShards(
            for: settings.owner,
            of: Self.shards.count,
            limit: count,
            at: now,
            until: end
        )
        state.withLock { $0.holdings.leased(leases, until: usable) }
        for (index, lease) in leases.enumerated() {
            do throws(MetadataStoreError) {
                try await take(lease)
            } catch {
                // Others have them when the leases end, or this process does in a later round.
                drop(leases[index...].map(\.shard))
                throw error
            }
        }
    }

    /// Looks for events of which nothing was heard.
    private func rescan() async throws(MetadataStoreError) {
        for shard in state.withLock({ Array($0.leases.keys) }) {
            let lanes = try await dependencies.store.lanes(of: shard)
            update { state, now in
                guard state.leases[shard] != nil else { return [] }
                return state.dispatcher.shardRescanned(shard, lanes, at: now)
            }
        }
    }

    /// Gives back what is to be given back and of which nothing is underway.
    private func giveBack() async throws(MetadataStoreError) {
        let idle = state.withLock { state in
            state.holdings.leaving.filter { state.dispatcher.isIdle($0.shard) }
        }
        guard !idle.isEmpty else { return }
        drop(idle.map(\.shard))
        try await dependencies.store.release(idle)
    }

    /// Leases are over that were to go on.
    func lose(_ shards: [Int]) {
        guard !shards.isEmpty else { return }
        for shard in shards {
            dependencies.logger.error("the lease of a shard is over", metadata: [LogKey.item: "shard \(shard)"])
        }
        drop(shards)
    }

    private func drop(_ shards: [Int]) {
        update { state, _ in
            for shard in shards {
                state.leases[shard] = nil
                state.depths[shard] = nil
                state.holdings.lost(shard)
                state.dispatcher.shardLost(shard)
            }
            return []
        }
    }

    /// Others have appended events.
    private func heard(_ notice: AppendNotice) {
        update { state, now in
            switch notice {
            case .appended(let shard, let lane, let count):
                guard state.leases[shard] != nil else { return [] }
                state.depths[shard]? += count
                return state.dispatcher.appendedByOthers(count, to: .init(shard: shard, lane: lane), at: now)
            case .missed:
                state.hasMissedAppends = true
                return []
            }
        }
    }
}
