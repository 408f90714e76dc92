import TestSupport
import Testing

@testable import WorkerManager

struct EnvironmentLedgerTests {
    private typealias Ledger = EnvironmentLedger<String, Int, String, Int>

    /// A ledger with one environment of function `f`, idle since 0.
    private func ledgerWithIdleEnvironment(budget: Int = 1000) -> Ledger {
        var ledger = Ledger(memoryBudget: budget, starts: .unlimited)
        _ = ledger.invokeArrived("first", for: "f", memory: 100, on: 0, at: 0)
        ledger.environmentStarting(1, for: "f", memory: 100, on: 0)
        _ = ledger.environmentReady(1, at: 0)
        ledger.environmentAnswered(1)
        _ = ledger.environmentReady(1, at: 0)
        return ledger
    }

    @Test func invokeWithoutEnvironmentStartsOne() {
        var ledger = Ledger(memoryBudget: 1000, starts: .unlimited)
        guard case .startEnvironment(evicting: []) = ledger.invokeArrived("a", for: "f", memory: 100, on: 0, at: 0)
        else {
            Issue.record("no environment was started")
            return
        }
        ledger.environmentStarting(1, for: "f", memory: 100, on: 0)
        guard case .run("a") = ledger.environmentReady(1, at: 0) else {
            Issue.record("the new environment did not take the invoke")
            return
        }
    }

    @Test func idleEnvironmentTakesTheNextInvoke() {
        var ledger = ledgerWithIdleEnvironment()
        guard case .assign(1) = ledger.invokeArrived("a", for: "f", memory: 100, on: 0, at: 0) else {
            Issue.record("the idle environment was not used")
            return
        }
    }

    @Test func environmentOfAnotherFunctionIsNeverUsed() {
        var ledger = ledgerWithIdleEnvironment()
        guard case .startEnvironment(evicting: []) = ledger.invokeArrived("a", for: "g", memory: 100, on: 0, at: 0)
        else {
            Issue.record("an invoke of g did not start an environment of its own")
            return
        }
    }

    @Test func environmentThatHasAnsweredIsWaitedForBriefly() {
        var ledger = ledgerWithIdleEnvironment()
        _ = ledger.invokeArrived("a", for: "f", memory: 100, on: 0, at: 0)
        ledger.environmentAnswered(1)
        guard case .waitBriefly(let turn) = ledger.invokeArrived("b", for: "f", memory: 100, on: 0, at: 0) else {
            Issue.record("the invoke did not wait for the environment that is about to be idle")
            return
        }
        #expect(ledger.isAwaited("f") && !ledger.isAwaited("g"))
        guard case .startEnvironments(1, evicting: []) = ledger.waitedLongEnough(turn, for: "f", memory: 100, at: 0)
        else {
            Issue.record("no environment was started when the wait was over")
            return
        }
    }

    @Test func waitThatIsOverDoesNotCountForWhoCameLater() {
        var ledger = ledgerWithIdleEnvironment()
        _ = ledger.invokeArrived("a", for: "f", memory: 100, on: 0, at: 0)
        ledger.environmentAnswered(1)
        guard case .waitBriefly(let first) = ledger.invokeArrived("b", for: "f", memory: 100, on: 0, at: 0),
            case .run("b") = ledger.environmentReady(1, at: 1)
        else {
            Issue.record("the environment did not take who waited for it")
            return
        }
        ledger.environmentAnswered(1)
        guard case .waitBriefly(let second) = ledger.invokeArrived("c", for: "f", memory: 100, on: 0, at: 2),
            case .none = ledger.waitedLongEnough(first, for: "f", memory: 100, at: 5)
        else {
            Issue.record("an environment was started for an invoke that has only just come")
            return
        }
        guard case .startEnvironments(1, evicting: []) = ledger.waitedLongEnough(second, for: "f", memory: 100, at: 7)
        else {
            Issue.record("no environment was started when its own wait was over")
            return
        }
    }

    @Test func environmentIdleLongestIsEvictedForMemory() {
        var ledger = Ledger(memoryBudget: 200, starts: .unlimited)
        for (environment, function) in [(1, "f"), (2, "g")] {
            _ = ledger.invokeArrived("x", for: function, memory: 100, on: 0, at: 0)
            ledger.environmentStarting(environment, for: function, memory: 100, on: 0)
            _ = ledger.environmentReady(environment, at: environment)
            _ = ledger.environmentReady(environment, at: environment)
        }
        guard case .startEnvironment(evicting: [1]) = ledger.invokeArrived("y", for: "h", memory: 100, on: 0, at: 0)
        else {
            Issue.record("the environment idle longest was not evicted")
            return
        }
    }

