import Logging
package import MetadataStore
import Telemetry

// What a manager does beside renewing its lease. All of it is done one thing after the other, so that what the store
// answers is known before anything else is decided; what could not be written is written first when it is tried again.
extension FleetMembership {
    /// Why a round has ended early.
    private enum RoundError: Error {
        /// The lease is over, or is another one.
        case over
        case store(MetadataStoreError)
    }

    // MARK: What the manager asks

    /// All is counted that runs of an inherited partition. Forgotten if the lease is over meanwhile.
    ///
    /// - Parameter running: Invokes of functions without reserved concurrency.
    package func recovered(_ lease: PartitionLease, running: Int) {
        tell { state, _ in
            state.manager.recoveries.append(.init(lease: lease, running: running))
            return ([], ())
        }
        managerSignal.set()
    }

    /// More of the share is needed than before, or less: an invoke waits for it. To be called when the first begins to
    /// wait.
    package func shareUseChanged() {
        managerSignal.set()
    }

    // MARK: Rounds

    /// Tends partitions and the share until the task is cancelled.
    func keepPartitions(_ holder: any PartitionHolder) async {
        var watch = MemberWatch()
        var evicted = EvictedWatch()
        var nextLook = Int.min
        // Rounds for the share's sake are many; who has which partition is gone through when that may have changed.
        var divided: FleetVersions?
        while !Task.isCancelled {
            do throws(RoundError) {
                let id = try self.id()
                try await writeWhatIsLeft(id)
                if clock.now() >= nextLook {
                    divided = nil
                    try await look(&watch, id)
                    try await forget(&evicted, id)
                    nextLook = clock.now() + interval / 2
                }
                let versions = view.versions
                if versions != divided {
                    divided = nil
                    try await divide(holder, watch, id)
                    divided = versions
                }
                try await tendShare(holder, id)
            } catch {
                if case .store(let error) = error {
                    failed("the fleet's bookkeeping cannot be tended", error)
                    if error.code == .conflict { renewSoon() }
                }
            }
            let now = clock.now()
            let decision = tell { state, _ in ([], state.manager.keeper.nextDecision) }
            await managerSignal.wait(until: decision > now ? min(decision, now + interval) : now + interval, by: clock)
        }
    }

    private var interval: Int { Int(settings.lease / .nanoseconds(1)) / 5 }

    /// The member that acts. Throws if its lease is not in force.
    private func id() throws(RoundError) -> FleetMemberID {
        guard let member else { throw .over }
        return member
    }

    /// Changes the state if the membership is still the same. Throws if it is not.
    private func tell<Value>(
        as id: FleetMemberID,
        _ body: (inout State, Int) -> ([Telling], Value)
    ) throws(RoundError) -> Value {
        let value: Value? = tell { state, now in
            guard state.member.id == id else { return ([], nil) }
            let (tellings, value) = body(&state, now)
            return (tellings, value)
        }
        guard let value else { throw .over }
        return value
    }

    private func stored<Value>(
        _ body: () async throws(MetadataStoreError) -> Value
    ) async throws(RoundError) -> Value {
        do throws(MetadataStoreError) {
            return try await body()
        } catch {
            throw .store(error)
        }
    }

    /// Writes what has been decided already and takes effect here.
    private func writeWhatIsLeft(_ id: FleetMemberID) async throws(RoundError) {
        let left = try tell(as: id) { state, _ in ([], state.manager) }
        if let kept = left.kept {
            let share = try await stored { () throws(MetadataStoreError) in
                try await store.giveBackShare(of: id, keeping: kept)
            }
            try tell(as: id) { state, _ in
                state.manager.kept = nil
                return (state.manager.shareIs(share), ())
            }
        }
        if !left.releases.isEmpty {
            let share = try await stored { () throws(MetadataStoreError) in
                try await store.release(left.releases, of: id)
            }
            try tell(as: id) { state, _ in
                state.manager.releases.removeFirst(left.releases.count)
                return (state.manager.shareIs(share), ())
            }
        }
        for recovery in left.recoveries {
            let share = try await recover(recovery, id)
            try tell(as: id) { state, _ in
                state.manager.recoveries.removeFirst()
                return (share.map { state.manager.shareIs($0) } ?? [], ())
            }
        }
    }

    /// Returns the share afterwards; nil if the partition is another's by now, which then counts anew.
    private func recover(
        _ recovery: ManagerState.Recovery,
        _ id: FleetMemberID
    ) async throws(RoundError) -> Int? {
        do throws(MetadataStoreError) {
            return try await store.recovered(recovery.lease, of: id, running: recovery.running)
        } catch  where error.code == .conflict {
            renewSoon()
            return nil
        } catch {
            throw .store(error)
        }
    }

    /// Evicts whoever has been silent for all of its lease.
    private func look(_ watch: inout MemberWatch, _ id: FleetMemberID) async throws(RoundError) {
        let renewals = try await stored { () throws(MetadataStoreError) in try await store.renewals() }
        let others = view.allMembers.filter { $0.id != id }
        for eviction in watch.looked(at: others, renewals, at: clock.now()) {
            let isEvicted = try await stored { () throws(MetadataStoreError) in
                try await store.evict(eviction.member, at: eviction.renewals)
            }
            guard isEvicted else { continue }
            logger.notice("a member of the fleet is silent", metadata: [LogKey.item: "\(eviction.member)"])
            renewSoon()
        }
    }

