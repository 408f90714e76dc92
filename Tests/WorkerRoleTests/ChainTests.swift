import TestSupport
import Testing

@testable import WorkerRole

/// Invokes that follow one another in an environment without their manager's being asked.
struct ChainTests {
    private typealias Machine = HostedEnvironments<Int, Int, Int, Int>

    private static let pause = 10
    private static let all = 1000

    /// Tokens are numbers that are never drawn twice.
    private struct Tokens {
        private(set) var last = 0

        mutating func draw() -> Int {
            last += 1
            return last
        }
    }

    /// A worker with one idle environment of partition 0, and its token.
    private func worker(_ tokens: inout Tokens) -> (Machine, token: Int) {
        var machine = Machine(
            memoryBudget: 100,
            leash: 1_000_000,
            keeping: .init(pause: Self.pause, all: Self.all)
        )
        _ = machine.owned(0, since: 1, by: 7, at: 0, makeToken: { 0 })
        machine.heartbeatAnswered(by: 7, sentAt: 0)
        _ = machine.startRequested(1, in: 0, since: 1, memory: 1, isProvisioned: false, by: 7)
        let token = tokens.draw()
        #expect(machine.becameIdle(1, with: token, at: 0) == .tell(token, followers: 0))
        return (machine, token)
    }

    private func next(_ action: Machine.RunAction) -> Int? {
        switch action {
        case .run(let next), .wait(let next): next
        case .refuse: nil
        }
    }

