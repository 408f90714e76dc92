import TestSupport
import Testing

@testable import Invocation

/// Admission where several managers have parts of one account.
struct SharedAdmissionTests {
    private typealias Machine = Admission<String, Int, Int>

    private func machine(share: Int, account: Int = 100) -> Machine {
        var machine = Machine(.init(account: account, requestsPerSecond: nil, isShared: true))
        _ = machine.shareChanged(to: share)
        return machine
    }

    /// Whether an invoke of version 1 is admitted at once; otherwise it does not wait.
    private func isAdmitted(_ function: String, in machine: inout Machine) -> Bool {
        switch machine.invokeArrived(function, 1, at: 0, waiter: 0) {
        case .admit: return true
        case .refuse: return false
        case .wait(let ticket):
            _ = machine.waitedLongEnough(ticket, for: function)
            return false
        }
    }

    @Test func managerHasNothingToBeginWith() {
        var machine = Machine(.init(account: 100, requestsPerSecond: nil, isShared: true))
        guard case .wait = machine.invokeArrived("f", 1, at: 0, waiter: 7) else {
            Issue.record("the invoke did not wait")
            return
        }
        #expect(machine.commonUse == .init(share: 0, inUse: 0, waiting: 1))
        // Whoever waits comes again, and finds a place.
        #expect(machine.shareChanged(to: 1) == [7])
        #expect(isAdmitted("f", in: &machine))
        #expect(!isAdmitted("f", in: &machine))
        #expect(machine.shareChanged(to: 1) == [])
    }

    @Test func reservedConcurrencyIsNoPartOfTheShare() {
        var machine = machine(share: 1)
        _ = machine.settingsChanged(.init(reserved: 2), of: "f")
        #expect(isAdmitted("f", in: &machine) && isAdmitted("f", in: &machine))
        #expect(isAdmitted("g", in: &machine))
        #expect(machine.commonUse == .init(share: 1, inUse: 1, waiting: 0))
    }

    @Test func whatAnotherManagerAdmittedCountsWhateverTheShare() {
        var machine = machine(share: 2)
        for _ in 0..<3 { machine.invokeAdopted("f", 1) }
        #expect(machine.commonUse == .init(share: 2, inUse: 3, waiting: 0))
        #expect(!isAdmitted("g", in: &machine))
        _ = machine.invokeFinished("f", 1)
        #expect(!isAdmitted("g", in: &machine))
        for _ in 0..<2 { _ = machine.invokeFinished("f", 1) }
        #expect(machine.inUse == 0)
    }

    @Test func adoptedInvokeOfAReservedFunctionTakesOneOfItsPlaces() {
        var machine = machine(share: 0)
        _ = machine.settingsChanged(.init(reserved: 2, provisioned: [1: 1]), of: "f")
        machine.invokeAdopted("f", 1)
        machine.invokeAdopted("f", 1)
        #expect(!isAdmitted("f", in: &machine))
        #expect(machine.commonUse.inUse == 0)
        for _ in 0..<2 { _ = machine.invokeFinished("f", 1) }
        #expect(machine.inUse == 0)
    }

    @Test func functionThatIsForgottenTakesItsShareAlong() {
        var machine = machine(share: 3)
        _ = machine.settingsChanged(.init(reserved: 1), of: "r")
        #expect(isAdmitted("f", in: &machine) && isAdmitted("f", in: &machine) && isAdmitted("g", in: &machine))
        #expect(isAdmitted("r", in: &machine))
        _ = machine.invokeArrived("f", 1, at: 0, waiter: 5)
        _ = machine.invokeArrived("r", 1, at: 0, waiter: 6)
        _ = machine.invokeArrived("g", 1, at: 0, waiter: 7)
        let (waiters, running) = machine.forget { $0 == "f" || $0 == "r" }
        #expect(Set(waiters) == [5, 6] && running == 2)
        #expect(machine.inUse == 1)
        #expect(machine.commonUse == .init(share: 1, inUse: 1, waiting: 1))
        // What was running of them is another's to count.
        _ = machine.invokeFinished("f", 1)
        _ = machine.invokeFinished("r", 1)
        #expect(machine.inUse == 1)
        #expect(!isAdmitted("h", in: &machine))
    }

