import NIOCore
import TestSupport
import Testing

@testable import Frontend

struct RequestTimeoutTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let limit = TimeAmount.seconds(10)

    private func timeout() -> RequestTimeout { RequestTimeout(limit: limit, connectedAt: start) }

    @Test func connectionWithoutRequestIsKeptForThreeTimesTheLimit() {
        #expect(timeout().deadline == start + .seconds(30))
    }

    @Test func requestHasTheLimitFromItsBeginning() {
        var timeout = timeout()
        timeout.requestBegan(at: start + .seconds(5))
        #expect(timeout.deadline == start + .seconds(15))
    }

    @Test func byteNowAndThenBuysNoTime() {
        var timeout = timeout()
        timeout.requestBegan(at: start)
        for _ in 0..<1000 { timeout.received(bytes: 1) }
        #expect(timeout.deadline == start + limit)
    }

    @Test func largeBodyMayTakeItsTime() {
        var timeout = timeout()
        timeout.requestBegan(at: start)
        timeout.received(bytes: 64 << 20)
        #expect(timeout.deadline == start + limit + .seconds(1024))
    }

    @Test func answerMayTakeAnyTime() {
        var timeout = timeout()
        timeout.requestBegan(at: start)
        timeout.requestEnded()
        #expect(timeout.deadline == nil)
        timeout.responseEnded(at: start + .hours(1))
        #expect(timeout.deadline == start + .hours(1) + .seconds(30))
    }

    @Test func requestSentAheadHasItsOwnLimit() {
        var timeout = timeout()
        timeout.requestBegan(at: start)
        timeout.requestEnded()
        timeout.requestBegan(at: start + .seconds(1))
        #expect(timeout.deadline == start + .seconds(11))
        // The answer to the first says nothing of the second.
        timeout.responseEnded(at: start + .seconds(2))
        #expect(timeout.deadline == start + .seconds(11))
        timeout.requestEnded()
        #expect(timeout.deadline == nil)
    }

    /// Whatever happens in whatever order, a client that owes nothing is not cut off, and one that owes something is.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func deadlineIsThereExactlyWhenTheClientOwesSomething(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var timeout = timeout()
        var now = start
        var (isReceiving, unanswered) = (false, 0)
        for _ in 0..<200 {
            now = now + .milliseconds(Int64.random(in: 0..<100, using: &generator))
            switch Int.random(in: 0..<4, using: &generator) {
            case 0 where !isReceiving:
                timeout.requestBegan(at: now)
                (isReceiving, unanswered) = (true, unanswered + 1)
            case 1 where isReceiving: timeout.received(bytes: Int.random(in: 0..<1000, using: &generator))
            case 2 where isReceiving:
                timeout.requestEnded()
                isReceiving = false
            case 3 where unanswered > (isReceiving ? 1 : 0):
                timeout.responseEnded(at: now)
                unanswered -= 1
            default: continue
            }
            #expect((timeout.deadline == nil) == (!isReceiving && unanswered > 0), "seed \(seed)")
        }
    }
}