    @Test func theNextTokenIsGoodForTheNextInvokeWithoutTheManager() throws {
        var tokens = Tokens()
        var (machine, token) = worker(&tokens)
        let first = machine.runRequested(10, in: 1, showing: token, followers: 2, at: 1) { tokens.draw() }
        let second = try #require(next(first))
        #expect(machine.becameIdle(1, with: tokens.draw(), at: 2) == .keep)
        let third = machine.runRequested(11, in: 1, showing: second, followers: 0, at: 3) { tokens.draw() }
        let last = try #require(next(third))
        #expect(machine.becameIdle(1, with: tokens.draw(), at: 4) == .keep)
        // The last of the chain gets no further token, and then the manager is told how many there were.
        #expect(
            machine.runRequested(12, in: 1, showing: last, followers: 0, at: 5) { tokens.draw() } == .run(next: nil)
        )
        let idle = tokens.draw()
        #expect(machine.becameIdle(1, with: idle, at: 6) == .tell(idle, followers: 2))
    }

    @Test func whoComesBeforeTheInvokeIsQuiteOverWaitsForIt() throws {
        var tokens = Tokens()
        var (machine, token) = worker(&tokens)
        let first = machine.runRequested(10, in: 1, showing: token, followers: 5, at: 1) { tokens.draw() }
        let second = try #require(next(first))
        guard
            case .wait(let third) = machine.runRequested(
                11,
                in: 1,
                showing: second,
                followers: 0,
                at: 2,
                makeToken: { tokens.draw() }
            )
        else {
            Issue.record("the follower was not let in")
            return
        }
        // One waits at most.
        #expect(
            machine.runRequested(12, in: 1, showing: second, followers: 0, at: 2) { tokens.draw() } == .refuse(.void)
        )
        #expect(machine.becameIdle(1, with: tokens.draw(), at: 3) == .run(11))
        #expect(machine.becameIdle(1, with: tokens.draw(), at: 4) == .keep)
        #expect(third != nil)
    }

    @Test func nobodyWhoComesForAMomentGivesTheEnvironmentBack() {
        var tokens = Tokens()
        var (machine, token) = worker(&tokens)
        _ = machine.runRequested(10, in: 1, showing: token, followers: 5, at: 1) { tokens.draw() }
        #expect(machine.becameIdle(1, with: tokens.draw(), at: 20) == .keep)
        #expect(machine.keptLongEnough(1, at: 25, makeToken: { tokens.draw() }) == .again(after: 5))
        guard case .tell(let idle, followers: 0) = machine.keptLongEnough(1, at: 30, makeToken: { tokens.draw() })
        else {
            Issue.record("the manager was not told")
            return
        }
        #expect(machine.entries[1]?.phase == .idle(idle, since: 20))
        #expect(machine.keptLongEnough(1, at: 40, makeToken: { tokens.draw() }) == .none)
    }

    @Test func theManagerHasAnEnvironmentBackThatNobodyUses() throws {
        var tokens = Tokens()
        var (machine, token) = worker(&tokens)
        let first = machine.runRequested(10, in: 1, showing: token, followers: 5, at: 1) { tokens.draw() }
        let second = try #require(next(first))
        _ = machine.becameIdle(1, with: tokens.draw(), at: 2)
        guard case .idle(let idle, followers: 0) = machine.voidRequested(1, by: 7, makeToken: { tokens.draw() }) else {
            Issue.record("it was not given back")
            return
        }
        #expect(
            machine.runRequested(11, in: 1, showing: second, followers: 0, at: 3) { tokens.draw() } == .refuse(.void)
        )
        #expect(
            machine.runRequested(12, in: 1, showing: idle, followers: 0, at: 3) { tokens.draw() } == .run(next: nil)
        )
    }

    @Test func oneThatIsUsedComesBackAfterIt() throws {
        var tokens = Tokens()
        var (machine, token) = worker(&tokens)
        let first = machine.runRequested(10, in: 1, showing: token, followers: 5, at: 1) { tokens.draw() }
        let second = try #require(next(first))
        #expect(machine.voidRequested(1, by: 7, makeToken: { tokens.draw() }) == .running)
        #expect(
            machine.runRequested(11, in: 1, showing: second, followers: 0, at: 2) { tokens.draw() } == .refuse(.void)
        )
        let idle = tokens.draw()
        #expect(machine.becameIdle(1, with: idle, at: 3) == .tell(idle, followers: 0))
    }

    @Test func anotherManagerHasTheEnvironmentAndTheChainIsOver() throws {
        var tokens = Tokens()
        var (machine, token) = worker(&tokens)
        let first = machine.runRequested(10, in: 1, showing: token, followers: 5, at: 1) { tokens.draw() }
        let second = try #require(next(first))
        _ = machine.becameIdle(1, with: tokens.draw(), at: 2)
        _ = machine.owned(0, since: 2, by: 8, at: 3, makeToken: { tokens.draw() })
        #expect(
            machine.runRequested(11, in: 1, showing: second, followers: 0, at: 3) { tokens.draw() } == .refuse(.void)
        )
        #expect(machine.entries[1]?.phase == .idle(tokens.last, since: 2))
    }

    /// Whoever has come already runs; what the worker has told it of another is void.
    @Test func anotherManagerHasTheEnvironmentAndNobodyFollowsWhoWaits() throws {
        var tokens = Tokens()
        var (machine, token) = worker(&tokens)
        let first = machine.runRequested(10, in: 1, showing: token, followers: 5, at: 1) { tokens.draw() }
        let second = try #require(next(first))
        let waiting = machine.runRequested(11, in: 1, showing: second, followers: 0, at: 2) { tokens.draw() }
        let third = try #require(next(waiting))
        _ = machine.owned(0, since: 2, by: 8, at: 3, makeToken: { tokens.draw() })
        #expect(machine.becameIdle(1, with: tokens.draw(), at: 4) == .run(11))
        #expect(
            machine.runRequested(12, in: 1, showing: third, followers: 0, at: 5) { tokens.draw() } == .refuse(.void)
        )
        let idle = tokens.draw()
        #expect(machine.becameIdle(1, with: idle, at: 6) == .tell(idle, followers: 1))
    }

    @Test func whoWaitsIsToldWhenTheEnvironmentEnds() throws {
        var tokens = Tokens()
        var (machine, token) = worker(&tokens)
        let first = machine.runRequested(10, in: 1, showing: token, followers: 5, at: 1) { tokens.draw() }
        let second = try #require(next(first))
        _ = machine.runRequested(11, in: 1, showing: second, followers: 0, at: 2) { tokens.draw() }
        #expect(machine.ended(1) == 11)
        machine.removed(1)
        #expect(machine.entries.isEmpty)
    }

    /// Several frontends, one manager that hands out, takes back and loses partitions, environments that end: whatever happens,
    /// no token lets two invokes in, no environment runs two at once, and no chain is longer or lasts longer than it may.
    @Test(arguments: 0..<200)
    func noTokenLetsTwoIn(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var tokens = Tokens()
        var (machine, token) = worker(&tokens)
        var known = [token]
        var used: Set<Int> = []
        var running: Int?
        var waiting: Int?
        var now = 1
        var epoch = 1
        var uses = 0
        var chainBegan = 0
        let followersMax = 3
        for step in 0..<400 {
            now += Int.random(in: 0...8, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                guard let shown = known.randomElement(using: &random) else { continue }
                let wasIdle = machine.entries[1].map { if case .idle = $0.phase { true } else { false } } ?? false
                let action = machine.runRequested(step, in: 1, showing: shown, followers: followersMax, at: now) {
                    tokens.draw()
                }
                guard action != .refuse(.void) else { continue }
                #expect(used.insert(shown).inserted, "a token was used twice")
                if let next = next(action) { known.append(next) }
                uses = wasIdle ? 0 : uses + 1
                if wasIdle { chainBegan = now }
                #expect(uses <= followersMax)
                #expect(now <= chainBegan + Self.all)
                switch action {
                case .run:
                    #expect(running == nil, "two run at once")
                    running = step
                case .wait:
                    #expect(running != nil && waiting == nil)
                    waiting = step
                case .refuse: Issue.record("nothing was wrong but the token")
                }
            case 5..<8:
                guard running != nil else { continue }
                running = nil
                let drawn = tokens.draw()
                switch machine.becameIdle(1, with: drawn, at: now) {
                case .tell(let idle, _): known.append(idle)
                case .run(let invoke):
                    #expect(invoke == waiting)
                    running = waiting
                    waiting = nil
                case .keep: break
                case .end: Issue.record("the environment is wanted")
                }
            case 8:
                if case .tell(let idle, _) = machine.keptLongEnough(1, at: now, makeToken: { tokens.draw() }) {
                    known.append(idle)
                }
                if case .idle(let idle, _) = machine.voidRequested(1, by: epoch + 6, makeToken: { tokens.draw() }) {
                    known.append(idle)
                }
            default:
                epoch += 1
                _ = machine.owned(0, since: epoch, by: epoch + 6, at: now, makeToken: { tokens.draw() })
                machine.heartbeatAnswered(by: epoch + 6, sentAt: now)
                if case .idle(let idle, _)? = machine.entries[1]?.phase { known.append(idle) }
            }
        }
    }
}
