import TestSupport
import Testing

@testable import Worker

/// An instant of a clock that the tests move.
private struct TestInstant: InstantProtocol {
    var offset: Duration

    func advanced(by duration: Duration) -> TestInstant { TestInstant(offset: offset + duration) }
    func duration(to other: TestInstant) -> Duration { other.offset - offset }
    static func < (one: TestInstant, other: TestInstant) -> Bool { one.offset < other.offset }

    static func seconds(_ seconds: Int, milliseconds: Int = 0) -> TestInstant {
        TestInstant(offset: .seconds(seconds) + .milliseconds(milliseconds))
    }
}

struct SandboxPoolStateMachineTests {
    private typealias Machine = SandboxPoolStateMachine<String, Int, TestInstant>

    private func makeMachine(lineMax: Int = 4, memoryBytesMax: Int = 1000) -> Machine {
        var bounds = Machine.Bounds(lineMax: lineMax, memoryBytesMax: memoryBytesMax)
        bounds.memoryBytesGuess = 10
        bounds.linesMax = 3
        return Machine(bounds: bounds)
    }

    /// Makes and discards what the machine asks for, until it asks for nothing. Returns what was made.
    private func fill(_ machine: inout Machine, at now: TestInstant, bytes: Int = 10, from first: Int = 0) -> [String] {
        var made: [String] = []
        for _ in 0..<1000 {
            switch machine.next(at: now) {
            case .make(let plan):
                #expect(machine.made(first + made.count, for: plan, memoryBytes: bytes) == .keep)
                made.append(plan)
            case .discard:
                break
            case .wait:
                return made
            }
        }
        Issue.record("the pool does not come to rest")
        return made
    }

    @Test func nothingIsMadeWithoutAFunction() {
        var machine = makeMachine()
        #expect(machine.next(at: .seconds(0)) == .wait(until: nil))
    }

    @Test func aFunctionThatMayComeHasOneWaiting() {
        var machine = makeMachine()
        machine.expected("python", at: .seconds(0))
        machine.expected("python", at: .seconds(0))
        #expect(fill(&machine, at: .seconds(0)) == ["python"])
        #expect(machine.take("python", at: .seconds(1)) == .use(0))
        #expect(machine.take("python", at: .seconds(1)) == .startCold)
        #expect(machine.take("node", at: .seconds(1)) == .startCold)
    }

    @Test func aSandboxIsUsedOnce() {
        var machine = makeMachine()
        machine.expected("python", at: .seconds(0))
        _ = fill(&machine, at: .seconds(0))
        #expect(machine.take("python", at: .seconds(1)) == .use(0))
        #expect(machine.ended(0, at: .seconds(1)) == .none)
        #expect(machine.shutDown() == [])
    }

    @Test func aLineGrowsWithWhatIsAskedForUpToItsBound() {
        var machine = makeMachine(lineMax: 4)
        for number in 1...6 {
            let now = TestInstant.seconds(number)
            _ = machine.take("python", at: now)
            _ = fill(&machine, at: now.advanced(by: .milliseconds(500)), from: number * 10)
            #expect(machine.count == min(4, number + 1))
        }
    }

