import LambdaAPI
import MetadataStore
import Testing

@testable import EventQueue

struct LaneTests {
    /// A lane in which so many events are ready, numbered from 1.
    private func lane(ready count: Int) -> Lane {
        var lane = Lane()
        for number in 1...count { #expect(append(number, to: &lane)) }
        return lane
    }

    /// Whether an event that was written stays in memory.
    private func append(_ number: Int, to lane: inout Lane, hasRoom: Bool = true) -> Bool {
        lane.appended(.test(number), hasRoom: hasRoom)
    }

    /// Runs the next event.
    private func take(_ lane: inout Lane) -> Int? { lane.takeNext()?.id.rawValue }

    private func numbers(_ ids: Set<EventID>) -> [Int] { ids.map(\.rawValue).sorted() }

    @Test func laneWithoutEventsIsOver() {
        var lane = Lane()
        #expect(lane.isOver && !lane.wantsRead(hasRoom: true))
        #expect(take(&lane) == nil && lane.nextDue == nil)
        _ = append(1, to: &lane)
        #expect(!lane.isOver && lane.depth == 1)
        #expect(take(&lane) == 1 && !lane.isOver)
        lane.settled(EventID(1), until: nil)
        #expect(lane.isOver && lane.depth == 0)
    }

    @Test func laneThatWasFoundIsReadFirst() {
        var lane = Lane(depth: 3)
        #expect(lane.wantsRead(hasRoom: true) && lane.wantsRead(hasRoom: false))
        #expect(!append(9, to: &lane), "a later event has overtaken")
        #expect(lane.beginRead(hasRoom: true) == (Lane.readyMax, Lane.readSizeMax, []))
        #expect(!lane.wantsRead(hasRoom: true) && !lane.isOver)
        lane.read(.test([1, 2, 3, 9]))
        #expect(lane.depth == 4)
        #expect((0..<5).map { _ in take(&lane) } == [1, 2, 3, 9, nil])
    }

    @Test func eventsRunInTheOrderInWhichTheyCame() {
        var lane = lane(ready: 5)
        #expect((0..<5).map { _ in take(&lane) } == [1, 2, 3, 4, 5])
        #expect(numbers(lane.underway) == [1, 2, 3, 4, 5])
    }

    // MARK: Memory

    @Test func noMoreAreReadyThanAllowedAndTheRestIsReadWhenHalfAreGone() {
        var lane = lane(ready: Lane.readyMax)
        #expect(!append(100, to: &lane) && lane.depth == Lane.readyMax + 1)
        #expect(!lane.wantsRead(hasRoom: true))
        for number in 1...Lane.readyMax / 2 {
            #expect(!lane.wantsRead(hasRoom: true))
            #expect(take(&lane) == number)
        }
        #expect(lane.wantsRead(hasRoom: true))
        let read = lane.beginRead(hasRoom: true)
        #expect(read.limit == Lane.readyMax / 2)
        #expect(numbers(read.except) == Array(1...Lane.readyMax))
    }

    @Test func sizeIsThatOfTheReadyEvents() {
        var lane = Lane()
        let events = (1...3).map { QueuedEvent.test($0, size: 1000 * $0) }
        for event in events { _ = lane.appended(event, hasRoom: true) }
        #expect(lane.readySize == events.map(\.size).reduce(0, +) && lane.readySize > 6000)
        _ = take(&lane)
        #expect(lane.readySize == events[1].size + events[2].size)
        _ = lane.beginPurge()
        #expect(lane.readySize == 0)
    }

    @Test func withoutRoomTheLaneIsReadOneEventAtATime() {
        var lane = Lane()
        #expect(!append(1, to: &lane, hasRoom: false))
        #expect(!lane.isOver && lane.wantsRead(hasRoom: false))
        #expect(lane.beginRead(hasRoom: false).limit == 1)
        lane.read(.test([1], hasMore: true))
        #expect(!lane.wantsRead(hasRoom: false) && lane.wantsRead(hasRoom: true))
        #expect(take(&lane) == 1)
        #expect(!lane.wantsRead(hasRoom: false), "its event runs still")
        lane.settled(EventID(1), until: nil)
        #expect(lane.wantsRead(hasRoom: false))
    }

    // MARK: Reading

    @Test func eventThatIsWrittenDuringAReadIsLeftToTheNext() {
        var lane = Lane(depth: 1)
        _ = lane.beginRead(hasRoom: true)
        #expect(!append(2, to: &lane))
        lane.read(.test([1]))
        #expect(lane.wantsRead(hasRoom: true))
        #expect(numbers(lane.beginRead(hasRoom: true).except) == [1])
        lane.read(.test([2]))
        #expect((0..<3).map { _ in take(&lane) } == [1, 2, nil])
        #expect(!lane.wantsRead(hasRoom: true))
    }

    /// A read sees what is durable, which whoever has written it may not have been told yet.
    @Test func eventThatWasReadBeforeItWasReportedIsThereOnce() {
        var lane = Lane(depth: 1)
        _ = lane.beginRead(hasRoom: true)
        lane.read(.test([1, 2]))
        #expect(!append(2, to: &lane))
        #expect(append(3, to: &lane))
        #expect((0..<4).map { _ in take(&lane) } == [1, 2, 3, nil])
        #expect(lane.depth == 3)
    }

    /// The page was made before the event was postponed, and arrives after it has become due.
    @Test func eventThatBecomesDueDuringAReadIsNotForgotten() {
        var lane = lane(ready: 1)
        #expect(take(&lane) == 1)
        _ = append(2, to: &lane, hasRoom: false)
        #expect(lane.wantsRead(hasRoom: true))
        #expect(numbers(lane.beginRead(hasRoom: true).except) == [1])
        lane.settled(EventID(1), until: .test(1000))
        lane.timePassed(at: .test(1000))
        lane.read(.test([2]))
        #expect(take(&lane) == 2)
        #expect(lane.wantsRead(hasRoom: true))
    }

    @Test func laneThatCannotBeReadRestsForASecond() {
        var lane = Lane(depth: 1)
        _ = lane.beginRead(hasRoom: true)
        lane.readFailed(at: .test(50))
        #expect(!lane.wantsRead(hasRoom: true) && !lane.isOver)
        #expect(lane.nextDue == .test(1050))
        lane.timePassed(at: .test(1049))
        #expect(!lane.wantsRead(hasRoom: true))
        lane.timePassed(at: .test(1050))
        #expect(lane.wantsRead(hasRoom: true))
    }

    @Test func pageThatNobodyAskedForIsIgnored() {
        var lane = lane(ready: 1)
        lane.read(.test([2], hasMore: true, nextDue: 5))
        #expect(!lane.wantsRead(hasRoom: true))
        #expect((0..<2).map { _ in take(&lane) } == [1, nil])
    }

    // MARK: Time

    @Test func laneWakesForTheEarliestOfItsEvents() {
        var lane = lane(ready: 3)
        for number in 1...3 { #expect(take(&lane) == number) }
        for (number, due) in [(1, 3000), (2, 1000), (3, 2000)] {
            lane.settled(EventID(number), until: .test(due))
        }
        #expect(lane.nextDue == .test(1000))
        #expect(lane.depth == 3 && lane.underway.isEmpty)
        lane.timePassed(at: .test(1000))
        #expect(lane.wantsRead(hasRoom: true))
        _ = lane.beginRead(hasRoom: true)
        lane.read(.test([2], nextDue: 2000))
        #expect(take(&lane) == 2)
        #expect(lane.nextDue == .test(2000))
    }

    // MARK: Purging

    @Test func purgeForgetsWhatWaitsAndKeepsWhatRuns() {
        var lane = lane(ready: 4)
        _ = (take(&lane), take(&lane))
        #expect(lane.beginPurge().map(numbers) == [1, 2])
        #expect(lane.beginPurge() == nil, "it is being purged already")
        #expect(take(&lane) == nil && !lane.isOver)
        lane.settled(EventID(1), until: nil)
        #expect(!append(5, to: &lane))
        #expect(!lane.wantsRead(hasRoom: true))
        lane.purged(2)
        #expect(lane.depth == 2)
        #expect(lane.wantsRead(hasRoom: true))
        #expect(numbers(lane.beginRead(hasRoom: true).except) == [2])
        lane.read(.test([5]))
        #expect(take(&lane) == 5)
    }

    @Test func pageOfAPurgedLaneIsThrownAway() {
        var lane = Lane(depth: 2)
        _ = lane.beginRead(hasRoom: true)
        #expect(lane.beginPurge() == [])
        lane.purged(2)
        #expect(!lane.wantsRead(hasRoom: true), "two reads at once")
        lane.read(.test([1, 2], nextDue: 77))
        #expect(take(&lane) == nil)
        #expect(lane.depth == 0)
        #expect(lane.wantsRead(hasRoom: true))
        _ = lane.beginRead(hasRoom: true)
        lane.read(.test([]))
        #expect(lane.isOver)
    }

    @Test func purgeThatFailedLosesNothing() {
        var lane = lane(ready: 2)
        _ = lane.beginPurge()
        lane.purged(0)
        #expect(lane.depth == 2 && lane.wantsRead(hasRoom: true))
    }
}
