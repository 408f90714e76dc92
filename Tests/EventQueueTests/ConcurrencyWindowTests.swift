import LambdaAPI
import TestSupport
import Testing

@testable import EventQueue

struct ConcurrencyWindowTests {
    /// A window in which so many events run.
    private func window(running: Int) -> ConcurrencyWindow {
        var window = ConcurrencyWindow()
        for _ in 0..<running { #expect(window.eventWaits(at: .test(0)) == .run) }
        return window
    }

    /// When an event that wants to run is to ask again; nil if it runs.
    private func wait(_ window: inout ConcurrencyWindow, at now: Int) -> Int? {
        switch window.eventWaits(at: .test(now)) {
        case .run: nil
        case .wait(let moment): moment.sinceTest
        }
    }

    @Test func firstSixteenRunAtOnce() {
        var window = window(running: 16)
        #expect(wait(&window, at: 0) == 200)
        #expect(window.running == 16)
    }

    @Test func fullWindowIsWiderByThreeHundredAfterAMinute() {
        var window = window(running: 16)
        var now = 0
        while now <= 60_000 {
            guard let moment = wait(&window, at: now) else { continue }
            #expect(moment == now + 200)
            now = moment
        }
        #expect(window.running == 316 && window.limit == 316)
    }

    @Test func windowThatWasNotFullIsNotWidened() {
        var window = window(running: 16)
        #expect(wait(&window, at: 0) == 200)
        window.finished(wasThrottled: false, at: .test(150))
        #expect(wait(&window, at: 150) == nil)
        #expect(wait(&window, at: 180) == 380)
        #expect(wait(&window, at: 379) == 380)
        #expect(wait(&window, at: 380) == nil)
        #expect(window.limit == 17)
    }

    @Test func longWaitWidensItByNoMoreThanOne() {
        var window = window(running: 16)
        #expect(wait(&window, at: 0) == 200)
        #expect(wait(&window, at: 10_000) == nil)
        #expect(wait(&window, at: 10_000) == 10_200)
    }

    @Test func eventsThatEndMakeRoomAtOnce() {
        var window = window(running: 16)
        for now in 0..<100 {
            window.finished(wasThrottled: false, at: .test(now))
            #expect(wait(&window, at: now) == nil)
        }
        #expect(window.running == 16 && window.limit == 16)
    }

    // MARK: Throttling

    @Test(arguments: [(16, 15), (5, 4), (2, 1)])
    func throttleNarrowsItToWhatStillRuns(running: Int, limit: Int) {
        var window = window(running: running)
        window.finished(wasThrottled: true, at: .test(0))
        #expect(window.limit == limit)
        #expect(wait(&window, at: 0) == 1200, "it does not widen for a second")
        #expect(wait(&window, at: 1199) == 1200)
        #expect(wait(&window, at: 1200) == nil)
    }

    /// Otherwise all that wait would be tried and put off one after the other.
    @Test func windowInWhichNothingRunsIsClosedForASecond() {
        var window = window(running: 1)
        window.finished(wasThrottled: true, at: .test(0))
        #expect(wait(&window, at: 0) == 1000)
        #expect(wait(&window, at: 999) == 1000)
        #expect(wait(&window, at: 1000) == nil)
        #expect(window.limit == 1)
    }

    /// Events that are short end all the time; each end would otherwise end the pause, and have another throttled.
    @Test func pauseGoesOnThoughAnEventEndsAndAnotherBegins() {
        var window = window(running: 6)
        window.finished(wasThrottled: true, at: .test(0))
        for now in stride(from: 0, to: 1000, by: 100) {
            #expect(wait(&window, at: now) == 1200)
            window.finished(wasThrottled: false, at: .test(now))
            #expect(wait(&window, at: now) == nil)
        }
        window.finished(wasThrottled: false, at: .test(1100))
        #expect(wait(&window, at: 1100) == nil)
        #expect(wait(&window, at: 1100) == 1300)
    }

    /// Events come, end and are throttled at random. No more run than the window is wide, who waits is always told for how
    /// long, and the window widens at its pace only.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func windowKeepsItsPace(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var window = ConcurrencyWindow()
        var now = 0
        var lastGrowth = 0
        var lastThrottle = Int.min / 2
        for _ in 0..<300 {
            now += [0, 1, 50, 250].randomElement(using: &random) ?? 0
            let before = window
            switch Int.random(in: 0..<8, using: &random) {
            case 0 where window.running > 0:
                window.finished(wasThrottled: true, at: .test(now))
                #expect(window.limit <= before.limit, "seed \(seed)")
                lastThrottle = now
            case 1, 2, 3:
                if window.running > 0 { window.finished(wasThrottled: false, at: .test(now)) }
            default:
                if let moment = wait(&window, at: now) {
                    #expect(moment > now && moment <= now + 1200, "seed \(seed)")
                    #expect(window.running == before.running, "seed \(seed)")
                } else {
                    #expect(window.running == before.running + 1, "seed \(seed)")
                }
            }
            if window.limit > before.limit {
                #expect(window.limit == before.limit + 1, "seed \(seed)")
                #expect(now - lastGrowth >= ConcurrencyWindow.growthInterval, "seed \(seed)")
                #expect(now - lastThrottle >= ConcurrencyWindow.pause, "seed \(seed)")
                lastGrowth = now
            }
            #expect(window.running <= window.limit && window.limit >= 1, "seed \(seed)")
        }
    }
}
