import TestSupport
import Testing

@testable import Invocation

struct AdmissionTests {
    private typealias Machine = Admission<String, Int, Int>

    private func machine(account: Int = 10, rate: Int? = nil) -> Machine {
        Machine(.init(account: account, requestsPerSecond: rate))
    }

    /// What became of an invoke of version 1 that did not wait for long.
    private func arrive(_ function: String, _ version: Int = 1, in machine: inout Machine, at now: Int = 0)
        -> Machine.Refusal?
    {
        switch machine.invokeArrived(function, version, at: now, waiter: 0) {
        case .admit: nil
        case .refuse(let refusal): refusal
        case .wait(let ticket): machine.waitedLongEnough(ticket, for: function)?.1
        }
    }

    @Test func accountsConcurrencyIsSharedByAllFunctions() {
        var machine = machine(account: 2)
        #expect(arrive("f", in: &machine) == nil)
        #expect(arrive("g", in: &machine) == nil)
        #expect(arrive("h", in: &machine) == .accountConcurrency)
        #expect(machine.invokeFinished("f", 1) == nil)
        #expect(arrive("h", in: &machine) == nil)
    }

    @Test func reservedConcurrencyIsALimitAcrossVersionsAndAGuarantee() {
        var machine = machine(account: 3)
        _ = machine.settingsChanged(.init(reserved: 2), of: "f")
        #expect(arrive("g", in: &machine) == nil)
        #expect(arrive("g", in: &machine) == .accountConcurrency)
        #expect(arrive("f", 1, in: &machine) == nil)
        #expect(arrive("f", 2, in: &machine) == nil)
        #expect(arrive("f", 3, in: &machine) == .reservedConcurrency)
    }

    @Test func reservationOfNothingRefusesAtOnce() {
        var machine = machine()
        _ = machine.settingsChanged(.init(reserved: 0), of: "f")
        guard case .refuse(.reservedConcurrency) = machine.invokeArrived("f", 1, at: 0, waiter: 0) else {
            Issue.record("the invoke was not refused at once")
            return
        }
        _ = machine.settingsChanged(.init(), of: "f")
        #expect(arrive("f", in: &machine) == nil)
    }

    @Test func placeThatComesFreeGoesToWhoWaits() {
        var machine = machine()
        _ = machine.settingsChanged(.init(reserved: 1), of: "f")
        #expect(arrive("f", in: &machine) == nil)
        guard case .wait(let ticket) = machine.invokeArrived("f", 1, at: 0, waiter: 7) else {
            Issue.record("the invoke did not wait")
            return
        }
        // No more wait than there are places.
        guard case .refuse(.reservedConcurrency) = machine.invokeArrived("f", 1, at: 0, waiter: 8) else {
            Issue.record("the line has no end")
            return
        }
        #expect(machine.invokeFinished("f", 1) == 7)
        #expect(machine.waitedLongEnough(ticket, for: "f") == nil)
        #expect(machine.inUse == 1)
        #expect(machine.invokeFinished("f", 1) == nil)
        #expect(machine.isIdle)
    }

    @Test func ratesAreTenfoldTheConcurrency() {
        var machine = machine(account: 2, rate: 10)
        _ = machine.settingsChanged(.init(reserved: 1), of: "f")
        for _ in 0..<10 {
            #expect(arrive("f", in: &machine) == nil)
            _ = machine.invokeFinished("f", 1)
        }
        #expect(arrive("f", in: &machine) == .reservedRate)
        #expect(arrive("f", in: &machine, at: 100_000_000) == nil)
        _ = machine.invokeFinished("f", 1)
        for _ in 0..<20 {
            #expect(arrive("g", in: &machine) == nil)
            _ = machine.invokeFinished("g", 1)
        }
        #expect(arrive("g", in: &machine) == .accountRate)
    }

    @Test func provisionedConcurrencyIsSetApartForItsVersionAndSpillsOver() {
        var machine = machine(account: 3)
        _ = machine.settingsChanged(.init(provisioned: [1: 2]), of: "f")
        #expect(arrive("g", in: &machine) == nil)
        #expect(arrive("g", in: &machine) == .accountConcurrency)
        #expect(arrive("f", 2, in: &machine) == .accountConcurrency)
        #expect(arrive("f", 1, in: &machine) == nil)
        #expect(arrive("f", 1, in: &machine) == nil)
        #expect(arrive("f", 1, in: &machine) == .accountConcurrency)
        _ = machine.invokeFinished("g", 1)
        #expect(arrive("f", 1, in: &machine) == nil)
        // Who has spilled over leaves the common pool first.
        _ = machine.invokeFinished("f", 1)
        #expect(arrive("g", in: &machine) == nil)
    }

