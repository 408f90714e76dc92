/// Environments that another manager had, or is to have.
extension EnvironmentLedger {
    /// What an environment does that is taken over.
    package enum AdoptedPhase: Equatable {
        case starting
        case idle
        case busy
    }

    /// An environment that is there already is this manager's from now on.
    ///
    /// - Returns: What is to be done with it.
    package mutating func environmentAdopted(
        _ environment: EnvironmentID,
        for function: Function,
        memory: Int,
        on loop: Loop,
        isProvisioned: Bool,
        _ phase: AdoptedPhase,
        at now: Instant
    ) -> ReadyAction {
        guard entries[environment] == nil else { return .none }
        environmentStarting(environment, for: function, memory: memory, on: loop, isProvisioned: false)
        if isProvisioned {
            pools[function]?.starting -= 1
            entries[environment]?.isProvisioned = true
            // What is to be provisioned may not be known yet; then it is nothing so far.
            if pools[function]?.provision == nil { pools[function]?.provision = Provision() }
            pools[function]?.provision?.all += 1
        }
        guard phase != .starting else { return .none }
        if isProvisioned {
            pools[function]?.provision?.ready += 1
        } else {
            pools[function]?.starting -= 1
        }
        entries[environment]?.phase = .busy
        return phase == .idle ? environmentReady(environment, at: now) : .none
    }

    /// The functions for which invokes wait, with the first of each.
    package var waiting: [(function: Function, first: Waiter)] {
        pools.compactMap { function, pool in pool.firstWaiter.map { (function, $0) } }
    }

    /// Some functions are another manager's from now on: nothing is known of them any more. Their environments go on.
    ///
    /// - Returns: Their environments, and the invokes that wait for one.
    package mutating func forget(_ functions: Set<Function>) -> (environments: [EnvironmentID], waiters: [Waiter]) {
        let environments = entries.filter { functions.contains($0.value.function) }.map(\.key)
        var waiters: [Waiter] = []
        for function in functions { waiters += removeWaiters(of: function) }
        for environment in environments {
            leave(environment)
            entries[environment] = nil
        }
        for function in functions { pools[function] = nil }
        return (environments, waiters)
    }
}
