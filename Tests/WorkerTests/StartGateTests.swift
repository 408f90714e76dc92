import Synchronization
import Testing

@testable import Worker

struct StartGateTests {
    @Test func letsSoManyInAtATimeAndAllInTheEnd() async {
        let gate = StartGate(insideMax: 3)
        let inside = Mutex((now: 0, most: 0, all: 0))
        await withDiscardingTaskGroup { group in
            for _ in 0..<100 {
                group.addTask {
                    let passage = await gate.enter()
                    inside.withLock {
                        $0.now += 1
                        $0.all += 1
                        $0.most = max($0.most, $0.now)
                    }
                    await Task.yield()
                    inside.withLock { $0.now -= 1 }
                    passage.leave()
                    passage.leave()
                }
            }
        }
        let counts = inside.withLock { $0 }
        #expect(counts.all == 100)
        #expect(counts.most <= 3)
    }

    @Test func aPassageThatIsForgottenIsLeft() async {
        let gate = StartGate(insideMax: 1)
        for _ in 0..<3 { _ = await gate.enter() }
    }
}