    @Test func invokesFasterThanWhatIsProvisionedSpillOver() {
        var machine = machine(account: 3, rate: 10)
        _ = machine.settingsChanged(.init(provisioned: [1: 1]), of: "f")
        func fill() { for _ in 0..<2 { #expect(arrive("g", in: &machine) == nil) } }
        // The tenth within a second still has the place that is set apart, though the others are taken.
        fill()
        for _ in 0..<10 {
            #expect(arrive("f", in: &machine) == nil)
            _ = machine.invokeFinished("f", 1)
        }
        #expect(arrive("f", in: &machine) == .accountConcurrency)
        _ = machine.invokeFinished("g", 1)
        #expect(arrive("f", in: &machine) == nil)
        _ = machine.invokeFinished("f", 1)
        // A second later all is as it was.
        #expect(arrive("g", in: &machine, at: 1_000_000_000) == nil)
        #expect(arrive("f", in: &machine, at: 1_000_000_000) == nil)
    }

    @Test func provisionedConcurrencyCountsInWhatIsReserved() {
        var machine = machine()
        _ = machine.settingsChanged(.init(reserved: 2, provisioned: [1: 1]), of: "f")
        #expect(arrive("f", 2, in: &machine) == nil)
        #expect(arrive("f", 2, in: &machine) == .reservedConcurrency)
        #expect(arrive("f", 1, in: &machine) == nil)
        #expect(arrive("f", 1, in: &machine) == .reservedConcurrency)
    }

    @Test func whatRunsTakesThePlacesThatAreSetApartForIt() {
        var machine = machine(account: 3)
        for _ in 0..<2 { #expect(arrive("f", 1, in: &machine) == nil) }
        _ = machine.settingsChanged(.init(provisioned: [1: 2]), of: "f")
        // The common pool has one place left, and nobody of the function is in it.
        #expect(arrive("g", in: &machine) == nil)
        #expect(arrive("g", in: &machine) == .accountConcurrency)
        _ = machine.settingsChanged(.init(), of: "f")
        _ = machine.invokeFinished("f", 1)
        #expect(arrive("g", in: &machine) == nil)
    }

    @Test func placeThatIsSetApartGoesToWhoMayHaveItNotToWhoIsFirst() {
        for reserved in [nil, 1] {
            var machine = machine(account: 2)
            _ = machine.settingsChanged(.init(reserved: reserved, provisioned: [1: 1]), of: "f")
            #expect(arrive("g", in: &machine) == nil)
            #expect(arrive("f", 1, in: &machine) == nil)
            _ = machine.invokeArrived("g", 1, at: 0, waiter: 6)
            guard case .wait = machine.invokeArrived("f", 1, at: 0, waiter: 7) else {
                Issue.record("the invoke did not wait")
                return
            }
            #expect(machine.invokeFinished("f", 1) == 7)
        }
    }

    @Test func whatRunsCountsUnderNewSettings() {
        var machine = machine(account: 4)
        for _ in 0..<3 { #expect(arrive("f", in: &machine) == nil) }
        _ = machine.settingsChanged(.init(reserved: 2), of: "f")
        #expect(arrive("f", in: &machine) == .reservedConcurrency)
        // The common pool has two places, the account only one.
        #expect(arrive("g", in: &machine) == nil)
        #expect(arrive("g", in: &machine) == .accountConcurrency)
        _ = machine.invokeFinished("f", 1)
        #expect(arrive("g", in: &machine) == nil)
        for _ in 0..<2 { _ = machine.invokeFinished("f", 1) }
        #expect(arrive("f", in: &machine) == nil)
    }

    @Test func deletedFunctionLeavesNothing() {
        var machine = machine(account: 2)
        _ = machine.settingsChanged(.init(reserved: 1), of: "f")
        #expect(arrive("f", in: &machine) == nil)
        #expect(machine.functionDeleted("f").isEmpty)
        #expect(arrive("g", in: &machine) == nil)
        #expect(arrive("g", in: &machine) == .accountConcurrency)
        _ = machine.invokeFinished("f", 1)
        #expect(arrive("g", in: &machine) == nil)
    }

    /// Invokes come and finish, settings change and functions go in any order: no limit is ever exceeded by an invoke
    /// that is admitted, nobody is lost in a line, and in the end every counter is back at zero.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func randomLivesExceedNoLimitAndLeakNothing(seed: UInt64) {
        var simulation = Simulation(seed: seed)
        for _ in 0..<2000 { simulation.step() }
        simulation.drain()
    }
}

/// Callers and functions that do what they like, beside a plain account of who runs what.
private struct Simulation {
    private struct Key: Hashable {
        let function: String
        let version: Int
    }

    private static let account = 12
    private static let functions = ["f", "g", "h"]
    private var random: SeededGenerator
    private var machine = Admission<String, Int, Int>(.init(account: account, requestsPerSecond: 1000))
    private var settings: [String: Admission<String, Int, Int>.Settings] = [:]
    private var running: [Key: Int] = [:]
    private var waiting: [Int: (key: Key, ticket: Admission<String, Int, Int>.Ticket)] = [:]
    private var nextInvoke = 0
    private var now = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func step() {
        now += Int.random(in: 0..<1_000_000, using: &random)
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<9: arrive(Key(function: anyFunction(), version: Int.random(in: 1...3, using: &random)))
        case 9..<16: finish()
        case 16..<18: giveUp()
        case 18: changeSettings()
        default:
            guard Int.random(in: 0..<5, using: &random) == 0 else { return }
            let function = anyFunction()
            settings[function] = nil
            again(machine.functionDeleted(function))
        }
        #expect(machine.inUse == running.values.reduce(0, +), "the machine has lost count")
    }

    mutating func drain() {
        while let invoke = waiting.keys.min() { giveUp(invoke) }
        while !running.isEmpty { finish() }
        #expect(machine.isIdle, "a counter is not back at zero")
    }

    private mutating func anyFunction() -> String {
        Self.functions.randomElement(using: &random) ?? "f"
    }

    private mutating func arrive(_ key: Key) {
        nextInvoke += 1
        switch machine.invokeArrived(key.function, key.version, at: now, waiter: nextInvoke) {
        case .admit: run(key)
        case .wait(let ticket): waiting[nextInvoke] = (key, ticket)
        case .refuse: break
        }
    }

    private mutating func run(_ key: Key) {
        running[key, default: 0] += 1
        #expect(running.values.reduce(0, +) <= Self.account, "the account's concurrency is exceeded")
        if let reserved = settings[key.function]?.reserved {
            let all = running.filter { $0.key.function == key.function }.values.reduce(0, +)
            #expect(all <= reserved, "reserved concurrency is exceeded")
        } else if running[key, default: 0] > settings[key.function]?.provisioned[key.version] ?? 0 {
            let claimed = settings.values.reduce(0) { $0 + $1.claimed }
            let shared = running.filter { settings[$0.key.function]?.reserved == nil }.reduce(0) { sum, entry in
                sum + max(0, entry.value - (settings[entry.key.function]?.provisioned[entry.key.version] ?? 0))
            }
            #expect(shared <= Self.account - claimed, "what is set apart for others is used")
        }
    }

    private mutating func finish() {
        guard
            let key = running.keys.sorted(by: { ($0.function, $0.version) < ($1.function, $1.version) })
                .randomElement(using: &random)
        else { return }
        running[key, default: 0] -= 1
        if running[key] == 0 { running[key] = nil }
        guard let next = machine.invokeFinished(key.function, key.version) else { return }
        guard let (key, _) = waiting.removeValue(forKey: next) else {
            Issue.record("an invoke was admitted that does not wait")
            return
        }
        run(key)
    }

    private mutating func giveUp() {
        guard let invoke = waiting.keys.sorted().randomElement(using: &random) else { return }
        giveUp(invoke)
    }

    private mutating func giveUp(_ invoke: Int) {
        guard let (key, ticket) = waiting.removeValue(forKey: invoke) else { return }
        #expect(machine.waitedLongEnough(ticket, for: key.function)?.0 == invoke, "an invoke was lost in the line")
        #expect(machine.waitedLongEnough(ticket, for: key.function) == nil)
    }

    private mutating func changeSettings() {
        let function = anyFunction()
        var next = Admission<String, Int, Int>.Settings()
        if Bool.random(using: &random) { next.reserved = Int.random(in: 0...4, using: &random) }
        var left = next.reserved ?? 3
        for version in 1...2 where left > 0 && Bool.random(using: &random) {
            next.provisioned[version] = Int.random(in: 1...left, using: &random)
            left -= next.provisioned[version] ?? 0
        }
        settings[function] = next
        again(machine.settingsChanged(next, of: function))
    }

    private mutating func again(_ invokes: [Int]) {
        for invoke in invokes {
            guard let (key, _) = waiting.removeValue(forKey: invoke) else {
                Issue.record("an invoke was sent back that does not wait")
                continue
            }
            arrive(key)
        }
    }
}