    @Test func aLineShrinksWhenNothingIsAskedForAnyMore() {
        var machine = makeMachine()
        machine.expected("python", at: .seconds(0))
        for _ in 0..<3 { _ = machine.take("python", at: .seconds(0)) }
        _ = fill(&machine, at: .seconds(1))
        #expect(machine.count == 4)
        #expect(machine.next(at: .seconds(299)) == .wait(until: .seconds(300)))
        for member in 0..<3 { #expect(machine.next(at: .seconds(300)) == .discard(member)) }
        #expect(machine.next(at: .seconds(300)) == .wait(until: nil))
        #expect(machine.count == 1)
    }

    @Test func aLineThatNoFunctionIsLeftForGoes() {
        var machine = makeMachine()
        _ = machine.take("python", at: .seconds(0))
        _ = fill(&machine, at: .seconds(1))
        #expect(machine.count == 2)
        #expect(machine.next(at: .seconds(300)) == .discard(0))
        #expect(machine.next(at: .seconds(300)) == .wait(until: .seconds(600)))
        #expect(machine.next(at: .seconds(600)) == .discard(1))
        #expect(machine.next(at: .seconds(600)) == .wait(until: nil))
    }

    @Test func nothingIsMadeDuringABurst() {
        var machine = makeMachine()
        machine.expected("python", at: .seconds(0))
        _ = machine.take("python", at: .seconds(1))
        #expect(machine.next(at: .seconds(1)) == .wait(until: .seconds(1, milliseconds: 25)))
        _ = machine.take("python", at: .seconds(1, milliseconds: 20))
        #expect(machine.next(at: .seconds(1, milliseconds: 25)) == .wait(until: .seconds(1, milliseconds: 45)))
        #expect(machine.next(at: .seconds(1, milliseconds: 45)) == .make("python"))
    }

    @Test func theLineThatFallsShortMostIsServedFirst() {
        var machine = makeMachine()
        for _ in 0..<3 { _ = machine.take("python", at: .seconds(0)) }
        _ = machine.take("node", at: .seconds(1))
        // Both have none, and the one used last comes first; then it is by parts of what is wanted, 4 and 2.
        #expect(
            fill(&machine, at: .seconds(2)) == ["node", "python", "python", "node", "python", "python"]
        )
    }

    @Test func memoryIsBoundedAndFunctionsComeFirst() {
        var machine = makeMachine(memoryBytesMax: 30)
        for _ in 0..<4 { _ = machine.take("python", at: .seconds(0)) }
        #expect(fill(&machine, at: .seconds(1)).count == 3)
        machine.memoryBecameFree(15)
        #expect(machine.next(at: .seconds(1)) == .discard(0))
        #expect(machine.next(at: .seconds(1)) == .discard(1))
        #expect(machine.memoryBytesUsed == 10)
        machine.memoryBecameFree(0)
        #expect(machine.next(at: .seconds(1)) == .discard(2))
        #expect(machine.take("python", at: .seconds(1)) == .startCold)
        machine.memoryBecameFree(1000)
        #expect(fill(&machine, at: .seconds(2), from: 10).count == 3)
    }

    @Test func aLineRestsAfterAFailure() {
        var machine = makeMachine()
        machine.expected("python", at: .seconds(0))
        machine.makingFailed("python", at: .seconds(0))
        #expect(machine.next(at: .seconds(4)) == .wait(until: .seconds(5)))
        #expect(fill(&machine, at: .seconds(5)) == ["python"])
        #expect(machine.ended(0, at: .seconds(6)) == .discard)
        #expect(machine.ended(0, at: .seconds(6)) == .none)
        #expect(machine.next(at: .seconds(6)) == .wait(until: .seconds(11)))
        #expect(machine.next(at: .seconds(11)) == .make("python"))
    }

    @Test func thereAreOnlySoManyLines() {
        var machine = makeMachine()
        for (number, plan) in ["a", "b", "c", "d"].enumerated() {
            machine.expected(plan, at: .seconds(number))
            _ = fill(&machine, at: .seconds(number), from: number * 10)
        }
        #expect(machine.count == 3)
        #expect(machine.take("a", at: .seconds(9)) == .startCold)
        #expect(machine.take("d", at: .seconds(9)) == .use(30))
    }

    @Test func aPoolOfNoneMakesNone() {
        var machine = makeMachine(lineMax: 0)
        machine.expected("python", at: .seconds(0))
        #expect(machine.take("python", at: .seconds(0)) == .startCold)
        #expect(machine.next(at: .seconds(1)) == .wait(until: nil))
    }

