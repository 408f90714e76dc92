import LambdaAPI
import MetadataStore
import Testing

@testable import EventQueue

struct DispatcherTests {
    private let f = Dispatcher.LaneKey(shard: 0, lane: .f)
    private let g = Dispatcher.LaneKey(shard: 0, lane: .g)

    private func dispatcher(runningMax: Int = 10, readySizeMax: Int = 1 << 20) -> Dispatcher {
        var dispatcher = Dispatcher(runningMax: runningMax, readySizeMax: readySizeMax)
        #expect(dispatcher.begin(at: .test(0)) == [])
        return dispatcher
    }

    private func events(_ numbers: ClosedRange<Int>, _ lane: EventLane = .f) -> [QueuedEvent] {
        numbers.map { .test($0, lane) }
    }

    /// The numbers of the events to run.
    private func runs(_ actions: [Dispatcher.Action]) -> [Int] {
        actions.compactMap { if case .run(let event) = $0 { event.id.rawValue } else { nil } }
    }

    /// What is to be read.
    private func reads(_ actions: [Dispatcher.Action]) -> [EventRead] {
        actions.compactMap { if case .read(let request) = $0 { request } else { nil } }
    }

    private func depth(_ lane: EventLane, _ dispatcher: Dispatcher) -> Int? {
        dispatcher.lanes.first { $0.lane == lane }?.depth
    }

    // MARK: Life

