import Testing

@testable import SandboxMicroVM

struct GuestClockTests {
    @Test func theQuickestAnswerTellsTheError() {
        var clock = GuestClock()
        clock.answered(asked: 1_000_000_000, at: 1_040_000_000, showing: 1_000_500_000)
        clock.answered(asked: 2_000_000_000, at: 2_000_200_000, showing: 1_980_100_000)
        clock.answered(asked: 3_000_000_000, at: 3_030_000_000, showing: 3_000_000_000)
        let correction = clock.takeCorrection()
        #expect(correction == 20_000_000)
        // What was measured before the clock was set says nothing of it now.
        let further = clock.takeCorrection()
        #expect(further == nil)
    }

    @Test func aClockThatIsRightIsLeftAlone() {
        var clock = GuestClock()
        clock.answered(asked: 1_000_000_000, at: 1_000_400_000, showing: 1_000_300_000)
        let correction = clock.takeCorrection()
        #expect(correction == nil)
    }

    @Test(arguments: [0, UInt64.max, UInt64(Int.max)])
    func nothingThatAGuestSaysIsTooMuch(guest: UInt64) {
        var clock = GuestClock()
        clock.answered(asked: 1, at: 2, showing: guest)
        _ = clock.takeCorrection()
    }
}
