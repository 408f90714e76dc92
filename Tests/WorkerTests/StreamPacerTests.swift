import NIOCore
import Testing

@testable import Worker

struct StreamPacerTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func pacer() -> StreamPacer {
        var pacer = StreamPacer()
        (pacer.burstBytes, pacer.bytesPerSecond, pacer.bytesMax) = (1000, 100, 10_000)
        return pacer
    }

    @Test func theBurstComesAtAnySpeed() {
        var pacer = pacer()
        #expect(pacer.passed(bytes: 600, at: start) == .proceed)
        #expect(pacer.passed(bytes: 400, at: start) == .proceed)
    }

    @Test func theRestComesAtTheRate() {
        var pacer = pacer()
        _ = pacer.passed(bytes: 1000, at: start)
        #expect(pacer.passed(bytes: 50, at: start) == .wait(until: start + .milliseconds(500)))
        // What was early is made up for.
        #expect(pacer.passed(bytes: 50, at: start + .milliseconds(100)) == .wait(until: start + .seconds(1)))
    }

    @Test func onlyWhatExceedsTheBurstIsPaced() {
        var pacer = pacer()
        #expect(pacer.passed(bytes: 1100, at: start) == .wait(until: start + .seconds(1)))
    }

    @Test func aSlowStreamIsNotHeldBack() {
        var pacer = pacer()
        _ = pacer.passed(bytes: 1000, at: start)
        _ = pacer.passed(bytes: 10, at: start)
        // Time in which nothing came is not saved up.
        let later = start + .seconds(60)
        #expect(pacer.passed(bytes: 100, at: later) == .wait(until: later + .seconds(1)))
    }

    @Test func thereIsAnEnd() {
        var pacer = pacer()
        #expect(pacer.passed(bytes: 10_000, at: start) != .exceeded)
        #expect(pacer.passed(bytes: 1, at: start) == .exceeded)
    }
}