    @Test func nothingIsBegunBeforeTheBeginning() {
        var dispatcher = Dispatcher(runningMax: 10)
        let summary = LaneSummary(lane: .f, count: 3)
        #expect(dispatcher.shardLeased(0, [summary], at: .test(0)) == [])
        #expect(dispatcher.appended(events(1...2, .g), at: .test(0)) == [])
        #expect(dispatcher.timePassed(at: .test(0)) == [])
        #expect(dispatcher.nextAlarm == nil && !dispatcher.isDrained)
        let actions = dispatcher.begin(at: .test(5))
        #expect(runs(actions) == [1, 2])
        #expect(
            reads(actions) == [
                EventRead(
                    shard: 0,
                    lane: .f,
                    now: .test(5),
                    limit: Lane.readyMax,
                    sizeMax: Lane.readSizeMax,
                    except: []
                )
            ]
        )
        #expect(dispatcher.begin(at: .test(6)) == [])
    }

    @Test func nothingIsBegunAfterTheEnd() {
        var dispatcher = dispatcher(runningMax: 2)
        #expect(runs(dispatcher.appended(events(1...4), at: .test(0))) == [1, 2])
        dispatcher.stop()
        #expect(!dispatcher.isDrained && dispatcher.nextAlarm == nil)
        #expect(dispatcher.begin(at: .test(0)) == [])
        #expect(dispatcher.appended(events(5...6, .g), at: .test(0)) == [])
        for number in 1...2 {
            #expect(dispatcher.finished(f, wasThrottled: false, at: .test(0)) == [])
            #expect(!dispatcher.isDrained)
            #expect(dispatcher.settled(EventID(number), in: f, until: nil, at: .test(0)) == [])
        }
        #expect(dispatcher.isDrained)
        #expect(dispatcher.timePassed(at: .test(1_000_000)) == [])
    }

    @Test func eventThatIsAbandonedIsNotWaitedFor() {
        var dispatcher = dispatcher()
        _ = dispatcher.appended(events(1...1), at: .test(0))
        dispatcher.stop()
        #expect(!dispatcher.isDrained)
        _ = dispatcher.finished(f, wasThrottled: false, at: .test(0))
        dispatcher.abandoned(in: 0)
        #expect(dispatcher.isDrained)
    }

    // MARK: Turns

    @Test func noMoreRunThanAllowedAndAnotherBeginsWhenOneHasRun() {
        var dispatcher = dispatcher(runningMax: 3)
        #expect(runs(dispatcher.appended(events(1...5), at: .test(0))) == [1, 2, 3])
        #expect(dispatcher.runningCount == 3)
        // Before the first is settled: the disk holds up nobody.
        #expect(runs(dispatcher.finished(f, wasThrottled: false, at: .test(0))) == [4])
        #expect(runs(dispatcher.settled(EventID(1), in: f, until: nil, at: .test(0))) == [])
        #expect(runs(dispatcher.finished(f, wasThrottled: false, at: .test(0))) == [5])
        #expect(dispatcher.lanes.map(\.depth) == [4] && dispatcher.lanes.map(\.running) == [3])
    }

    @Test func lanesTakeTurnsEventByEvent() {
        var dispatcher = Dispatcher(runningMax: 6)
        _ = dispatcher.appended(events(1...20), at: .test(0))
        _ = dispatcher.appended(events(21...22, .g), at: .test(0))
        _ = dispatcher.appended(events(31...40, .queue), at: .test(0))
        #expect(runs(dispatcher.begin(at: .test(0))) == [1, 21, 31, 2, 22, 32])
        #expect(runs(dispatcher.finished(f, wasThrottled: false, at: .test(0))) == [3])
        #expect(runs(dispatcher.finished(f, wasThrottled: false, at: .test(0))) == [33])
        #expect(runs(dispatcher.finished(f, wasThrottled: false, at: .test(0))) == [4])
    }

    /// However many lanes there are with thousands of events, one event of another waits for one of each only.
    @Test(arguments: [1, 5, 40])
    func loneEventRunsWithinOneRound(lanes: Int) {
        var dispatcher = dispatcher(runningMax: 1, readySizeMax: 16 << 20)
        var number = 1000
        var last = f
        for lane in 0..<lanes {
            let crowd = (0..<100).map { QueuedEvent.test(number + $0, .function(FunctionName("crowd\(lane)"))) }
            for action in dispatcher.appended(crowd, at: .test(0)) {
                if case .run(let event) = action { last = .init(event) }
            }
            number += 100
        }
        #expect(dispatcher.appended(events(1...1), at: .test(0)) == [])
        var others = 0
        while others <= lanes + 1 {
            let actions = dispatcher.finished(last, wasThrottled: false, at: .test(0))
            let next = actions.compactMap { if case .run(let event) = $0 { event } else { nil } }
            guard let event = next.first, event.lane != .f else { break }
            last = .init(event)
            others += 1
        }
        #expect(others <= lanes)
    }

    @Test func throttledLaneHoldsUpNoOther() {
        var dispatcher = dispatcher(runningMax: 100)
        #expect(runs(dispatcher.appended(events(1...20), at: .test(0))).count == 16)
        for _ in 0..<15 { #expect(dispatcher.finished(f, wasThrottled: true, at: .test(0)) == []) }
        #expect(dispatcher.runningCount == 1)
        #expect(runs(dispatcher.appended(events(21...30, .g), at: .test(0))) == Array(21...30))
        #expect(dispatcher.nextAlarm == .test(200))
        #expect(dispatcher.timePassed(at: .test(1199)) == [])
        #expect(dispatcher.nextAlarm == .test(1200))
        #expect(runs(dispatcher.timePassed(at: .test(1200))) == [17])
    }

    /// A function's events are in two shards, but what runs of them is of one function.
    @Test func partsOfALaneShareItsWindow() {
        var dispatcher = dispatcher(runningMax: 100)
        let elsewhere = (21...40).map { QueuedEvent.test($0, in: 1) }
        #expect(runs(dispatcher.appended(events(1...10), at: .test(0))).count == 10)
        #expect(runs(dispatcher.appended(elsewhere, at: .test(0))).count == 6)
        #expect(dispatcher.appended(events(11...20), at: .test(0)) == [])
        #expect(dispatcher.lanes.map(\.running) == [16] && dispatcher.lanes.map(\.depth) == [40])
        // Neither part keeps what has become free for itself.
        var running = (1...10).map { QueuedEvent.test($0) } + elsewhere.prefix(6)
        for _ in 0..<20 {
            let ended = running.removeFirst()
            for action in dispatcher.finished(.init(ended), wasThrottled: false, at: .test(0)) {
                if case .run(let event) = action { running.append(event) }
            }
        }
        #expect(running.count == 16)
        #expect(running.contains { $0.shard == 0 } && running.contains { $0.shard == 1 })
    }

    // MARK: Time

    @Test func postponedEventIsReadWhenItIsDue() throws {
        var dispatcher = dispatcher()
        _ = dispatcher.appended(events(1...1), at: .test(0))
        _ = dispatcher.finished(f, wasThrottled: false, at: .test(0))
        #expect(dispatcher.settled(EventID(1), in: f, until: .test(60_000), at: .test(10)) == [])
        #expect(dispatcher.nextAlarm == .test(60_000))
        #expect(dispatcher.timePassed(at: .test(59_999)) == [])
        #expect(dispatcher.nextAlarm == .test(60_000))
        let read = try #require(reads(dispatcher.timePassed(at: .test(60_001))).first)
        #expect(read.lane == .f && read.now == .test(60_001) && read.except == [])
        var event = QueuedEvent.test(1)
        event.attempts = 1
        let page = EventPage(events: [event], hasMore: false, nextDue: nil)
        #expect(dispatcher.read(f, page, at: .test(60_002)) == [.run(event)])
        #expect(dispatcher.nextAlarm == nil)
    }

    @Test func laneThatHasNothingLeftIsForgotten() {
        var dispatcher = dispatcher()
        _ = dispatcher.appended(events(1...1), at: .test(0))
        _ = dispatcher.appended(events(2...2, .g), at: .test(0))
        _ = dispatcher.finished(f, wasThrottled: false, at: .test(0))
        _ = dispatcher.settled(EventID(1), in: f, until: nil, at: .test(0))
        #expect(dispatcher.lanes.map(\.lane) == [.g])
    }

    @Test func laneThatCannotBeReadIsReadAgain() {
        var dispatcher = dispatcher()
        let summary = LaneSummary(lane: .f, count: 1)
        #expect(reads(dispatcher.shardLeased(0, [summary], at: .test(0))).count == 1)
        #expect(dispatcher.readFailed(f, at: .test(10)) == [])
        #expect(dispatcher.nextAlarm == .test(1010))
        #expect(reads(dispatcher.timePassed(at: .test(1010))).count == 1)
    }

    // MARK: Memory

    /// Two events fill the memory: the third is read when the first two have begun, though its lane's own is long.
    @Test func withoutRoomEventsStayInTheStore() throws {
        let size = QueuedEvent.test(1, size: 1000).size
        var dispatcher = dispatcher(runningMax: 1, readySizeMax: 2 * size)
        let blocker = QueuedEvent.test(100, .queue)
        #expect(runs(dispatcher.appended([blocker], at: .test(0))) == [100])
        for number in 1...5 {
            #expect(dispatcher.appended([.test(number, size: 1000)], at: .test(0)) == [])
        }
        #expect(dispatcher.readySize == 2 * size)
        #expect(depth(.f, dispatcher) == 5)
        let actions = dispatcher.finished(.init(blocker), wasThrottled: false, at: .test(0))
        #expect(runs(actions) == [1])
        #expect(dispatcher.readySize == size)
        let read = try #require(reads(actions).first)
        #expect(read.except.map(\.rawValue).sorted() == [1, 2])
    }

    /// A lane whose events are all in the store is read as soon as there is room again.
    @Test func laneThatFoundNoRoomIsReadWhenThereIsSome() throws {
        let size = QueuedEvent.test(1, size: 1000).size
        var dispatcher = dispatcher(runningMax: 100, readySizeMax: size)
        #expect(runs(dispatcher.appended([.test(20, .g)], at: .test(0))) == [20])
        for number in 1...16 { #expect(runs(dispatcher.appended([.test(number)], at: .test(0))) == [number]) }
        #expect(dispatcher.appended([.test(17, size: 1000)], at: .test(0)) == [])
        // The memory is full: the other lane's event stays in the store, since the lane has one that runs.
        #expect(dispatcher.appended([.test(21, .g)], at: .test(0)) == [])
        let actions = dispatcher.finished(f, wasThrottled: false, at: .test(0))
        #expect(runs(actions) == [17])
        #expect(reads(actions).map(\.lane) == [.g])
    }

    // MARK: Leases and purges

    @Test func lostShardIsForgottenAndItsLateResultsChangeNothing() {
        var dispatcher = dispatcher(runningMax: 2)
        #expect(runs(dispatcher.appended(events(1...3), at: .test(0))) == [1, 2])
        _ = dispatcher.appended([.test(9, in: 1)], at: .test(0))
        dispatcher.shardLost(0)
        #expect(depth(.f, dispatcher) == 1)
        #expect(dispatcher.runningCount == 2, "they run all the same")
        #expect(runs(dispatcher.finished(f, wasThrottled: false, at: .test(0))) == [9])
        dispatcher.abandoned(in: 0)
        #expect(dispatcher.read(f, .test([4], hasMore: true), at: .test(0)) == [])
        #expect(dispatcher.readFailed(f, at: .test(0)) == [])
        #expect(dispatcher.settled(EventID(2), in: f, until: .test(5), at: .test(0)) == [])
        #expect(dispatcher.purged(f, 3, at: .test(0)) == [])
        #expect(depth(.f, dispatcher) == 1)
    }

    @Test func purgeTakesAllPartsOfTheLaneAndNoOther() {
        var dispatcher = dispatcher(runningMax: 3)
        let elsewhere = Dispatcher.LaneKey(shard: 1, lane: .f)
        _ = dispatcher.appended(events(1...9), at: .test(0))
        _ = dispatcher.appended([.test(10, in: 1), .test(11, .g)], at: .test(0))
        let parts = dispatcher.beginPurge(.f).sorted { $0.key.shard < $1.key.shard }
        #expect(parts.map(\.key) == [f, elsewhere])
        #expect(parts.map { $0.kept.map(\.rawValue).sorted() } == [[1, 2, 3], []])
        #expect(dispatcher.beginPurge(.f).isEmpty)
        #expect(runs(dispatcher.finished(f, wasThrottled: false, at: .test(0))) == [11])
        _ = dispatcher.purged(f, 6, at: .test(0))
        _ = dispatcher.purged(elsewhere, 1, at: .test(0))
        #expect(depth(.f, dispatcher) == 3)
        #expect(dispatcher.beginPurge(.queue).isEmpty)
    }
}