    @Test func invokeIsRefusedWhenNothingCanBeEvicted() {
        var ledger = Ledger(memoryBudget: 100, starts: .unlimited)
        _ = ledger.invokeArrived("a", for: "f", memory: 100, on: 0, at: 0)
        ledger.environmentStarting(1, for: "f", memory: 100, on: 0)
        _ = ledger.environmentReady(1, at: 0)
        guard case .refuse = ledger.invokeArrived("b", for: "g", memory: 100, on: 0, at: 0) else {
            Issue.record("the invoke was not refused")
            return
        }
    }

    @Test func retiredFunctionKeepsNothingIdle() {
        var ledger = ledgerWithIdleEnvironment()
        #expect(ledger.functionRetired("f") == [1])
        _ = ledger.environmentEnded(1, at: 0)
        _ = ledger.environmentRemoved(1, at: 0)
        guard case .startEnvironment = ledger.invokeArrived("a", for: "f", memory: 100, on: 0, at: 0) else {
            Issue.record("an environment that has ended was used")
            return
        }
    }

    // MARK: Scale-up

    @Test func environmentsBeyondTheScaleUpLimitAreRefused() {
        var ledger = Ledger(memoryBudget: 10_000, starts: RateLimit(2, perNanoseconds: 20))
        for environment in 1...2 {
            guard case .startEnvironment = ledger.invokeArrived("a", for: "f", memory: 100, on: 0, at: 0) else {
                Issue.record("an environment within the limit was not started")
                return
            }
            ledger.environmentStarting(environment, for: "f", memory: 100, on: 0)
        }
        guard case .refuse(.scaleUp) = ledger.invokeArrived("b", for: "f", memory: 100, on: 0, at: 9),
            case .startEnvironment = ledger.invokeArrived("c", for: "g", memory: 100, on: 0, at: 9),
            case .startEnvironment = ledger.invokeArrived("d", for: "f", memory: 100, on: 0, at: 10)
        else {
            Issue.record("the limit is not one of each function and of time")
            return
        }
    }

    @Test func scaleUpLimitOutlivesTheEnvironments() {
        var ledger = Ledger(memoryBudget: 10_000, starts: RateLimit(1, perNanoseconds: 10))
        _ = ledger.invokeArrived("a", for: "f", memory: 100, on: 0, at: 0)
        ledger.environmentStarting(1, for: "f", memory: 100, on: 0)
        _ = ledger.environmentFailedToInitialise(1)
        _ = ledger.environmentEnded(1, at: 1)
        _ = ledger.environmentRemoved(1, at: 1)
        guard case .refuse(.scaleUp) = ledger.invokeArrived("b", for: "f", memory: 100, on: 0, at: 2) else {
            Issue.record("the limit was forgotten")
            return
        }
    }

    // MARK: Provisioned concurrency

    /// A ledger with two provisioned environments of function `f`, ready since 0.
    private func provisionedLedger(budget: Int = 1000) -> Ledger {
        var ledger = Ledger(memoryBudget: budget, starts: .unlimited)
        #expect(ledger.provisionChanged(to: 2, of: "f", memory: 100) == .startProvisioned(2, evicting: []))
        for environment in 1...2 {
            ledger.environmentStarting(environment, for: "f", memory: 100, on: 0, isProvisioned: true)
            _ = ledger.environmentReady(environment, at: 0)
        }
        return ledger
    }

    @Test func provisionedEnvironmentsTakeInvokesFirstAndTheRestSpillsOver() {
        var ledger = provisionedLedger()
        #expect(ledger.provisionStatus(of: "f")?.ready == 2)
        for _ in 0..<2 {
            guard case .assign = ledger.invokeArrived("a", for: "f", memory: 100, on: 0, at: 0) else {
                Issue.record("a provisioned environment was not used")
                return
            }
        }
        guard case .startEnvironment = ledger.invokeArrived("b", for: "f", memory: 100, on: 0, at: 0) else {
            Issue.record("the invoke did not spill over")
            return
        }
        ledger.environmentStarting(3, for: "f", memory: 100, on: 0)
        _ = ledger.environmentReady(3, at: 0)
        for environment in 1...3 { _ = ledger.environmentReady(environment, at: 1) }
        guard case .assign(let environment) = ledger.invokeArrived("c", for: "f", memory: 100, on: 0, at: 1) else {
            Issue.record("no idle environment was used")
            return
        }
        #expect(environment != 3)
    }

