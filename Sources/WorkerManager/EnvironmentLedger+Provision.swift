/// Provisioned concurrency: environments that are kept initialised.
extension EnvironmentLedger {
    enum ProvisionAction: Equatable {
        /// Start this many environments that are provisioned, after ending these.
        case startProvisioned(Int, evicting: [EnvironmentID])
        case none
    }

    /// So many environments of the function are to be kept initialised from now on. Those that are too many become
    /// ordinary ones.
    ///
    /// - Parameter memory: Of each environment, in bytes.
    mutating func provisionChanged(to target: Int, of function: Function, memory: Int) -> ProvisionAction {
        if pools[function]?.provision == nil {
            guard target > 0 else { return .none }
            let fresh = Pool(starts: starts)
            pools[function, default: fresh].provision = Provision()
        }
        // A version that has been deleted is provisioned no more, whatever is heard late.
        guard pools[function]?.isRetired == false else { return .none }
        pools[function]?.provision?.target = target
        pools[function]?.provision?.memory = memory
        pools[function]?.provision?.obstacle = nil
        releaseProvisioned(of: function)
        return startMissing(of: function)
    }

    /// Starts what is missing, for instance because an environment has ended. After a failure that is left to
    /// ``retryProvision(of:)``.
    mutating func startMissing(of function: Function) -> ProvisionAction {
        guard let provision = pools[function]?.provision, provision.obstacle?.asksForPatience != true else {
            return .none
        }
        return start(missing: provision.target - provision.all, of: function, memory: provision.memory)
    }

    /// All functions of which environments are missing.
    var functionsMissingProvision: [Function] {
        pools.compactMap { function, pool in
            pool.provision.map { $0.all < $0.target } == true ? function : nil
        }
    }

    /// Tries again to start what is missing: after a failure one environment at a time, until one succeeds.
    mutating func retryProvision(of function: Function) -> ProvisionAction {
        guard let provision = pools[function]?.provision else { return .none }
        guard provision.obstacle?.asksForPatience == true else { return startMissing(of: function) }
        guard provision.all == provision.ready else { return .none }
        return start(missing: min(1, provision.target - provision.all), of: function, memory: provision.memory)
    }

    /// How far the provision of a function has come, nil if there is none.
    func provisionStatus(of function: Function) -> ProvisionStatus? {
        pools[function]?.provision.map {
            ProvisionStatus(target: $0.target, all: $0.all, ready: $0.ready, obstacle: $0.obstacle)
        }
    }

    private mutating func start(missing: Int, of function: Function, memory: Int) -> ProvisionAction {
        guard missing > 0 else { return .none }
        let (count, evicted) = makeRoom(forUpTo: missing, of: memory)
        if pools[function]?.provision?.obstacle?.asksForPatience != true {
            pools[function]?.provision?.obstacle = count < missing ? .memory : nil
        }
        return count > 0 ? .startProvisioned(count, evicting: evicted) : .none
    }

    /// Makes ordinary environments of those that are more than provisioned: the ones that are being made first, then
    /// idle ones.
    private mutating func releaseProvisioned(of function: Function) {
        guard let provision = pools[function]?.provision, provision.all > provision.target else { return }
        let candidates = entries.filter {
            $0.value.function == function && $0.value.isProvisioned && $0.value.phase != .leaving
        }
        let ordered = candidates.sorted { Self.releaseRank($0.value.phase) < Self.releaseRank($1.value.phase) }
        for (environment, entry) in ordered.prefix(provision.all - provision.target) {
            entries[environment]?.isProvisioned = false
            pools[function]?.provision?.all -= 1
            pools[function]?.provision?.ready -= entry.phase == .starting ? 0 : 1
            switch entry.phase {
            case .starting:
                pools[function]?.starting += 1
            case .idle:
                pools[function]?.provision?.idle.remove(environment, on: entry.loop)
                pools[function]?.idle.add(environment, on: entry.loop)
            case .busy, .finishing, .leaving:
                break
            }
        }
    }

    private static func releaseRank(_ phase: Phase) -> Int {
        switch phase {
        case .starting: 0
        case .idle: 1
        case .busy, .finishing, .leaving: 2
        }
    }
}
