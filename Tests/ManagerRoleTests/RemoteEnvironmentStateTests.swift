import TestSupport
import Testing

@testable import ManagerRole

struct RemoteEnvironmentStateTests {
    private typealias Machine = RemoteEnvironmentState<String, Int>

    private func reserve(_ machine: inout Machine, _ invoke: String = "a", isReachable: Bool = true) -> Int? {
        switch machine.runRequested(invoke, followers: 0, isReachable: isReachable, at: 0) {
        case .reserve(let token): token
        case .refuse: nil
        }
    }

    /// What an event that says the environment is idle comes to, as text.
    private func idle(_ machine: inout Machine, _ token: Int) -> String {
        switch machine.becameIdle(token, followers: 0) {
        case .initialised: "initialised"
        case .idle(let invoke, unused: 0): "idle after \(invoke ?? "nothing")"
        case .idle(_, let unused): "idle with \(unused) unused"
        case .none: "nothing"
        }
    }

    private func end(_ machine: inout Machine) -> String {
        switch machine.ended() {
        case .end(let invoke): "end of \(invoke ?? "nothing")"
        case .none: "nothing"
        }
    }

    @Test func lifeOfAnInvoke() {
        var machine = Machine()
        #expect(reserve(&machine) == nil)
        #expect(idle(&machine, 1) == "initialised")
        #expect(machine.isIdle && !machine.isBusy)
        #expect(reserve(&machine) == 1)
        #expect(machine.isBusy)
        #expect(reserve(&machine, "b") == nil)
        #expect(idle(&machine, 2) == "idle after a")
        #expect(reserve(&machine, "b") == 2)
        #expect(end(&machine) == "end of b")
        #expect(end(&machine) == "nothing")
        #expect(machine.removed() == true)
        #expect(machine.removed() == false)
    }

    @Test func reservationIsDoubtfulUntilItIsKnownToRun() {
        var machine = Machine(idle: 1)
        #expect(!machine.isDoubtful(at: 100, after: 5))
        _ = reserve(&machine)
        #expect(!machine.isDoubtful(at: 4, after: 5))
        #expect(machine.isDoubtful(at: 5, after: 5))
        machine.foundRunning()
        #expect(!machine.isDoubtful(at: 100, after: 5))
        #expect(idle(&machine, 2) == "idle after a")
        // Late news of what is over.
        machine.foundRunning()
        #expect(machine.isIdle)
    }

    @Test func whoeverWantsItWhileItsWorkerIsAwayLeavesItStranded() {
        var machine = Machine(idle: 1)
        #expect(reserve(&machine, isReachable: false) == nil)
        #expect(!machine.isIdle && !machine.isBusy)
        #expect(reserve(&machine) == nil)
        #expect(idle(&machine, 2) == "idle after nothing")
        #expect(reserve(&machine) == 2)
        #expect(machine.isBusy)
    }

    @Test func environmentThatIsTakenOverGoesOn() {
        var busy = Machine(running: "a")
        #expect(busy.isBusy && !busy.isDoubtful(at: .max, after: 0))
        #expect(idle(&busy, 1) == "idle after a")
        var starting = Machine()
        #expect(end(&starting) == "end of nothing")
    }

    @Test func lateEventsOfWhatAnotherManagerHasDoNothing() {
        var machine = Machine(idle: 1)
        _ = reserve(&machine)
        machine.forgotten()
        #expect(idle(&machine, 2) == "nothing")
        #expect(end(&machine) == "nothing")
        machine.foundRunning()
        #expect(!machine.isBusy && !machine.isIdle && !machine.removed())
    }

    /// Whatever happens in whatever order, an invoke that got a token is over exactly once, or forgotten.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func invokeIsOverOnce(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var machine = Machine()
        var running: String?
        var isGone = false
        for step in 0..<60 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<7:
                let isReachable = Int.random(in: 0..<4, using: &random) > 0
                guard reserve(&machine, "\(step)", isReachable: isReachable) != nil else { continue }
                #expect(running == nil && isReachable && !isGone, "seed \(seed)")
                running = "\(step)"
            case 7..<14:
                let text = idle(&machine, step)
                if let invoke = running, !isGone {
                    #expect(text == "idle after \(invoke)" || text == "nothing" && !machine.isBusy, "seed \(seed)")
                    if text != "nothing" { running = nil }
                } else {
                    #expect(text == "initialised" || text == "idle after nothing" || text == "nothing", "seed \(seed)")
                }
            case 14: machine.foundRunning()
            case 16 where step > 40:
                let text = end(&machine)
                #expect(text == "nothing" || text == "end of \(running ?? "nothing")", "seed \(seed)")
                if text != "nothing" { running = nil }
            case 17 where step > 40:
                if !isGone, Bool.random(using: &random) {
                    machine.forgotten()
                } else {
                    _ = end(&machine)
                    _ = machine.removed()
                }
                (running, isGone) = (nil, true)
            default: break
            }
            #expect(machine.isBusy == (running != nil), "seed \(seed), step \(step)")
        }
    }
}
