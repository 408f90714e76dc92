import TestSupport
import Testing

@testable import WorkerManager

struct EnvironmentLedgerTests {
    private typealias Ledger = EnvironmentLedger<String, Int, String, Int, Int>

    /// A ledger with one environment of function `f`, idle since 0.
    private func ledgerWithIdleEnvironment(budget: Int = 1000) -> Ledger {
        var ledger = Ledger(memoryBudget: budget)
        _ = ledger.invokeArrived("first", for: "f", memory: 100, on: 0)
        ledger.environmentStarting(1, for: "f", memory: 100, on: 0)
        _ = ledger.environmentReady(1, at: 0)
        ledger.environmentAnswered(1)
        _ = ledger.environmentReady(1, at: 0)
        return ledger
    }

    @Test func invokeWithoutEnvironmentStartsOne() {
        var ledger = Ledger(memoryBudget: 1000)
        guard case .startEnvironment(evicting: []) = ledger.invokeArrived("a", for: "f", memory: 100, on: 0) else {
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
        guard case .assign(1) = ledger.invokeArrived("a", for: "f", memory: 100, on: 0) else {
            Issue.record("the idle environment was not used")
            return
        }
    }

    @Test func environmentOfAnotherFunctionIsNeverUsed() {
        var ledger = ledgerWithIdleEnvironment()
        guard case .startEnvironment(evicting: []) = ledger.invokeArrived("a", for: "g", memory: 100, on: 0) else {
            Issue.record("an invoke of g did not start an environment of its own")
            return
        }
    }

    @Test func environmentThatHasAnsweredIsWaitedForBriefly() {
        var ledger = ledgerWithIdleEnvironment()
        _ = ledger.invokeArrived("a", for: "f", memory: 100, on: 0)
        ledger.environmentAnswered(1)
        guard case .waitBriefly = ledger.invokeArrived("b", for: "f", memory: 100, on: 0) else {
            Issue.record("the invoke did not wait for the environment that is about to be idle")
            return
        }
        guard case .startEnvironments(1, evicting: []) = ledger.waitedLongEnough(for: "f", memory: 100) else {
            Issue.record("no environment was started when the wait was over")
            return
        }
    }

    @Test func environmentIdleLongestIsEvictedForMemory() {
        var ledger = Ledger(memoryBudget: 200)
        for (environment, function) in [(1, "f"), (2, "g")] {
            _ = ledger.invokeArrived("x", for: function, memory: 100, on: 0)
            ledger.environmentStarting(environment, for: function, memory: 100, on: 0)
            _ = ledger.environmentReady(environment, at: environment)
            _ = ledger.environmentReady(environment, at: environment)
        }
        guard case .startEnvironment(evicting: [1]) = ledger.invokeArrived("y", for: "h", memory: 100, on: 0) else {
            Issue.record("the environment idle longest was not evicted")
            return
        }
    }

    @Test func invokeIsRefusedWhenNothingCanBeEvicted() {
        var ledger = Ledger(memoryBudget: 100)
        _ = ledger.invokeArrived("a", for: "f", memory: 100, on: 0)
        ledger.environmentStarting(1, for: "f", memory: 100, on: 0)
        _ = ledger.environmentReady(1, at: 0)
        guard case .refuse = ledger.invokeArrived("b", for: "g", memory: 100, on: 0) else {
            Issue.record("the invoke was not refused")
            return
        }
    }

    @Test func retiredFunctionKeepsNothingIdle() {
        var ledger = ledgerWithIdleEnvironment()
        #expect(ledger.functionRetired("f") == [1])
        _ = ledger.environmentEnded(1)
        _ = ledger.environmentRemoved(1)
        guard case .startEnvironment = ledger.invokeArrived("a", for: "f", memory: 100, on: 0) else {
            Issue.record("an environment that has ended was used")
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
        var running: Int?
        var isReady = false
        var hasAnswered = false
        var hasEnded = false
    }

    private static let budget = 1000
    private var random: SeededGenerator
    private var ledger = EnvironmentLedger<String, Int, Int, Int, Int>(memoryBudget: budget)
    private var environments: [Int: Environment] = [:]
    private var waiting: [Int: String] = [:]
    private var started = 0
    private var now = 0
    private var nextInvoke = 0
    private var nextEnvironment = 0
    private var waitingMax: [String: Int] = [:]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func step() {
        now += 1
        switch Int.random(in: 0..<11, using: &random) {
        case 10:
            guard Int.random(in: 0..<10, using: &random) == 0 else { return }
            end(ledger.functionRetired(Self.functions.randomElement(using: &random) ?? "f"))
        case 0...2: invoke()
        case 3...4: finishSomething()
        case 5: becomeReady()
        case 6: endSomething()
        case 7: removeSomething()
        case 8:
            let function = Self.functions.randomElement(using: &random) ?? "f"
            carryOut(ledger.waitedLongEnough(for: function, memory: Self.memory(of: function)), function)
        default:
            end(ledger.expireIdle(since: now - 50))
        }
        check()
    }

    /// Lets everything finish; then nobody may be left waiting.
    mutating func drain() {
        for _ in 0..<10_000 where !waiting.isEmpty || environments.values.contains(where: { $0.running != nil }) {
            now += 1
            becomeReady()
            finishSomething()
            removeSomething()
            for function in Self.functions {
                carryOut(ledger.waitedLongEnough(for: function, memory: Self.memory(of: function)), function)
            }
            check()
        }
        #expect(waiting.isEmpty, "invokes wait for ever")
    }

    private static let functions = ["f", "g", "h"]

    private static func memory(of function: String) -> Int {
        ["f": 100, "g": 250, "h": 400][function] ?? 100
    }

    private mutating func invoke() {
        let function = Self.functions.randomElement(using: &random) ?? "f"
        nextInvoke += 1
        waiting[nextInvoke] = function
        waitingMax[function] = max(waitingMax[function, default: 0], waiting.values.count { $0 == function })
        let loop = Int.random(in: 0..<2, using: &random)
        switch ledger.invokeArrived(nextInvoke, for: function, memory: Self.memory(of: function), on: loop) {
        case .assign(let environment): run(nextInvoke, in: environment)
        case .wait, .waitBriefly: break
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
        if !environment.isReady, let invoke = ledger.environmentFailedToInitialise(id) {
            #expect(waiting.removeValue(forKey: invoke) == environment.function)
        }
        carryOut(ledger.environmentEnded(id), environment.function)
    }

    private mutating func removeSomething() {
        guard let id = pick({ $0.hasEnded }), let environment = environments.removeValue(forKey: id) else { return }
        carryOut(ledger.environmentRemoved(id), environment.function)
    }

    private mutating func end(_ ids: [Int]) {
        for id in ids {
            #expect(environments[id]?.running == nil, "an environment at work was ended")
            environments[id]?.hasEnded = true
            if let function = environments[id]?.function {
                carryOut(ledger.environmentEnded(id), function)
            }
        }
    }

    private mutating func carryOut(
        _ action: EnvironmentLedger<String, Int, Int, Int, Int>.StartAction,
        _ function: String
    ) {
        switch action {
        case .none:
            break
        case .refuse(let invokes):
            for invoke in invokes {
                #expect(waiting.removeValue(forKey: invoke) == function)
            }
        case .startEnvironments(let count, let evicted):
            for _ in 0..<count {
                nextEnvironment += 1
                let memory = Self.memory(of: function)
                environments[nextEnvironment] = Environment(function: function, memory: memory)
                ledger.environmentStarting(
                    nextEnvironment,
                    for: function,
                    memory: memory,
                    on: Int.random(in: 0..<2, using: &random)
                )
            }
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
            let starting = environments.values.count { $0.function == function && !$0.isReady && !$0.hasEnded }
            #expect(starting <= waitingMax[function, default: 0], "too many environments are being made")
        }
    }
}