    @Test func nothingIsTakenOrKeptAfterShutdown() {
        var machine = makeMachine()
        machine.expected("python", at: .seconds(0))
        _ = fill(&machine, at: .seconds(0))
        #expect(machine.shutDown() == [0])
        #expect(machine.take("python", at: .seconds(1)) == .startCold)
        #expect(machine.made(7, for: "python", memoryBytes: 1) == .discard)
        machine.expected("python", at: .seconds(1))
        #expect(machine.next(at: .seconds(1)) == .wait(until: nil))
        #expect(machine.ended(0, at: .seconds(1)) == .none)
        #expect(machine.shutDown() == [])
    }

    /// Random events in random order. Whatever comes, no sandbox is used twice or lost, the bounds hold, and a pool that is
    /// left alone comes to rest with what it should have.
    @Test(arguments: 0..<500 as Range<UInt64>)
    func everySandboxHasOneFate(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var walk = Walk(machine: makeMachine(lineMax: Int.random(in: 1...5, using: &random), memoryBytesMax: 60))
        for _ in 0..<Int.random(in: 1...200, using: &random) {
            walk.step(using: &random)
            walk.check(seed: seed)
        }
        walk.finish(seed: seed)
    }

    private struct Walk {
        var machine: Machine
        private var now = TestInstant.seconds(0)
        private var waiting: Set<Int> = []
        private var over: Set<Int> = []
        private var nextMember = 0
        private var memory: [Int: Int] = [:]
        private var free = Int.max
        private let plans = ["a", "b", "c", "d", "e"]

        init(machine: Machine) {
            self.machine = machine
        }

        mutating func step(using random: inout SeededGenerator) {
            now = now.advanced(by: .milliseconds([0, 1, 30, 1000, 200_000].randomElement(using: &random) ?? 0))
            let plan = plans.randomElement(using: &random) ?? "a"
            switch Int.random(in: 0..<12, using: &random) {
            case 0: machine.expected(plan, at: now)
            case 1, 2, 3:
                if case .use(let member) = machine.take(plan, at: now) { end(member) }
            case 4:
                free = Int.random(in: 0...80, using: &random)
                machine.memoryBecameFree(free)
            case 5:
                let member = Int.random(in: 0...nextMember, using: &random)
                if case .discard = machine.ended(member, at: now) { end(member) }
            case 6: machine.makingFailed(plan, at: now)
            default: work(failing: Bool.random(using: &random), bytes: Int.random(in: 1...20, using: &random))
            }
        }

        /// Does what the machine wants next. Returns whether it wanted anything.
        @discardableResult
        mutating func work(failing: Bool, bytes: Int) -> Bool {
            switch machine.next(at: now) {
            case .make(let plan):
                if failing && bytes > 15 {
                    machine.makingFailed(plan, at: now)
                } else if machine.made(nextMember, for: plan, memoryBytes: bytes) == .keep {
                    waiting.insert(nextMember)
                    memory[nextMember] = bytes
                    nextMember += 1
                }
                return true
            case .discard(let member):
                end(member)
                return true
            case .wait(let until):
                if let until { #expect(until > now) }
                return false
            }
        }

        private mutating func end(_ member: Int) {
            #expect(waiting.remove(member) != nil, "\(member) was not waiting")
            #expect(over.insert(member).inserted, "\(member) was used twice")
            memory[member] = nil
        }

        func check(seed: UInt64) {
            #expect(machine.count == waiting.count, "seed \(seed)")
            #expect(machine.memoryBytesUsed == memory.values.reduce(0, +), "seed \(seed)")
        }

        mutating func finish(seed: UInt64) {
            now = now.advanced(by: .seconds(10))
            var steps = 0
            while work(failing: false, bytes: 5), steps < 1000 { steps += 1 }
            #expect(steps < 1000, "seed \(seed): the pool does not come to rest")
            check(seed: seed)
            #expect(machine.memoryBytesUsed <= min(60, free), "seed \(seed)")
            #expect(Set(machine.shutDown()) == waiting, "seed \(seed)")
        }
    }
}
