import Dispatch
import Synchronization
import Testing

@testable import Worker

struct StartGateTests {
    private final class Counts: Sendable {
        private let state = Mutex((now: 0, most: 0, all: 0))

        var most: Int { state.withLock { $0.most } }
        var all: Int { state.withLock { $0.all } }

        func entered() {
            state.withLock {
                $0.now += 1
                $0.all += 1
                $0.most = max($0.most, $0.now)
            }
        }

        func left() {
            state.withLock { $0.now -= 1 }
        }
    }

    @Test func letsSoManyInAtATimeAndAllInTheEnd() async {
        let gate = StartGate(insideMax: 3)
        let counts = Counts()
        await withDiscardingTaskGroup { group in
            for _ in 0..<100 {
                group.addTask {
                    let passage = await gate.enter()
                    counts.entered()
                    await Task.yield()
                    counts.left()
                    passage.leave()
                    passage.leave()
                }
            }
        }
        #expect(counts.all == 100)
        #expect(counts.most <= 3)
    }

    @Test func whoStandsBackGoesOnWhenNobodyStarts() async {
        let gate = StartGate(insideMax: 2)
        await gate.quiet(within: .never)
        let passages = [await gate.enter(), await gate.enter()]
        async let quiet: Void = gate.quiet(within: .never)
        for passage in passages { passage.leave() }
        await quiet
    }

    @Test func whoStandsBackDoesSoForAWhileOnly() async {
        let gate = StartGate(insideMax: 1)
        let passage = await gate.enter()
        let took = await ContinuousClock().measure { await gate.quiet(within: .milliseconds(30)) }
        #expect(took >= .milliseconds(30))
        passage.leave()
    }

    @Test func aPassageThatIsForgottenIsLeft() async {
        let gate = StartGate(insideMax: 1)
        for _ in 0..<3 { _ = await gate.enter() }
    }
}