    @Test func provisionedEnvironmentsAreNeitherExpiredNorEvicted() {
        var ledger = provisionedLedger(budget: 200)
        #expect(ledger.expireIdle(since: 100, at: 100).isEmpty)
        guard case .refuse(.memory) = ledger.invokeArrived("a", for: "g", memory: 100, on: 0, at: 100) else {
            Issue.record("a provisioned environment was evicted")
            return
        }
    }

    @Test func provisionedEnvironmentThatEndsIsReplaced() {
        var ledger = provisionedLedger()
        _ = ledger.environmentEnded(1, at: 1)
        #expect(ledger.startMissing(of: "f") == .startProvisioned(1, evicting: []))
    }

    @Test func failedInitialisationIsRetriedOneAtATime() {
        var ledger = Ledger(memoryBudget: 1000, starts: .unlimited)
        _ = ledger.provisionChanged(to: 2, of: "f", memory: 100)
        for environment in 1...2 {
            ledger.environmentStarting(environment, for: "f", memory: 100, on: 0, isProvisioned: true)
        }
        for environment in 1...2 {
            ledger.functionFailedToInitialise(in: environment)
            _ = ledger.environmentEnded(environment, at: 1)
            #expect(ledger.startMissing(of: "f") == .none)
        }
        #expect(ledger.provisionStatus(of: "f")?.obstacle == .initialisation)
        #expect(ledger.retryProvision(of: "f") == .startProvisioned(1, evicting: []))
        ledger.environmentStarting(3, for: "f", memory: 100, on: 0, isProvisioned: true)
        #expect(ledger.retryProvision(of: "f") == .none)
        _ = ledger.environmentReady(3, at: 2)
        #expect(ledger.startMissing(of: "f") == .startProvisioned(1, evicting: []))
    }

    @Test func hostThatFailsIsNotAskedAgainAtOnce() {
        var ledger = Ledger(memoryBudget: 1000, starts: .unlimited)
        _ = ledger.provisionChanged(to: 1, of: "f", memory: 100)
        ledger.environmentStarting(1, for: "f", memory: 100, on: 0, isProvisioned: true)
        #expect(ledger.environmentFailedToInitialise(1) == nil)
        _ = ledger.environmentEnded(1, at: 1)
        #expect(ledger.startMissing(of: "f") == .none)
        #expect(ledger.provisionStatus(of: "f")?.obstacle == .host)
        #expect(ledger.retryProvision(of: "f") == .startProvisioned(1, evicting: []))
    }

    @Test func whatIsProvisionedNoMoreBecomesOrdinary() {
        var ledger = provisionedLedger()
        #expect(ledger.provisionChanged(to: 1, of: "f", memory: 100) == .none)
        #expect(ledger.expireIdle(since: 100, at: 100).count == 1)
        #expect(ledger.provisionStatus(of: "f")?.ready == 1)
    }

    // MARK: Recycling

    @Test func recycledEnvironmentsEndWhenIdleAndOthersAreLeft() {
        var ledger = ledgerWithIdleEnvironment()
        ledger.environmentStarting(2, for: "f", memory: 100, on: 0)
        #expect(ledger.recycle([1, 2]) == [1])
        guard case .wait = ledger.invokeArrived("a", for: "f", memory: 100, on: 0, at: 0) else {
            Issue.record("the invoke did not wait for the environment that is being made")
            return
        }
    }

    /// Environments come, fail, end and go in any order: no invoke is lost or run twice, none runs in an environment
    /// of another function or in one that is taken, and the memory budget holds.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func randomLivesLoseNoInvokeAndShareNoEnvironment(seed: UInt64) {
        var simulation = Simulation(seed: seed)
        for _ in 0..<2000 { simulation.step() }
        simulation.drain()
    }
}

/// A host whose environments do what they like, with the ledger's promises checked after each step.
private struct Simulation {
    private struct Environment {
        let function: String
        let memory: Int
        var isProvisioned = false
        var running: Int?
        var isReady = false
        var hasAnswered = false
        var hasEnded = false
    }

