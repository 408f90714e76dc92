import TestSupport
import Testing

@testable import WorkerManager

/// Environments that pass from one manager to another.
struct LedgerAdoptionTests {
    private typealias Ledger = EnvironmentLedger<String, Int, String, Int>

    private func ledger() -> Ledger {
        Ledger(memoryBudget: 1000, starts: RateLimit(1_000_000, perNanoseconds: 1))
    }

    private func adopt(
        _ environment: Int,
        _ phase: Ledger.AdoptedPhase,
        of function: String = "f",
        isProvisioned: Bool = false,
        into ledger: inout Ledger
    ) -> Ledger.ReadyAction {
        ledger.environmentAdopted(
            environment,
            for: function,
            memory: 100,
            on: 0,
            isProvisioned: isProvisioned,
            phase,
            at: 0
        )
    }

    private func arrive(_ invoke: String, for function: String = "f", in ledger: inout Ledger) -> String {
        switch ledger.invokeArrived(invoke, for: function, memory: 100, on: 0, at: 0) {
        case .assign(let id): "assign \(id)"
        case .wait: "wait"
        case .waitBriefly: "wait briefly"
        case .startEnvironment: "start"
        case .refuse: "refuse"
        }
    }

    @Test func idleEnvironmentIsUsedByTheNextInvoke() {
        var ledger = ledger()
        guard case .keep = adopt(1, .idle, into: &ledger) else {
            Issue.record("the environment was not kept")
            return
        }
        #expect(arrive("a", for: "g", in: &ledger) == "start")
        #expect(arrive("a", in: &ledger) == "assign 1")
    }

    @Test func idleEnvironmentTakesWhoWaits() {
        var ledger = ledger()
        #expect(arrive("a", in: &ledger) == "start")
        guard case .run("a") = adopt(1, .idle, into: &ledger) else {
            Issue.record("the invoke was left waiting")
            return
        }
    }

    @Test func environmentThatIsBeingMadeIsWaitedFor() {
        var ledger = ledger()
        _ = adopt(1, .starting, into: &ledger)
        #expect(arrive("a", in: &ledger) == "wait")
        guard case .run("a") = ledger.environmentReady(1, at: 0) else {
            Issue.record("the invoke was left waiting")
            return
        }
    }

    @Test func busyEnvironmentIsUsedWhenItHasFinished() {
        var ledger = ledger()
        guard case .none = adopt(1, .busy, into: &ledger) else {
            Issue.record("an environment at work was given something to do")
            return
        }
        #expect(arrive("a", in: &ledger) == "start")
        guard case .run("a") = ledger.environmentReady(1, at: 0) else {
            Issue.record("the invoke was left waiting")
            return
        }
    }

    @Test func environmentThatIsKnownIsNotAdoptedTwice() {
        var ledger = ledger()
        _ = adopt(1, .idle, into: &ledger)
        guard case .none = adopt(1, .idle, into: &ledger) else {
            Issue.record("the environment was adopted twice")
            return
        }
        #expect(ledger.memoryFree == 900)
        #expect(arrive("a", in: &ledger) == "assign 1")
        #expect(arrive("b", in: &ledger) == "start")
    }

    @Test func provisionedEnvironmentsCountForWhatIsProvisioned() {
        var ledger = ledger()
        _ = adopt(1, .idle, isProvisioned: true, into: &ledger)
        _ = adopt(2, .busy, isProvisioned: true, into: &ledger)
        _ = adopt(3, .starting, isProvisioned: true, into: &ledger)
        #expect(ledger.provisionStatus(of: "f")?.all == 3 && ledger.provisionStatus(of: "f")?.ready == 2)
        #expect(ledger.provisionChanged(to: 4, of: "f", memory: 100) == .startProvisioned(1, evicting: []))
        _ = ledger.environmentReady(3, at: 0)
        #expect(ledger.provisionStatus(of: "f")?.ready == 3)
        #expect(ledger.expireIdle(since: 0, at: 0) == [])
    }

