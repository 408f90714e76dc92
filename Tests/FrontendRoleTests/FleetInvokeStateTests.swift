import TestSupport
import Testing

@testable import FrontendRole

struct FleetInvokeStateTests {
    @Test func reservationIsBroughtToItsWorkerOnce() {
        var state = FleetInvokeState(deadline: 1_000_000_000)
        #expect(state.reserved() == true)
        #expect(state.reserved() == false)
        #expect(state.ended() == true)
        #expect(!state.ended() && !state.reserved())
        #expect(state.isOver)
    }

    @Test func whatWasNotBegunIsTriedAgainAtOnceAndThenMoreSlowly() {
        var state = FleetInvokeState(deadline: .max)
        var pauses: [Int] = []
        for _ in 0..<10 {
            guard case .reserve(let pause) = state.notBegun(at: 0) else {
                Issue.record("it was not tried again")
                return
            }
            pauses.append(pause / 1_000_000)
        }
        #expect(pauses == [0, 4, 8, 16, 32, 64, 128, 250, 250, 250])
    }

    @Test func eventThatAWorkerHasNotBegunGoesToAnother() {
        var state = FleetInvokeState(deadline: .max)
        _ = state.reserved()
        #expect(state.notBegun(at: 0) == .reserve(after: 0))
        #expect(state.reserved() == true)
    }

    @Test func itIsGivenUpWhenNothingCanBeBegunInTime() {
        var state = FleetInvokeState(deadline: 1_000_000_000)
        #expect(state.notBegun(at: 0) == .reserve(after: 0))
        #expect(state.notBegun(at: 999_000_000) == .giveUp)
        #expect(state.isOver)
        #expect(state.notBegun(at: 0) == .none && !state.reserved() && !state.ended())
    }

    @Test func lateNewsOfWhatIsOverDoesNothing() {
        var state = FleetInvokeState(deadline: .max)
        _ = state.reserved()
        _ = state.ended()
        #expect(state.notBegun(at: 0) == .none)
    }

    /// However often it is tried, it is answered once, and no later than its deadline.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func invokeEndsOnceAndInTime(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let deadline = 20_000_000_000
        var state = FleetInvokeState(deadline: deadline)
        var (now, ends) = (0, 0)
        for _ in 0..<1000 {
            now += Int.random(in: 0...50_000_000, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<4: #expect(!state.reserved() || ends == 0, "seed \(seed)")
            case 4 where Int.random(in: 0..<40, using: &random) == 0: ends += state.ended() ? 1 : 0
            default:
                switch state.notBegun(at: now) {
                case .reserve(let pause): #expect(ends == 0 && now + pause < deadline, "seed \(seed)")
                case .giveUp: ends += 1
                case .none: #expect(ends == 1, "seed \(seed)")
                }
            }
            #expect(state.isOver == (ends == 1), "seed \(seed)")
        }
        #expect(ends == 1, "seed \(seed)")
    }
}