    /// Has evicted workers listed no more that can have nothing running.
    private func forget(_ evicted: inout EvictedWatch, _ id: FleetMemberID) async throws(RoundError) {
        for worker in evicted.looked(at: view, fence: Int(settings.fence / .nanoseconds(1)), at: clock.now()) {
            let isForgotten = try await stored { () throws(MetadataStoreError) in try await store.forget(worker) }
            guard isForgotten else { continue }
            logger.notice("an evicted worker is forgotten", metadata: [LogKey.item: "\(worker)"])
            renewSoon()
        }
    }

    /// Claims and releases partitions.
    private func divide(
        _ holder: any PartitionHolder,
        _ watch: MemberWatch,
        _ id: FleetMemberID
    ) async throws(RoundError) {
        let decision = try tell(as: id) { state, now in
            // What is read while the lease is over says nothing of when it is in force again.
            guard state.lease.isInForce(at: now) else { return ([], PartitionHoldings.Decision()) }
            let decision = state.manager.holdings.decide(
                state.view.members(.manager),
                state.view.partitions,
                isSettled: watch.isSettled
            )
            state.manager.holdings.released(decision.released)
            return (decision.lost.isEmpty ? [] : [.lost(decision.lost)], decision)
        }
        if !decision.claimed.isEmpty { try await claim(decision.claimed, id) }
        guard !decision.released.isEmpty else { return }
        let running = await holder.partitionsReleased(decision.released)
        try tell(as: id) { state, _ in
            let releases = decision.released.map { PartitionRelease($0, running: running[$0.number] ?? 0) }
            state.manager.releases += releases
            let rest = state.manager.keeper.share - releases.reduce(0) { $0 + $1.running }
            state.manager.keeper.shareIs(max(0, rest))
            return ([], ())
        }
        try await writeWhatIsLeft(id)
    }

    private func claim(_ partitions: [Int], _ id: FleetMemberID) async throws(RoundError) {
        let claim: PartitionClaim
        do throws(MetadataStoreError) {
            claim = try await store.claim(partitions, for: id)
        } catch {
            try tell(as: id) { state, now in
                state.manager.keeper.requestFailed(at: now)
                return ([], ())
            }
            throw .store(error)
        }
        try tell(as: id) { state, now in
            let share = state.manager.shareIs(claim.share)
            // What was claimed is held when the lease is in force again.
            guard state.lease.isInForce(at: now) else { return (share, ()) }
            let gained = state.manager.holdings.claimed(claim.leases)
            // First what runs, then how much may.
            return ((gained.isEmpty ? [] : [.gained(gained)]) + share, ())
        }
    }

    /// Asks for more of the concurrency, or gives some back.
    private func tendShare(_ holder: any PartitionHolder, _ id: FleetMemberID) async throws(RoundError) {
        let use = holder.shareUse()
        let account = settings.accountConcurrency
        let decision = try tell(as: id) { state, now in
            let surroundings = ShareKeeper.Surroundings(of: id, in: state.view, account: account)
            return ([], state.manager.keeper.decide(use, surroundings, at: now))
        }
        switch decision {
        case nil: break
        case .ask(let more): try await askShare(more, id)
        case .giveBack(let kept):
            let rest = holder.shareShrinks(to: kept)
            let hasShrunk = try tell(as: id) { state, now in
                guard rest < state.manager.keeper.share else { return ([], false) }
                state.manager.keeper.gaveBack(keeping: rest, at: now)
                state.manager.kept = rest
                return ([], true)
            }
            if hasShrunk { try await writeWhatIsLeft(id) }
        }
    }

    private func askShare(_ more: Int, _ id: FleetMemberID) async throws(RoundError) {
        do throws(MetadataStoreError) {
            let grant = try await store.askShare(of: id, more: more, account: settings.accountConcurrency)
            try? tell(as: id) { state, now in
                let tellings = state.manager.shareIs(grant.share)
                state.manager.keeper.asked(more, grant, at: now)
                return (tellings, ())
            }
        } catch {
            try tell(as: id) { state, now in
                state.manager.keeper.requestFailed(at: now)
                return ([], ())
            }
            throw .store(error)
        }
    }

    // MARK: The end

    /// Stops all partitions. Returns what the store has still to be told of.
    func releaseAll() async -> (FleetMemberID, [PartitionRelease]) {
        let (id, leases) = tell { state, _ in
            let leases = state.manager.holdings.leases
            state.manager.holdings.released(leases)
            return ([], (state.member.id, leases))
        }
        guard let holder else { return (id, []) }
        let running = await holder.partitionsReleased(leases)
        let left = tell { state, _ in ([], state.manager.releases) }
        return (id, left + leases.map { PartitionRelease($0, running: running[$0.number] ?? 0) })
    }
}