    private static let budget = 1000
    private var random: SeededGenerator
    private var ledger = EnvironmentLedger<String, Int, Int, Int>(
        memoryBudget: budget,
        starts: RateLimit(20, perNanoseconds: 200)
    )
    private var environments: [Int: Environment] = [:]
    private var waiting: [Int: String] = [:]
    private var started = 0
    private var now = 0
    private var nextInvoke = 0
    private var nextEnvironment = 0
    private var waitingMax: [String: Int] = [:]
    private var turns: [String: EnvironmentLedger<String, Int, Int, Int>.Turn] = [:]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func step() {
        now += 1
        switch Int.random(in: 0..<13, using: &random) {
        case 12:
            let function = Self.functions.randomElement(using: &random) ?? "f"
            provision(ledger.retryProvision(of: function), function)
        case 11:
            guard Int.random(in: 0..<4, using: &random) == 0 else { return }
            let function = Self.functions.randomElement(using: &random) ?? "f"
            let target = Int.random(in: 0...2, using: &random)
            provision(
                ledger.provisionChanged(to: target, of: function, memory: Self.memory(of: function)),
                function
            )
        case 10:
            guard Int.random(in: 0..<10, using: &random) == 0 else { return }
            end(ledger.functionRetired(Self.functions.randomElement(using: &random) ?? "f"))
        case 0...2: invoke()
        case 3...4: finishSomething()
        case 5: becomeReady()
        case 6: endSomething()
        case 7: removeSomething()
        case 8:
            waitEnds(for: Self.functions.randomElement(using: &random) ?? "f")
        default:
            end(ledger.expireIdle(since: now - 50, at: now))
        }
        check()
    }

    /// Lets everything finish; then nobody may be left waiting.
    mutating func drain() {
        for _ in 0..<10_000 where !isSettled {
            now += 1
            becomeReady()
            finishSomething()
            removeSomething()
            for function in Self.functions {
                waitEnds(for: function)
                provision(ledger.retryProvision(of: function), function)
            }
            check()
        }
        #expect(waiting.isEmpty, "invokes wait for ever")
        #expect(isSettled, "what is provisioned is not there")
    }

    private var isSettled: Bool {
        let isBusy = !waiting.isEmpty || environments.values.contains { $0.running != nil }
        return !isBusy
            && Self.functions.allSatisfy { function in
                guard let status = ledger.provisionStatus(of: function) else { return true }
                return status.ready == status.target || status.obstacle == .memory
            }
    }

    private static let functions = ["f", "g", "h"]

    private static func memory(of function: String) -> Int {
        ["f": 100, "g": 250, "h": 400][function] ?? 100
    }

    /// The brief wait of the last invoke that had one is over.
    private mutating func waitEnds(for function: String) {
        guard let turn = turns[function] else { return }
        let action = ledger.waitedLongEnough(turn, for: function, memory: Self.memory(of: function), at: now)
        carryOut(action, function)
    }

    private mutating func invoke() {
        let function = Self.functions.randomElement(using: &random) ?? "f"
        nextInvoke += 1
        waiting[nextInvoke] = function
        waitingMax[function] = max(waitingMax[function, default: 0], waiting.values.count { $0 == function })
        let loop = Int.random(in: 0..<2, using: &random)
        switch ledger.invokeArrived(nextInvoke, for: function, memory: Self.memory(of: function), on: loop, at: now) {
        case .assign(let environment): run(nextInvoke, in: environment)
        case .wait: break
        case .waitBriefly(let turn): turns[function] = turn
        case .startEnvironment(let evicted): carryOut(.startEnvironments(1, evicting: evicted), function)
        case .refuse: waiting[nextInvoke] = nil
        }
    }

    private mutating func run(_ invoke: Int, in id: Int) {
        let environment = environments[id]
        #expect(environment?.running == nil, "two invokes share an environment")
        #expect(environment?.hasEnded == false, "an invoke was given to an environment that has ended")
        #expect(environment?.isReady == true, "an invoke was given to an environment that is not ready")
        #expect(waiting.removeValue(forKey: invoke) == environment?.function, "lost, run twice or of another function")
        environments[id]?.running = invoke
    }

    private mutating func becomeReady() {
        guard let id = pick({ !$0.isReady && !$0.hasEnded }) else { return }
        environments[id]?.isReady = true
        ready(id)
        if let function = environments[id]?.function { provision(ledger.startMissing(of: function), function) }
    }

