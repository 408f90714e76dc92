/// Which environments exist, which are idle, and who waits for one: the assignment of invokes to environments as a
/// state machine.
///
/// An invoke gets the idle environment of exactly its function configuration that was used last. If there is none it
/// waits in line, and enough environments are started for all that wait; whichever comes first, a new environment or
/// one that has finished, takes the invoke that waits longest. An environment whose caller already has its answer
/// counts as about to be idle for a short while, so that a caller who asks again at once is not given a cold start.
///
/// Memory is accounted by configured size. When a new environment does not fit the budget, the environments idle
/// longest are ended, of whatever function; when that does not help, the invoke is refused. So is one that would start
/// environments of its function faster than the scale-up limit allows.
///
/// Of a function for which concurrency is provisioned so many environments are kept initialised: they take invokes
/// before others do, are neither expired nor evicted, and are replaced when they end.
///
/// Generic over what identifies functions, environments, waiting invokes and event loops, so that tests need none of
/// them. Instants are nanoseconds of any clock that never goes back.
package struct EnvironmentLedger<Function: Hashable, EnvironmentID: Hashable, Waiter, Loop: Hashable> {
    /// A moment; see above.
    package typealias Instant = Int

    /// What the ledger knows of one environment.
    struct Entry {
        let function: Function
        let loop: Loop
        let memory: Int
        var isProvisioned = false
        var phase: Phase
    }

    enum Phase: Equatable {
        /// Being made. Next: `idle`, `busy`, `leaving`.
        case starting
        /// Ready for an invoke. Next: `busy`, `leaving`.
        case idle(since: Instant)
        /// Has an invoke. Next: `finishing`, `idle`, `leaving`.
        case busy
        /// Has answered its invoke and is about to be idle. Next: `idle`, `busy`, `leaving`.
        case finishing
        /// Has ended or is about to. Its memory counts as free already: it is a moment later, and who needs it
        /// would otherwise evict more than necessary. Next: gone.
        case leaving
    }

    var entries: [EnvironmentID: Entry] = [:]
    var pools: [Function: Pool] = [:]
    private var memoryCommitted = 0
    private let memoryBudget: Int
    let starts: RateLimit

    /// - Parameters:
    ///   - memoryBudget: The most memory, in bytes, that all environments may have been promised together.
    ///   - starts: How fast environments of one function may be started for invokes.
    package init(memoryBudget: Int, starts: RateLimit) {
        self.memoryBudget = memoryBudget
        self.starts = starts
    }

    // MARK: Invokes

    /// What becomes of an invoke.
    package enum InvokeAction {
        /// Give the invoke to this environment.
        case assign(EnvironmentID)
        /// The invoke waits in line for an environment that is being made or at work; nothing is to be done.
        case wait
        /// The invoke waits for an environment that should be idle in a moment; call
        /// ``waitedLongEnough(_:for:memory:at:)`` with its turn if a moment later it may still be waiting.
        case waitBriefly(Turn)
        /// The invoke waits in line; end these environments, then start one for it.
        case startEnvironment(evicting: [EnvironmentID])
        case refuse(Refusal)
    }

    /// Why an invoke is not served.
    package enum Refusal {
        /// There is no memory for another environment and none to wait for.
        case memory
        /// Another environment would be started faster than allowed.
        case scaleUp
        /// The function's environments are somebody else's to start.
        case moved
    }

    /// An invoke arrived, on an event loop, for a function whose environments have this much memory in bytes.
    package mutating func invokeArrived(
        _ waiter: Waiter,
        for function: Function,
        memory: Int,
        on loop: Loop,
        at now: @autoclosure () -> Instant
    ) -> InvokeAction {
        if let environment = popIdle(of: function, preferring: loop) {
            entries[environment]?.phase = .busy
            return .assign(environment)
        }
        let census = pools[function]?.census ?? Census()
        if census.waiting < census.starting + census.finishing {
            guard let turn = pools[function]?.queue(waiter) else { preconditionFailure("who is counted has a pool") }
            return census.waiting >= census.starting ? .waitBriefly(turn) : .wait
        }
        let now = now()
        guard pools[function]?.starts.allowance(at: now, upTo: 1) != 0 else { return .refuse(.scaleUp) }
        guard let evicted = makeRoom(for: memory) else {
            // An environment of this function that is busy now will be idle in time; without one there is no hope.
            guard census.all > 0 else { return .refuse(.memory) }
            pools[function]?.queue(waiter)
            return .wait
        }
        let fresh = Pool(starts: starts)
        pools[function, default: fresh].queue(waiter)
        _ = pools[function]?.starts.take(at: now)
        return .startEnvironment(evicting: evicted)
    }

    /// Whether anybody waits in the line of a function.
    func isAwaited(_ function: Function) -> Bool { pools[function]?.firstWaiter != nil }

    // MARK: Environments

    /// An environment is about to be made, as an action asked for.
    package mutating func environmentStarting(
        _ environment: EnvironmentID,
        for function: Function,
        memory: Int,
        on loop: Loop,
        isProvisioned: Bool = false
    ) {
        entries[environment] = Entry(
            function: function,
            loop: loop,
            memory: memory,
            isProvisioned: isProvisioned,
            phase: .starting
        )
        memoryCommitted += memory
        let fresh = Pool(starts: starts)
        pools[function, default: fresh].count += 1
        if isProvisioned {
            pools[function]?.provision?.all += 1
        } else {
            pools[function]?.starting += 1
        }
    }

    /// What becomes of an environment that is ready.
    package enum ReadyAction {
        /// Give the environment this invoke.
        case run(Waiter)
        /// Keep it idle.
        case keep
        /// End it.
        case end
        case none
    }

    /// An environment is ready for an invoke: for the first time or again.
    package mutating func environmentReady(_ environment: EnvironmentID, at now: Instant) -> ReadyAction {
        guard let entry = entries[environment] else { return .none }
        switch entry.phase {
        case .leaving, .idle:
            return .none
        case .starting where entry.isProvisioned:
            pools[entry.function]?.provision?.ready += 1
            pools[entry.function]?.provision?.obstacle = nil
        case .starting:
            pools[entry.function]?.starting -= 1
        case .finishing:
            pools[entry.function]?.finishing -= 1
        case .busy:
            break
        }
        // Out of the counts from here on, whatever becomes of it below.
        entries[environment]?.phase = .busy
        // Changed in place throughout: a pool taken out of the table would be copied with its line when it is changed.
        if let waiter = pools[entry.function]?.popWaiter() {
            return .run(waiter)
        }
        if pools[entry.function]?.isRetired == true {
            leave(environment)
            return .end
        }
        entries[environment]?.phase = .idle(since: now)
        if entry.isProvisioned {
            pools[entry.function]?.provision?.idle.add(environment, on: entry.loop)
        } else {
            pools[entry.function]?.idle.add(environment, on: entry.loop)
        }
        return .keep
    }

    /// An environment's caller has been answered.
    package mutating func environmentAnswered(_ environment: EnvironmentID) {
        guard let entry = entries[environment], entry.phase == .busy else { return }
        entries[environment]?.phase = .finishing
        pools[entry.function]?.finishing += 1
    }

    /// An environment that was taken for about to be idle is not.
    package mutating func environmentIsStillBusy(_ environment: EnvironmentID, at now: Instant) -> StartAction {
        guard let entry = entries[environment], entry.phase == .finishing else { return .none }
        entries[environment]?.phase = .busy
        pools[entry.function]?.finishing -= 1
        return startForWaiters(of: entry.function, memory: entry.memory, at: now)
    }

    package enum StartAction {
        /// Start this many environments, after ending these.
        case startEnvironments(Int, evicting: [EnvironmentID])
        /// These can never be served; refuse them.
        case refuse([Waiter], Refusal)
        case none
    }

    /// An invoke has waited a while for an environment that was about to be idle; those are not counted on any more, by
    /// it and those before it. Who has come later, if it has long been served, has a while of its own.
    package mutating func waitedLongEnough(
        _ turn: Turn,
        for function: Function,
        memory: Int,
        at now: Instant
    ) -> StartAction {
        guard let pool = pools[function] else { return .none }
        return start(pool.waitingCount(through: turn) - pool.starting, of: function, memory: memory, at: now)
    }

    /// An environment was to be started, and was not.
    package mutating func notStarted(for function: Function, isProvisioned: Bool, _ refusal: Refusal) -> StartAction {
        if isProvisioned {
            pools[function]?.provision?.obstacle = .memory
            return .none
        }
        // Whoever waits is served by an environment that is there, if one is; otherwise there is no hope.
        guard pools[function]?.count == 0 else { return .none }
        return .refuse(removeWaiters(of: function), refusal)
    }

    /// The host could not make the environment. Returns the invoke that is told, if one waits for it.
    package mutating func environmentFailedToInitialise(_ environment: EnvironmentID) -> Waiter? {
        guard let entry = entries[environment], entry.phase == .starting else { return nil }
        guard !entry.isProvisioned else {
            pools[entry.function]?.provision?.obstacle = .host
            return nil
        }
        return pools[entry.function]?.popWaiter()
    }

    /// The function's initialisation failed in an environment that was made for a provision; it is about to end.
    mutating func functionFailedToInitialise(in environment: EnvironmentID) {
        // It may have become an ordinary one meanwhile, whose place another takes if an invoke waits.
        guard let entry = entries[environment], entry.phase == .starting, entry.isProvisioned else { return }
        pools[entry.function]?.provision?.obstacle = .initialisation
    }

    /// The environment has ended by itself, or as an action asked for.
    package mutating func environmentEnded(_ environment: EnvironmentID, at now: Instant) -> StartAction {
        guard let entry = entries[environment] else { return .none }
        leave(environment)
        return startForWaiters(of: entry.function, memory: entry.memory, at: now)
    }

    /// Nothing of the environment is left; its memory is free.
    package mutating func environmentRemoved(_ environment: EnvironmentID, at now: Instant) -> StartAction {
        leave(environment)
        guard let entry = entries.removeValue(forKey: environment) else { return .none }
        pools[entry.function]?.count -= 1
        let action = startForWaiters(of: entry.function, memory: entry.memory, at: now)
        if case .none = action { removePool(of: entry.function, at: now) }
        return action
    }

    /// Forgets a function of which nothing is left, unless it started so many environments lately that it matters.
    private mutating func removePool(of function: Function, at now: Instant) {
        guard let pool = pools[function], pool.count == 0, pool.waiters.isEmpty, pool.provision?.target ?? 0 == 0,
            pool.isRetired || pool.starts.isFull(at: now)
        else { return }
        pools[function] = nil
    }

    // MARK: Retirement

    /// Returns the environments to end because they have been idle since `limit` or longer.
    package mutating func expireIdle(since limit: Instant, at now: Instant) -> [EnvironmentID] {
        let expired = entries.compactMap { environment, entry -> EnvironmentID? in
            if case .idle(let since) = entry.phase, since <= limit, !entry.isProvisioned { environment } else { nil }
        }
        for environment in expired {
            leave(environment)
        }
        for function in pools.keys {
            removePool(of: function, at: now)
        }
        return expired
    }

    /// These environments are not wanted any more. Those that are idle get no invoke from here on, those at work end when
    /// they have finished; the others are left alone.
    ///
    /// - Returns: Those that are to end.
    mutating func recycle(_ environments: [EnvironmentID]) -> [EnvironmentID] {
        environments.filter { environment in
            switch entries[environment]?.phase {
            case .idle:
                leave(environment)
                return true
            case .busy, .finishing:
                return true
            case .starting, .leaving, nil:
                return false
            }
        }
    }

    /// The function's configuration has been replaced or deleted: nothing of it is kept.
    ///
    /// - Returns: The environments to end now; those at work end when they have finished.
    mutating func functionRetired(_ function: Function) -> [EnvironmentID] {
        guard pools[function] != nil else { return [] }
        pools[function]?.isRetired = true
        pools[function]?.provision?.target = 0
        let idle = (pools[function]?.idle.all ?? []) + (pools[function]?.provision?.idle.all ?? [])
        for environment in idle {
            leave(environment)
        }
        return idle
    }

    /// The service stops: everything ends. Returns all environments, and all invokes that wait.
    mutating func shutDown() -> (environments: [EnvironmentID], waiters: [Waiter]) {
        var waiters: [Waiter] = []
        for function in pools.keys {
            waiters += removeWaiters(of: function)
            _ = functionRetired(function)
        }
        return (Array(entries.keys), waiters)
    }

    // MARK: Figures

    /// How much of the memory budget is not promised to any environment, in bytes.
    var memoryFree: Int { max(0, memoryBudget - memoryCommitted) }

    /// How many environments are in which phase, and how much memory is promised, in words.
    package var summary: String {
        let counts = self.counts
        return "\(memoryCommitted >> 20) of \(memoryBudget >> 20) MB promised; \(counts.starting) starting, "
            + "\(counts.idle) idle, \(counts.working) working, \(counts.leaving) leaving"
    }

    /// How much memory is promised, in bytes.
    var memoryPromised: Int { memoryCommitted }

    /// How many environments are in which phase.
    var counts: (starting: Int, idle: Int, working: Int, leaving: Int) {
        var counts = (starting: 0, idle: 0, working: 0, leaving: 0)
        for entry in entries.values {
            switch entry.phase {
            case .starting: counts.starting += 1
            case .idle: counts.idle += 1
            case .busy, .finishing: counts.working += 1
            case .leaving: counts.leaving += 1
            }
        }
        return counts
    }

    // MARK: Inside

    private mutating func popIdle(of function: Function, preferring loop: Loop) -> EnvironmentID? {
        if let environment = pools[function]?.provision?.idle.popLast(preferring: loop) { return environment }
        return pools[function]?.idle.popLast(preferring: loop)
    }

    /// The environment is counted on no longer, whatever it did before.
    mutating func leave(_ environment: EnvironmentID) {
        guard let entry = entries[environment], entry.phase != .leaving else { return }
        if entry.isProvisioned {
            pools[entry.function]?.provision?.all -= 1
            pools[entry.function]?.provision?.ready -= entry.phase == .starting ? 0 : 1
        }
        switch entry.phase {
        case .starting:
            pools[entry.function]?.starting -= entry.isProvisioned ? 0 : 1
        case .finishing:
            pools[entry.function]?.finishing -= 1
        case .idle where entry.isProvisioned:
            pools[entry.function]?.provision?.idle.remove(environment, on: entry.loop)
        case .idle:
            pools[entry.function]?.idle.remove(environment, on: entry.loop)
        case .busy, .leaving:
            break
        }
        entries[environment]?.phase = .leaving
        memoryCommitted -= entry.memory
    }

    /// Finds memory for one more environment. Returns what must end for it, or nil if it cannot be had.
    private mutating func makeRoom(for memory: Int) -> [EnvironmentID]? {
        var missing = memoryCommitted + memory - memoryBudget
        guard missing > 0 else { return [] }
        let idle = entries.compactMap { environment, entry -> (environment: EnvironmentID, since: Instant)? in
            if case .idle(let since) = entry.phase, !entry.isProvisioned { (environment, since) } else { nil }
        }
        var evicted: [EnvironmentID] = []
        for candidate in idle.sorted(by: { $0.since < $1.since }) where missing > 0 {
            missing -= entries[candidate.environment]?.memory ?? 0
            evicted.append(candidate.environment)
        }
        guard missing <= 0 else { return nil }
        for environment in evicted {
            leave(environment)
        }
        return evicted
    }

    private mutating func startForWaiters(of function: Function, memory: Int, at now: Instant) -> StartAction {
        guard let census = pools[function]?.census else { return .none }
        return start(
            census.waiting - census.starting - census.finishing,
            of: function,
            memory: memory,
            at: now
        )
    }

    private mutating func start(_ count: Int, of function: Function, memory: Int, at now: Instant) -> StartAction {
        guard count > 0 else { return .none }
        let allowed = pools[function]?.starts.allowance(at: now, upTo: count) ?? 0
        let (startable, evicted) = makeRoom(forUpTo: allowed, of: memory)
        if startable > 0 {
            for _ in 0..<startable { _ = pools[function]?.starts.take(at: now) }
            return .startEnvironments(startable, evicting: evicted)
        }
        // Whoever waits is served by an environment that is there, if one is; otherwise there is no hope.
        guard pools[function]?.count == 0 else { return .none }
        return .refuse(removeWaiters(of: function), allowed == 0 ? .scaleUp : .memory)
    }

    /// Finds memory for so many environments or fewer. Returns how many, and what must end for them.
    mutating func makeRoom(
        forUpTo count: Int,
        of memory: Int
    ) -> (count: Int, evicted: [EnvironmentID]) {
        var evicted: [EnvironmentID] = []
        var found = 0
        while found < count, let more = makeRoom(for: memory * (found + 1)) {
            evicted += more
            found += 1
        }
        return (found, evicted)
    }

    mutating func removeWaiters(of function: Function) -> [Waiter] {
        pools[function]?.removeWaiters() ?? []
    }
}
