import Fleet
import MetadataStore

// The steps of a manager's round, as `FleetMembership+Manager` has them.
extension SimulatedMembership {
    typealias Completion = (RoundEnd?) -> Void

    func writeWhatIsLeft(_ id: FleetMemberID, _ completed: @escaping Completion) {
        guard isSame(id) else { return completed(.over) }
        if let kept = manager.kept {
            store.call(process) { fleet throws(StoredFleet.Conflict) in
                try fleet.giveBackShare(of: id, keeping: kept)
            } _: { [self] result in
                follow(result, id, completed) { [self] share in
                    manager.kept = nil
                    shareIs(share)
                    writeReleases(id, completed)
                }
            }
        } else {
            writeReleases(id, completed)
        }
    }

    private func writeReleases(_ id: FleetMemberID, _ completed: @escaping Completion) {
        let releases = manager.releases
        guard !releases.isEmpty else { return writeRecoveries(id, completed) }
        store.call(process) { fleet throws(StoredFleet.Conflict) in
            try fleet.release(releases, of: id)
        } _: { [self] result in
            follow(result, id, completed) { [self] share in
                manager.releases.removeFirst(releases.count)
                shareIs(share)
                writeRecoveries(id, completed)
            }
        }
    }

    private func writeRecoveries(_ id: FleetMemberID, _ completed: @escaping Completion) {
        guard let recovery = manager.recoveries.first else { return completed(nil) }
        store.call(process) { fleet throws(StoredFleet.Conflict) in
            try fleet.recovered(recovery.lease, of: id, running: recovery.running)
        } _: { [self] result in
            if case .failure(.conflict) = result {
                renewSoon()
                guard isSame(id) else { return completed(.over) }
                manager.recoveries.removeFirst()
                return writeRecoveries(id, completed)
            }
            follow(result, id, completed) { [self] share in
                manager.recoveries.removeFirst()
                shareIs(share)
                writeRecoveries(id, completed)
            }
        }
    }

    /// Goes on with what the store has answered, if the membership is still the same.
    private func follow<Value>(
        _ result: Result<Value, SimulatedStore.Failure>,
        _ id: FleetMemberID,
        _ completed: @escaping Completion,
        _ body: (Value) -> Void
    ) {
        switch result {
        case .failure(let failure): completed(RoundEnd(failure))
        case .success(let value):
            guard isSame(id) else { return completed(.over) }
            body(value)
        }
    }

    func look(_ id: FleetMemberID, _ completed: @escaping Completion) {
        guard process.clock() >= nextLook else { return completed(nil) }
        store.call(process) { fleet throws(StoredFleet.Conflict) in
            fleet.renewals()
        } _: { [self] result in
            guard case .success(let renewals) = result else { return completed(.unavailable) }
            let others = view.allMembers.filter { $0.id != id }
            evict(watch.looked(at: others, renewals, at: process.clock())[...], completed)
        }
    }

    private func evict(_ evictions: ArraySlice<MemberWatch.Eviction>, _ completed: @escaping Completion) {
        guard let eviction = evictions.first else {
            let over = evictedWatch.looked(at: view, fence: SimulatedManager.fence, at: process.clock())
            return forget(over[...], completed)
        }
        store.call(process) { fleet throws(StoredFleet.Conflict) in
            fleet.evict(eviction.member, at: eviction.renewals)
        } _: { [self] result in
            guard case .success(let isEvicted) = result else { return completed(.unavailable) }
            if isEvicted {
                process.world.note("\(process.name) evicts \(eviction.member.name)")
                renewSoon()
            }
            evict(evictions.dropFirst(), completed)
        }
    }

    private func forget(_ workers: ArraySlice<FleetMemberID>, _ completed: @escaping Completion) {
        guard let worker = workers.first else {
            nextLook = process.clock() + Self.lease / 10
            return completed(nil)
        }
        store.call(process) { fleet throws(StoredFleet.Conflict) in
            fleet.forget(worker)
        } _: { [self] result in
            guard case .success(let isForgotten) = result else { return completed(.unavailable) }
            if isForgotten {
                process.world.note("\(process.name) forgets \(worker.name)")
                renewSoon()
            }
            forget(workers.dropFirst(), completed)
        }
    }

    func divide(_ id: FleetMemberID, _ completed: @escaping Completion) {
        guard isSame(id) else { return completed(.over) }
        guard isActing() else { return completed(nil) }
        let decision = manager.holdings.decide(view.members(.manager), view.partitions, isSettled: watch.isSettled)
        manager.holdings.released(decision.released)
        if !decision.lost.isEmpty { holder?.partitionsLost(decision.lost) }
        guard !decision.claimed.isEmpty else { return release(decision.released, id, completed) }
        store.call(process) { fleet throws(StoredFleet.Conflict) in
            try fleet.claim(decision.claimed, for: id)
        } _: { [self] result in
            if case .failure = result, isSame(id) { manager.keeper.requestFailed(at: process.clock()) }
            follow(result, id, completed) { [self] claim in
                let isNew = claim.share != manager.keeper.share
                manager.keeper.shareIs(claim.share)
                if isActing() {
                    let gained = manager.holdings.claimed(claim.leases)
                    if !gained.isEmpty { holder?.partitionsGained(gained) }
                }
                if isNew { holder?.shareChanged(claim.share) }
                release(decision.released, id, completed)
            }
        }
    }

    private func release(_ leases: [PartitionLease], _ id: FleetMemberID, _ completed: @escaping Completion) {
        guard !leases.isEmpty, let holder else { return completed(nil) }
        let running = holder.partitionsReleased(leases)
        guard isSame(id) else { return completed(.over) }
        let releases = leases.map { PartitionRelease($0, running: running[$0.number] ?? 0) }
        manager.releases += releases
        manager.keeper.shareIs(max(0, manager.keeper.share - releases.reduce(0) { $0 + $1.running }))
        writeWhatIsLeft(id, completed)
    }

    func tendShare(_ id: FleetMemberID, _ completed: @escaping Completion) {
        guard isSame(id), let holder else { return completed(.over) }
        let surroundings = ShareKeeper.Surroundings(of: id, in: view, account: store.fleet.account)
        switch manager.keeper.decide(holder.shareUse(), surroundings, at: process.clock()) {
        case nil: completed(nil)
        case .ask(let more):
            store.call(process) { fleet throws(StoredFleet.Conflict) in
                try fleet.askShare(of: id, more: more)
            } _: { [self] result in
                if case .failure = result, isSame(id) { manager.keeper.requestFailed(at: process.clock()) }
                follow(result, id, completed) { [self] grant in
                    shareIs(grant.share)
                    manager.keeper.asked(more, grant, at: process.clock())
                    completed(nil)
                }
            }
        case .giveBack(let kept):
            let rest = holder.shareShrinks(to: kept)
            guard rest < manager.keeper.share else { return completed(nil) }
            manager.keeper.shareIs(rest)
            manager.kept = rest
            writeWhatIsLeft(id, completed)
        }
    }
}