    @Test func placesOfWhatIsExpectedAreNobodyElses() {
        var machine = machine(share: 3)
        machine.expect(2)
        #expect(isAdmitted("g", in: &machine) && !isAdmitted("g", in: &machine))
        machine.invokeAdopted("f", 1)
        _ = machine.invokeArrived("g", 1, at: 0, waiter: 7)
        // One of the two is over meanwhile.
        #expect(machine.found(2) == [7])
        #expect(isAdmitted("g", in: &machine) && !isAdmitted("g", in: &machine))
    }

    @Test func whatIsExpectedAndNotFoundGoesAlong() {
        var machine = machine(share: 5)
        machine.expect(3)
        machine.invokeAdopted("f", 1)
        #expect(isAdmitted("g", in: &machine))
        #expect(machine.forget(expecting: 3) { $0 == "f" }.running == 3)
        #expect(machine.commonUse == .init(share: 2, inUse: 1, waiting: 0))
        // More have been found than were expected.
        machine.expect(1)
        for _ in 0..<2 { machine.invokeAdopted("f", 1) }
        #expect(machine.forget(expecting: 1) { $0 == "f" }.running == 2)
        #expect(machine.commonUse == .init(share: 0, inUse: 1, waiting: 0))
    }

    @Test func evictedManagerHasNothing() {
        var machine = machine(share: 5)
        machine.expect(2)
        #expect(isAdmitted("f", in: &machine) && isAdmitted("f", in: &machine))
        _ = machine.memberEvicted { _ in true }
        #expect(machine.commonUse == .init(share: 0, inUse: 0, waiting: 0) && machine.inUse == 0)
        #expect(!isAdmitted("f", in: &machine))
    }

    @Test func shareShrinksToWhatRuns() {
        var machine = machine(share: 10)
        for _ in 0..<4 { #expect(isAdmitted("f", in: &machine)) }
        #expect(machine.shareShrinks(to: 6) == 6)
        #expect(machine.shareShrinks(to: 2) == 4)
        // It never grows by this.
        #expect(machine.shareShrinks(to: 9) == 4)
        #expect(!isAdmitted("f", in: &machine))
    }

    /// Two managers have one account: functions pass between them with all that runs, shares are given back and asked
    /// for. Together they never begin more than there is.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func managersTogetherExceedNoLimit(seed: UInt64) {
        var walk = SharedWalk(seed: seed)
        for _ in 0..<1500 { walk.step() }
        walk.drain()
    }
}

/// A plain account of who runs what beside two managers.
private struct SharedWalk {
    private typealias Machine = Admission<String, Int, Int>

    private static let account = 12
    private static let functions = ["f", "g", "h", "r"]
    private static let reserved = ["r": 3]