    @Test func nothingIsKnownOfAForgottenFunction() {
        var ledger = ledger()
        _ = adopt(1, .busy, into: &ledger)
        _ = adopt(2, .idle, of: "g", into: &ledger)
        #expect(arrive("a", in: &ledger) == "start")
        let (environments, waiters) = ledger.forget(["f"])
        #expect(environments == [1] && waiters == ["a"])
        #expect(ledger.memoryFree == 900 && ledger.waiting.isEmpty)
        // Late news of what another manager has.
        guard case .none = ledger.environmentReady(1, at: 0), case .none = ledger.environmentEnded(1, at: 0) else {
            Issue.record("a forgotten environment was given something to do")
            return
        }
        #expect(arrive("b", for: "g", in: &ledger) == "assign 2")
    }

    @Test func invokesWithoutAnyEnvironmentAreRefusedWhenNoneWasStarted() {
        var ledger = ledger()
        #expect(arrive("a", in: &ledger) == "start")
        guard case .refuse(["a"], .moved) = ledger.notStarted(for: "f", isProvisioned: false, .moved) else {
            Issue.record("the invoke was left waiting")
            return
        }
        #expect(ledger.waiting.isEmpty)
    }

    @Test func invokesGoOnWaitingForAnEnvironmentThatIsThere() {
        var ledger = ledger()
        _ = adopt(1, .busy, into: &ledger)
        #expect(arrive("a", in: &ledger) == "start")
        guard case .none = ledger.notStarted(for: "f", isProvisioned: false, .memory) else {
            Issue.record("the invoke was refused")
            return
        }
        guard case .run("a") = ledger.environmentReady(1, at: 0) else {
            Issue.record("the invoke was left waiting")
            return
        }
    }

    @Test func provisionThatCouldNotBeStartedHasAnObstacle() {
        var ledger = ledger()
        _ = ledger.provisionChanged(to: 1, of: "f", memory: 100)
        guard case .none = ledger.notStarted(for: "f", isProvisioned: true, .memory) else {
            Issue.record("somebody was refused")
            return
        }
        #expect(ledger.provisionStatus(of: "f")?.obstacle == .memory)
    }

    /// Functions pass from ledger to ledger: nobody waits without hope, no memory is lost, and whatever is idle is found
    /// again.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func environmentsSurviveAnyNumberOfOwners(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var ledgers = [ledger(), ledger()]
        var owner = 0
        var phases: [Int: Ledger.AdoptedPhase] = [:]
        for step in 0..<300 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                let (forgotten, waiters) = ledgers[owner].forget(["f"])
                #expect(Set(forgotten) == Set(phases.keys), "seed \(seed)")
                #expect(waiters.isEmpty, "seed \(seed)")
                #expect(ledgers[owner].memoryFree == 1000, "seed \(seed)")
                owner = 1 - owner
                for (id, phase) in phases { _ = adopt(id, phase, into: &ledgers[owner]) }
            case 1..<6:
                let idle = phases.filter { $0.value == .idle }.keys
                guard phases.count < 9, !phases.values.contains(.starting) || !idle.isEmpty else { continue }
                let action = arrive("\(step)", in: &ledgers[owner])
                if idle.isEmpty {
                    #expect(action == "start", "seed \(seed)")
                    ledgers[owner].environmentStarting(step, for: "f", memory: 100, on: 0)
                    guard case .run = ledgers[owner].environmentReady(step, at: step) else {
                        Issue.record("seed \(seed): the invoke was left waiting")
                        continue
                    }
                    phases[step] = .busy
                } else {
                    let assigned = idle.first { action == "assign \($0)" }
                    #expect(assigned != nil, "seed \(seed): \(action) though an environment is idle")
                    if let assigned { phases[assigned] = .busy }
                }
            case 6..<8:
                guard let id = phases.filter({ $0.value != .idle }).keys.sorted().randomElement(using: &random) else {
                    continue
                }
                guard case .keep = ledgers[owner].environmentReady(id, at: step) else {
                    Issue.record("seed \(seed): an environment was not kept")
                    continue
                }
                phases[id] = .idle
            case 8:
                guard phases.count < 9 else { continue }
                _ = adopt(step, .starting, into: &ledgers[owner])
                phases[step] = .starting
            default:
                guard let id = phases.keys.sorted().randomElement(using: &random) else { continue }
                _ = ledgers[owner].environmentEnded(id, at: step)
                _ = ledgers[owner].environmentRemoved(id, at: step)
                phases[id] = nil
            }
            #expect(ledgers[owner].memoryFree == 1000 - 100 * phases.count, "seed \(seed), step \(step)")
        }
    }
}
