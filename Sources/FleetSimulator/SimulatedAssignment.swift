import WorkerManager

/// The glue of `WorkerManager` around ``EnvironmentLedger``.
final class SimulatedAssignment {
    typealias Ledger = EnvironmentLedger<Int, Int, SimulatedInvoke, Int>

    private static let finishingPatience = 100 * Span.millisecond

    private var ledger = Ledger(memoryBudget: .max / 2, starts: RateLimit(1000, perNanoseconds: 10 * Span.second))
    private(set) var environments: [Int: RemoteSimulatedEnvironment] = [:]
    private unowned let manager: SimulatedManager

    init(of manager: SimulatedManager) {
        self.manager = manager
    }

    func submit(_ invoke: SimulatedInvoke) {
        switch ledger.invokeArrived(invoke, for: invoke.function, memory: 1, on: 0, at: manager.clock()) {
        case .assign(let id):
            guard let environment = environments[id] else {
                preconditionFailure("the ledger assigned an environment that is not there")
            }
            run(invoke, in: environment)
        case .wait: break
        case .waitBriefly(let turn):
            manager.environmentsWanted(for: invoke.function)
            manager.later(Self.finishingPatience) { [self] in
                let now = manager.clock()
                carryOut(ledger.waitedLongEnough(turn, for: invoke.function, memory: 1, at: now), for: invoke.function)
            }
        case .startEnvironment(let evicted): carryOut(.startEnvironments(1, evicting: evicted), for: invoke.function)
        case .refuse(let refusal): refuse([invoke], refusal)
        }
    }

    private func carryOut(_ action: Ledger.StartAction, for function: Int) {
        switch action {
        case .none: break
        case .refuse(let invokes, let refusal): refuse(invokes, refusal)
        case .startEnvironments(let count, let evicted):
            end(evicted)
            for _ in 0..<count { start(function) }
        }
    }

    private func start(_ function: Int) {
        let outcome = manager.startEnvironment(for: function) { [self] environment in
            environments[environment.id] = environment
            ledger.environmentStarting(environment.id, for: function, memory: 1, on: 0)
        }
        switch outcome {
        case .started: break
        case .noRoom: carryOut(ledger.notStarted(for: function, isProvisioned: false, .memory), for: function)
        case .moved: carryOut(ledger.notStarted(for: function, isProvisioned: false, .moved), for: function)
        }
    }

    private func run(_ invoke: SimulatedInvoke, in environment: RemoteSimulatedEnvironment) {
        environment.lane.execute { [self] in
            guard !environment.run(invoke) else { return }
            invoke.lane.execute { [self] in submit(invoke) }
        }
    }

    private func end(_ ids: [Int]) {
        for environment in ids.compactMap({ environments[$0] }) { environment.lane.execute { environment.retire() } }
    }

    private func refuse(_ invokes: [SimulatedInvoke], _ refusal: Ledger.Refusal) {
        for invoke in invokes {
            switch refusal {
            case .memory, .scaleUp: invoke.refuse(.failed)
            case .moved: invoke.refuse(.moved)
            }
        }
    }

    /// Ends what has been idle for so long.
    func expireIdle(since moment: Int) { end(ledger.expireIdle(since: moment, at: manager.clock()).sorted()) }

    // MARK: What becomes of environments

    func becameReady(_ environment: RemoteSimulatedEnvironment) {
        carryOut(ledger.environmentReady(environment.id, at: manager.clock()), with: environment)
    }

    private func carryOut(_ action: Ledger.ReadyAction, with environment: RemoteSimulatedEnvironment) {
        switch action {
        case .run(let invoke): run(invoke, in: environment)
        case .end: environment.retire()
        case .keep, .none: break
        }
    }

    func answered(_ environment: RemoteSimulatedEnvironment) { ledger.environmentAnswered(environment.id) }

    func isStillBusy(_ environment: RemoteSimulatedEnvironment) {
        carryOut(ledger.environmentIsStillBusy(environment.id, at: manager.clock()), for: environment.function)
    }

    func failedToInitialise(_ environment: RemoteSimulatedEnvironment) {
        ledger.environmentFailedToInitialise(environment.id)?.refuse(.failed)
    }

    func ended(_ environment: RemoteSimulatedEnvironment) {
        carryOut(ledger.environmentEnded(environment.id, at: manager.clock()), for: environment.function)
    }

    func removed(_ environment: RemoteSimulatedEnvironment) {
        environments[environment.id] = nil
        carryOut(ledger.environmentRemoved(environment.id, at: manager.clock()), for: environment.function)
    }

    // MARK: Other managers

    func adopt(_ environment: RemoteSimulatedEnvironment, _ phase: Ledger.AdoptedPhase) {
        guard environments[environment.id] == nil else { return }
        environments[environment.id] = environment
        let action = ledger.environmentAdopted(
            environment.id,
            for: environment.function,
            memory: 1,
            on: 0,
            isProvisioned: false,
            phase,
            at: manager.clock()
        )
        carryOut(action, with: environment)
    }

    func forget(_ isForgotten: (Int) -> Bool) -> [RemoteSimulatedEnvironment] {
        var functions = Set(environments.values.map(\.function).filter(isForgotten))
        for (function, _) in ledger.waiting where isForgotten(function) { functions.insert(function) }
        let (forgotten, waiters) = ledger.forget(functions)
        let gone = forgotten.sorted().compactMap { environments.removeValue(forKey: $0) }
        for waiter in waiters { waiter.refuse(.moved) }
        return gone
    }

    /// Whether anybody waits.
    var hasWaiters: Bool { !ledger.waiting.isEmpty }
    var summary: String { ledger.summary }
}
