import TestSupport
import Testing

@testable import MetadataStorePostgres

struct SessionPoolTests {
    /// A walk of many who come and go: nobody shares a session, no more are open than may be, whoever waits is served in
    /// turn, and nobody waits while one is free.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func everySessionHasOneUserAndNobodyWaitsInVain(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let sessionsMax = Int.random(in: 1...4, using: &random)
        var pool = SessionPool<Int, Int>(sessionsMax: sessionsMax)
        var (opened, users) = (0, 0)
        var inUse: [Int] = []
        var waiting: [Int] = []
        for step in 0..<300 {
            if step < 200 && (inUse.isEmpty || Bool.random(using: &random)) {
                users += 1
                switch pool.lease(for: users) {
                case .use(let session):
                    #expect(!inUse.contains(session) && session < opened && waiting.isEmpty, "seed \(seed)")
                    inUse.append(session)
                case .open:
                    inUse.append(opened)
                    opened += 1
                    #expect(opened <= sessionsMax && waiting.isEmpty, "seed \(seed)")
                case .wait:
                    #expect(inUse.count == sessionsMax, "seed \(seed)")
                    waiting.append(users)
                }
            } else if !inUse.isEmpty {
                let session = inUse.remove(at: Int.random(in: inUse.indices, using: &random))
                if let next = pool.giveBack(session) {
                    #expect(next == waiting.first, "seed \(seed)")
                    waiting.removeFirst()
                    inUse.append(session)
                } else {
                    #expect(waiting.isEmpty, "seed \(seed)")
                }
            }
        }
        #expect(waiting.isEmpty && inUse.isEmpty, "seed \(seed)")
    }
}

struct ChangeEndsTests {
    private var ends = ChangeEnds<String>()

    @Test mutating func whoWaitsIsToldWhenTheChangeIs() {
        let number = ends.begin()
        #expect(ends.wait(for: number, "a") == true)
        #expect(ends.heard(number) == "a")
        #expect(ends.heard(number) == nil)
    }

    @Test mutating func changeThatWasToldBeforeIsNotWaitedFor() {
        let number = ends.begin()
        #expect(ends.heard(number) == nil)
        #expect(ends.wait(for: number, "a") == false)
    }

    @Test mutating func changeThatWasNotMadeIsForgotten() {
        let number = ends.begin()
        ends.forget(number)
        #expect(ends.heard(number) == nil)
        #expect(ends.wait(for: number, "a") == false)
    }

    /// One that is being made may still come.
    @Test mutating func afterAGapOnlyThoseThatAreMadeAreTold() {
        let (made, begun) = (ends.begin(), ends.begin())
        #expect(begun != made)
        #expect(ends.wait(for: made, "a") == true)
        #expect(ends.heardAll() == ["a"])
        #expect(ends.wait(for: begun, "b") == true)
        #expect(ends.heard(begun) == "b")
    }
}

struct ReconnectBackOffTests {
    @Test func pauseDoublesUpToItsLimitAndEndsWithAConnection() {
        var backOff = ReconnectBackOff()
        var now = ContinuousClock.now
        #expect(backOff.mayTry(at: now))
        for pause in [50, 100, 200, 400, 800, 1600, 2000, 2000] {
            backOff.failed(at: now)
            #expect(!backOff.mayTry(at: now + .milliseconds(pause - 1)))
            now += .milliseconds(pause)
            #expect(backOff.mayTry(at: now))
        }
        backOff.connected()
        #expect(backOff.mayTry(at: now))
        backOff.failed(at: now)
        #expect(backOff.mayTry(at: now + .milliseconds(50)))
    }
}