    private let seed: UInt64
    private var random: SeededGenerator
    private var machines = [Machine](
        repeating: Machine(.init(account: account, requestsPerSecond: nil, isShared: true)),
        count: 2
    )
    /// What is nobody's.
    private var free = account - 3
    private var owner: [String: Int] = [:]
    private var running: [String: [Int]] = [:]
    private var waiting: [Int: (manager: Int, function: String, ticket: Machine.Ticket)] = [:]
    private var nextInvoke = 0

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        for function in Self.functions { gain(function, by: Int.random(in: 0..<2, using: &random)) }
    }

    private func share(of manager: Int) -> Int { machines[manager].commonUse.share }

    mutating func step() {
        let function = Self.functions.randomElement(using: &random) ?? "f"
        let manager = owner[function] ?? 0
        switch Int.random(in: 0..<24, using: &random) {
        case 0..<10: arrive(function)
        case 10..<17: finish(function)
        case 17: move(function)
        case 18..<20:
            let more = Int.random(in: 0...free, using: &random)
            free -= more
            again(machines[manager].shareChanged(to: share(of: manager) + more))
        case 20:
            let before = share(of: manager)
            let kept = machines[manager].shareShrinks(to: Int.random(in: 0...before, using: &random))
            free += before - kept
        default:
            guard let invoke = waiting.keys.sorted().randomElement(using: &random) else { return }
            giveUp(invoke)
        }
        check()
    }

    private mutating func gain(_ function: String, by manager: Int) {
        owner[function] = manager
        if let reserved = Self.reserved[function] {
            again(machines[manager].settingsChanged(.init(reserved: reserved), of: function))
        }
    }

    private mutating func arrive(_ function: String) {
        nextInvoke += 1
        let manager = owner[function] ?? 0
        let version = Int.random(in: 1...2, using: &random)
        // An invoke that waits is known by its number, and its version by whether that is even.
        nextInvoke += nextInvoke % 2 == version % 2 ? 0 : 1
        switch machines[manager].invokeArrived(function, version, at: 0, waiter: nextInvoke) {
        case .admit: run(nextInvoke, function)
        case .wait(let ticket): waiting[nextInvoke] = (manager, function, ticket)
        case .refuse: break
        }
    }

    private mutating func run(_ invoke: Int, _ function: String) {
        running[function, default: []].append(invoke)
        let common = running.reduce(0) { $0 + (Self.reserved[$1.key] == nil ? $1.value.count : 0) }
        #expect(common <= Self.account - 3, "seed \(seed): more begins than there is")
        #expect(running["r", default: []].count <= 3, "seed \(seed): reserved concurrency is exceeded")
    }

    private func version(of invoke: Int) -> Int { invoke % 2 == 0 ? 2 : 1 }

    private mutating func finish(_ function: String) {
        guard let invoke = running[function]?.randomElement(using: &random) else { return }
        running[function]?.removeAll { $0 == invoke }
        let next = machines[owner[function] ?? 0].invokeFinished(function, version(of: invoke))
        guard let next else { return }
        guard let waiter = waiting.removeValue(forKey: next) else {
            Issue.record("seed \(seed): an invoke was admitted that does not wait")
            return
        }
        run(next, waiter.function)
    }

    /// A function goes to the other manager with all that runs, and its part of the share.
    private mutating func move(_ function: String) {
        let from = owner[function] ?? 0
        let before = share(of: from)
        let (waiters, handedOver) = machines[from].forget { $0 == function }
        let expected = Self.reserved[function] == nil ? running[function, default: []].count : 0
        #expect(handedOver == expected, "seed \(seed)")
        #expect(share(of: from) == before - handedOver, "seed \(seed): what has gone along is still used")
        for waiter in waiters { #expect(waiting.removeValue(forKey: waiter)?.function == function, "seed \(seed)") }
        gain(function, by: 1 - from)
        for invoke in running[function, default: []] { machines[1 - from].invokeAdopted(function, version(of: invoke)) }
        again(machines[1 - from].shareChanged(to: share(of: 1 - from) + handedOver))
    }

    private mutating func giveUp(_ invoke: Int) {
        guard let waiter = waiting.removeValue(forKey: invoke) else { return }
        let refused = machines[waiter.manager].waitedLongEnough(waiter.ticket, for: waiter.function)
        #expect(refused?.0 == invoke, "seed \(seed): an invoke was lost in the line")
    }

    private mutating func again(_ invokes: [Int]) {
        for invoke in invokes {
            guard let waiter = waiting.removeValue(forKey: invoke) else {
                Issue.record("seed \(seed): an invoke was sent back that does not wait")
                continue
            }
            arrive(waiter.function)
        }
    }

    private func check() {
        let all = running.values.reduce(0) { $0 + $1.count }
        #expect(machines[0].inUse + machines[1].inUse == all, "seed \(seed): an invoke is not counted once")
        #expect(share(of: 0) + share(of: 1) + free == Self.account - 3, "seed \(seed): some of the share is lost")
        for machine in machines {
            #expect(machine.commonUse.inUse <= machine.commonUse.share, "seed \(seed)")
        }
    }

    mutating func drain() {
        while let invoke = waiting.keys.min() { giveUp(invoke) }
        for function in Self.functions {
            while running[function]?.isEmpty == false { finish(function) }
        }
        #expect(machines.allSatisfy { $0.isIdle }, "seed \(seed): a counter is not back at zero")
    }
}
