import TestSupport
import Testing

@testable import RuntimeAPI

struct TelemetryBatcherTests {
    private let event = [UInt8](repeating: 1, count: 100)

    private func batcher(items: Int = 3, bytes: Int = 1000) -> TelemetryBatcher {
        TelemetryBatcher(.init(itemsMax: items, bytesMax: bytes, timeoutMilliseconds: 25))
    }

    @Test func eventsWaitForTheTimer() {
        var batcher = batcher()
        #expect(batcher.append(event) == .startTimer(milliseconds: 25))
        #expect(batcher.append(event) == .none)
        #expect(batcher.timeExpired() == .send([event, event]))
        #expect(batcher.batchSent(true) == .none)
    }

    @Test func fullBatchIsSentAtOnce() {
        var batcher = batcher()
        _ = batcher.append(event)
        _ = batcher.append(event)
        #expect(batcher.append(event) == .send([event, event, event]))
    }

    @Test func batchHoldsNoMoreBytesThanAskedFor() {
        var batcher = batcher(items: 100, bytes: 250)
        _ = batcher.append(event)
        _ = batcher.append(event)
        #expect(batcher.append(event) == .send([event, event]))
        // The timer of the first event still runs.
        #expect(batcher.batchSent(true) == .none)
        #expect(batcher.timeExpired() == .send([event]))
    }

    @Test func onlyOneBatchIsUnderWay() {
        var batcher = batcher(items: 1)
        #expect(batcher.append(event) == .send([event]))
        #expect(batcher.append([2]) == .none)
        #expect(batcher.flush() == .none)
        #expect(batcher.batchSent(true) == .send([[2]]))
    }

    @Test func flushAmidABatchSendsTheRestRightBehindIt() {
        var batcher = batcher(items: 2)
        _ = batcher.append(event)
        #expect(batcher.append(event) == .send([event, event]))
        #expect(batcher.append([2]) == .none)
        #expect(batcher.flush() == .none)
        #expect(batcher.batchSent(true) == .send([[2]]))
        #expect(batcher.batchSent(true) == .none)
        // From here on events wait again; the timer of the first one still runs.
        #expect(batcher.append([3]) == .none)
        #expect(batcher.timeExpired() == .send([[3]]))
    }

    @Test func batchThatIsNotTakenIsSentAgainAndThenLost() {
        var batcher = batcher(items: 1)
        #expect(batcher.append(event) == .send([event]))
        for delay in [50, 100, 200, 400, 800, 1600] {
            #expect(batcher.batchSent(false) == .startTimer(milliseconds: delay))
            #expect(batcher.timeExpired() == .send([event]))
        }
        #expect(batcher.batchSent(false) == .none)
        #expect(batcher.takeLoss() == .init(records: 1, bytes: 100))
        #expect(batcher.takeLoss() == nil)
    }

    @Test func whatASlowSubscriberCannotTakeIsLostAndCounted() {
        var batcher = batcher(items: 100, bytes: 100)
        #expect(batcher.append(event) == .send([event]))
        for _ in 0..<4 { #expect(batcher.append(event) == .none) }
        _ = batcher.append(event)
        #expect(batcher.takeLoss() == .init(records: 1, bytes: 100))
    }

    /// Whatever happens: no event is sent in two batches, none is neither sent nor counted as lost, and a timer runs
    /// whenever something waits that nothing else will move.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func everyEventIsSentOrCounted(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var batcher = batcher(items: 4, bytes: 2000)
        var appended = 0
        var taken = 0
        var lost = 0
        var underWay: [[UInt8]]?
        var isTimerRunning = false
        func take(_ action: TelemetryBatcher.Action) {
            switch action {
            case .send(let batch):
                #expect(underWay == nil && !batch.isEmpty)
                underWay = batch
            case .startTimer:
                isTimerRunning = true
            case .none:
                break
            }
        }
        func settle(_ succeeded: Bool) {
            guard let batch = underWay else { return }
            underWay = nil
            if succeeded { taken += batch.count }
            take(batcher.batchSent(succeeded))
        }
        for _ in 0..<300 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                appended += 1
                take(batcher.append([UInt8](repeating: 0, count: Int.random(in: 1...600, using: &random))))
            case 2 where isTimerRunning:
                isTimerRunning = false
                take(batcher.timeExpired())
            default:
                settle(Bool.random(using: &random))
            }
        }
        while underWay != nil || isTimerRunning {
            settle(true)
            guard isTimerRunning else { continue }
            isTimerRunning = false
            take(batcher.timeExpired())
        }
        take(batcher.flush())
        settle(true)
        lost += batcher.takeLoss()?.records ?? 0
        #expect(taken + lost == appended)
    }
}
