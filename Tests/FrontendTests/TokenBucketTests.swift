import LambdaAPI
import NIOCore
import TestSupport
import Testing

@testable import Frontend

struct TokenBucketTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test func oneSecondsWorthMayComeAtOnce() {
        var bucket = TokenBucket(rate: 15, at: start)
        let times = Array(repeating: start, count: 16) + [start + .milliseconds(66), start + .milliseconds(67)]
        let taken = times.map { bucket.take(at: $0) }
        #expect(taken == Array(repeating: true, count: 15) + [false, false, true])
    }

    @Test func whatIsNotUsedIsNotSaved() {
        var bucket = TokenBucket(rate: 2, at: start)
        let later = start + .hours(1)
        let taken = (0..<3).map { _ in bucket.take(at: later) }
        #expect(taken == [true, true, false])
    }

    @Test func clockThatSeemsToGoBackGivesNothing() {
        var bucket = TokenBucket(rate: 1, at: start)
        let later = start + .seconds(1)
        let taken = [later, start, later].map { bucket.take(at: $0) }
        #expect(taken == [true, false, false])
    }

    /// However the requests come, in no span of time are there more than one second's worth above the rate.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func rateIsNeverExceeded(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var bucket = TokenBucket(rate: 10, at: start)
        var (now, admitted) = (start, 0)
        for _ in 0..<2000 {
            now = now + .milliseconds(Int64.random(in: 0..<40, using: &generator))
            if bucket.take(at: now) { admitted += 1 }
            let seconds = Double((now - start).nanoseconds) / 1e9
            #expect(Double(admitted) <= 10 + 10 * seconds + 0.001, "seed \(seed)")
        }
    }

    @Test func classesOfOperationsHaveRatesOfTheirOwn() throws {
        let rates = RequestRates(limits: RequestRateLimits(getFunction: 2, getPolicy: 1, others: 1))
        try rates.admit(.getFunction)
        try rates.admit(.getFunction)
        let error = #expect(throws: LambdaError.self) { try rates.admit(.getFunction) }
        #expect(error == .tooManyRequests(.callerRateLimitExceeded))
        try rates.admit(.getPolicy)
        try rates.admit(.listFunctions)
        #expect(throws: LambdaError.self) { try rates.admit(.createFunction) }
        let free = RequestRates(limits: nil)
        for _ in 0..<1000 { try free.admit(.getFunction) }
    }
}
