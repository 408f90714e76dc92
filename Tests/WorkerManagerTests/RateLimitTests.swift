import TestSupport
import Testing

@testable import WorkerManager

struct RateLimitTests {
    @Test func bucketIsFullAtFirstAndRefillsWithTime() {
        var limit = RateLimit(3, perNanoseconds: 30)
        #expect(limit.isFull(at: 100))
        #expect(limit.allowance(at: 100, upTo: 9) == 3)
        for _ in 0..<3 { #expect(limit.take(at: 100) == true) }
        #expect(limit.take(at: 109) == false)
        #expect(limit.allowance(at: 109, upTo: 9) == 0)
        #expect(limit.take(at: 110) == true)
        #expect(limit.take(at: 119) == false)
        #expect(limit.allowance(at: 135, upTo: 9) == 2)
        #expect(limit.allowance(at: 135, upTo: 1) == 1)
        #expect(limit.allowance(at: 1000, upTo: 9) == 3)
        #expect(limit.isFull(at: 1000))
    }

    /// Whatever the times: no window of a period sees more than two buckets' worth, nor any long run more than the rate.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func randomTakesKeepToTheRate(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...20, using: &random)
        var limit = RateLimit(count, perNanoseconds: count * 10)
        var taken = 0
        var now = 0
        for _ in 0..<5000 {
            now += Int.random(in: 0...12, using: &random)
            let allowance = limit.allowance(at: now, upTo: .max)
            let isTaken = limit.take(at: now)
            #expect(isTaken == (allowance > 0))
            taken += isTaken ? 1 : 0
            #expect(taken <= count + now / 10)
        }
        #expect(taken > 0)
    }
}

extension RateLimitTests {
    @Test func whatIsGivenBackMayHappenAgain() {
        var limit = RateLimit(10, perNanoseconds: 1000)
        for _ in 0..<10 { _ = limit.take(at: 0) }
        #expect(limit.allowance(at: 0, upTo: 10) == 0)
        limit.giveBack(3)
        #expect(limit.allowance(at: 0, upTo: 10) == 3)
        for _ in 0..<3 { _ = limit.take(at: 0) }
        #expect(limit.allowance(at: 0, upTo: 10) == 0)
        limit.giveBack(100)
        #expect(limit.allowance(at: 0, upTo: 20) == 10)
    }
}