    private mutating func finishSomething() {
        guard let id = pick({ $0.running != nil && !$0.hasEnded }) else { return }
        if environments[id]?.hasAnswered == false, Bool.random(using: &random) {
            environments[id]?.hasAnswered = true
            return ledger.environmentAnswered(id)
        }
        environments[id]?.running = nil
        environments[id]?.hasAnswered = false
        ready(id)
    }

    private mutating func ready(_ id: Int) {
        switch ledger.environmentReady(id, at: now) {
        case .run(let invoke): run(invoke, in: id)
        case .end: end([id])
        case .keep, .none: break
        }
    }

    private mutating func endSomething() {
        guard let id = pick({ !$0.hasEnded }), let environment = environments[id] else { return }
        environments[id]?.hasEnded = true
        environments[id]?.running = nil
        if !environment.isReady {
            if Bool.random(using: &random) {
                ledger.functionFailedToInitialise(in: id)
            } else if let invoke = ledger.environmentFailedToInitialise(id) {
                #expect(waiting.removeValue(forKey: invoke) == environment.function)
            }
        }
        carryOut(ledger.environmentEnded(id, at: now), environment.function)
        provision(ledger.startMissing(of: environment.function), environment.function)
    }

    private mutating func removeSomething() {
        guard let id = pick({ $0.hasEnded }), let environment = environments.removeValue(forKey: id) else { return }
        carryOut(ledger.environmentRemoved(id, at: now), environment.function)
    }

    private mutating func end(_ ids: [Int]) {
        for id in ids {
            #expect(environments[id]?.running == nil, "an environment at work was ended")
            environments[id]?.hasEnded = true
            if let function = environments[id]?.function {
                carryOut(ledger.environmentEnded(id, at: now), function)
                provision(ledger.startMissing(of: function), function)
            }
        }
    }

    private mutating func provision(
        _ action: EnvironmentLedger<String, Int, Int, Int>.ProvisionAction,
        _ function: String
    ) {
        guard case .startProvisioned(let count, let evicted) = action else { return }
        for _ in 0..<count { start(function, isProvisioned: true) }
        end(evicted)
    }

    private mutating func start(_ function: String, isProvisioned: Bool) {
        nextEnvironment += 1
        let memory = Self.memory(of: function)
        environments[nextEnvironment] = Environment(function: function, memory: memory, isProvisioned: isProvisioned)
        ledger.environmentStarting(
            nextEnvironment,
            for: function,
            memory: memory,
            on: Int.random(in: 0..<2, using: &random),
            isProvisioned: isProvisioned
        )
    }

    private mutating func carryOut(
        _ action: EnvironmentLedger<String, Int, Int, Int>.StartAction,
        _ function: String
    ) {
        switch action {
        case .none:
            break
        case .refuse(let invokes, _):
            for invoke in invokes {
                #expect(waiting.removeValue(forKey: invoke) == function)
            }
        case .startEnvironments(let count, let evicted):
            for _ in 0..<count { start(function, isProvisioned: false) }
            end(evicted)
        }
    }

    private mutating func pick(_ isWanted: (Environment) -> Bool) -> Int? {
        environments.filter { isWanted($0.value) }.keys.sorted().randomElement(using: &random)
    }

    private func check() {
        let committed = environments.values.reduce(0) { $1.hasEnded ? $0 : $0 + $1.memory }
        #expect(committed <= Self.budget, "the memory budget is exceeded")
        // An environment is made only for an invoke that none is being made for yet.
        for function in Self.functions {
            let starting = environments.values.count {
                $0.function == function && !$0.isReady && !$0.hasEnded && !$0.isProvisioned
            }
            #expect(starting <= waitingMax[function, default: 0], "too many environments are being made")
            checkProvision(of: function)
        }
    }

    /// What is provisioned is there or being made, unless there is a reason, and is neither expired nor evicted.
    private func checkProvision(of function: String) {
        guard let status = ledger.provisionStatus(of: function) else { return }
        let here = environments.values.filter { $0.function == function && !$0.hasEnded }
        #expect(status.ready <= status.all)
        #expect(status.all <= status.target || status.target == 0, "more is provisioned than was asked for")
        #expect(status.all >= status.target || status.obstacle != nil, "provisioned environments are missing")
        #expect(here.count >= status.all, "a provisioned environment is gone")
        #expect(here.count(where: \.isReady) >= status.ready)
    }
}

extension RateLimit {
    /// For tests of anything else.
    fileprivate static let unlimited = RateLimit(1_000_000, perNanoseconds: 1)
}
