import LambdaAPI
import MetadataStore
import TestSupport
import Testing

@testable import EventQueue

/// A dispatcher beside a model of the store, and of all that is on its way between them.
///
/// As with the real store, a change takes effect some time before it is reported, and in that time reads see it already;
/// a page is made some time after it was asked for, and arrives later still.
struct DispatcherWalk {
    typealias Key = Dispatcher.LaneKey

    /// A change that the store has made, and that is not reported yet.
    private enum Change {
        case appended([QueuedEvent])
        case settled(QueuedEvent, until: Timestamp?)
        case purged(Key, Int)
    }

    private struct Reading {
        let request: EventRead
        /// Nil until the store comes to it.
        var page: EventPage?
        var key: Key { Key(shard: request.shard, lane: request.lane) }
    }

    private static let lanes = [EventLane.f, .g, .queue]
    private static let shards = 0..<2
    private static let largest = 4096

    private let seed: UInt64
    private let runningMax: Int
    private let readySizeMax: Int
    private var random: SeededGenerator
    private var dispatcher: Dispatcher
    private var now = 0
    private var begun = 0
    private var hasBegun = false
    private var hasStopped = false
    private var lost: Set<Int> = []
    private var leaving: Set<Int> = []

    /// The store.
    private var stored: [Key: [EventID: QueuedEvent]] = [:]
    private var nextID = 1
    private var changes: [Change] = []
    private var readings: [Reading] = []
    private var purges: [(key: Key, kept: Set<EventID>)] = []
    /// Events that run, those that have run and are being written, and both with those that are written but not reported.
    private var running: [QueuedEvent] = []
    private var unsettled: [(event: QueuedEvent, due: Timestamp?)] = []
    private var underway: Set<EventID> = []
    /// What the dispatcher should think that lanes have.
    private var depths: [Key: Int] = [:]

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        runningMax = [1, 2, 5, 100].randomElement(using: &random) ?? 1
        readySizeMax = [1, 3000, 20_000, 1 << 20].randomElement(using: &random) ?? 1
        dispatcher = Dispatcher(runningMax: runningMax, readySizeMax: readySizeMax)
        if Bool.random(using: &random) {
            for _ in 0..<3 { _ = store(Int.random(in: 1...100, using: &random)) }
        }
        lease()
    }

    // MARK: Steps

    mutating func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<12:
            let count = Int.random(in: 0..<12, using: &random) == 0 ? 100 : Int.random(in: 1...3, using: &random)
            changes.append(.appended(store(count)))
        case 12..<30: report()
        case 30..<42: makePage(readings.indices.randomElement(using: &random))
        case 42..<54: deliverPage(mayFail: true)
        case 54..<70: end(running.indices.randomElement(using: &random))
        case 70..<84: settle(unsettled.indices.randomElement(using: &random))
        case 84..<94: pass(time: [0, 1, 10, 200, 1000, 5000].randomElement(using: &random) ?? 0)
        case 94..<96: if let lane = Self.lanes.randomElement(using: &random) { beginPurge(lane) }
        case 96..<98: purge()
        default: begin()
        }
        check()
    }

    private mutating func lease() {
        for shard in Self.shards where !lost.contains(shard) {
            let summaries = stored.filter { $0.key.shard == shard && !$0.value.isEmpty }.map { key, events in
                depths[key] = events.count
                return LaneSummary(lane: key.lane, count: events.count)
            }
            carryOut(dispatcher.shardLeased(shard, summaries, at: .test(now)))
        }
    }

    private mutating func begin() {
        // After the end it changes nothing.
        hasBegun = hasBegun || !hasStopped
        carryOut(dispatcher.begin(at: .test(now)))
    }

    /// Writes events.
    private mutating func store(_ count: Int) -> [QueuedEvent] {
        let lane = Self.lanes.randomElement(using: &random) ?? .f
        let shard = Int.random(in: Self.shards, using: &random)
        return (0..<count).map { _ in
            // Those who write at the same time have looked at the clock in another order.
            let moment = now - Int.random(in: 0...3, using: &random)
            let size = Int.random(in: 0..<20, using: &random) == 0 ? Self.largest : 0
            let event = QueuedEvent.test(nextID, lane, in: shard, at: moment, size: size)
            stored[Key(event), default: [:]][event.id] = event
            nextID += 1
            return event
        }
    }

    /// Reports the first change that is not reported yet; changes are reported in their order.
    private mutating func report() {
        guard !changes.isEmpty else { return }
        switch changes.removeFirst() {
        case .appended(let events):
            let here = events.filter { !lost.contains($0.shard) }
            for event in here { depths[Key(event), default: 0] += 1 }
            carryOut(dispatcher.appended(here, at: .test(now)))
        case .settled(let event, let due):
            underway.remove(event.id)
            if due == nil { depths[Key(event), default: 0] -= 1 }
            carryOut(dispatcher.settled(event.id, in: Key(event), until: due, at: .test(now)))
        case .purged(let key, let count):
            depths[key, default: 0] -= count
            carryOut(dispatcher.purged(key, count, at: .test(now)))
        }
    }

    private mutating func makePage(_ index: Int?) {
        guard let index, readings[index].page == nil else { return }
        let request = readings[index].request
        let events = stored[readings[index].key, default: [:]].values
        let due = events.filter { $0.due <= request.now && !request.except.contains($0.id) }
            .sorted { ($0.due, $0.id) < ($1.due, $1.id) }
        var page = EventPage(events: [], hasMore: false, nextDue: nil)
        var size = 0
        for event in due.prefix(request.limit) where size < request.sizeMax {
            size += event.content.payload.count
            page.events.append(event)
        }
        page.hasMore = page.events.count < due.count
        page.nextDue = events.lazy.map(\.due).filter { $0 > request.now }.min()
        readings[index].page = page
    }

    private mutating func deliverPage(mayFail: Bool) {
        guard let index = readings.indices.randomElement(using: &random) else { return }
        if mayFail, Int.random(in: 0..<10, using: &random) == 0 {
            let key = readings.remove(at: index).key
            return carryOut(dispatcher.readFailed(key, at: .test(now)))
        }
        guard let page = readings[index].page else { return }
        let key = readings.remove(at: index).key
        carryOut(dispatcher.read(key, page, at: .test(now)))
    }

    /// An event has run.
    private mutating func end(_ index: Int?, isLast: Bool = false) {
        guard let index else { return }
        let event = running.remove(at: index)
        let fate = isLast ? 9 : Int.random(in: 0..<10, using: &random)
        let delay = [0, 1, 100, 1000, 60_000].randomElement(using: &random) ?? 0
        let due: Timestamp? = fate < 4 ? .test(now + delay) : nil
        if lost.contains(event.shard) {
            carryOut(dispatcher.finished(Key(event), wasThrottled: fate < 2, at: .test(now)))
            underway.remove(event.id)
            return dispatcher.abandoned(in: event.shard)
        }
        unsettled.append((event, due))
        carryOut(dispatcher.finished(Key(event), wasThrottled: fate < 2, at: .test(now)))
    }

    /// The store writes what came of an event.
    private mutating func settle(_ index: Int?) {
        guard let index else { return }
        let (event, due) = unsettled.remove(at: index)
        guard !lost.contains(event.shard) else {
            dispatcher.shardLost(event.shard)
            underway.remove(event.id)
            return dispatcher.abandoned(in: event.shard)
        }
        stored[Key(event)]?[event.id] = nil
        if let due {
            var next = event
            next.due = due
            next.attempts += 1
            stored[Key(event)]?[event.id] = next
        }
        changes.append(.settled(event, until: due))
    }

    private mutating func pass(time: Int) {
        now += time
        carryOut(dispatcher.timePassed(at: .test(now)))
    }

    private mutating func beginPurge(_ lane: EventLane) {
        for part in dispatcher.beginPurge(lane) {
            #expect(part.kept.isSubset(of: underway), "seed \(seed): an event that waits is kept")
            purges.append(part)
        }
    }

    private mutating func purge() {
        guard let index = purges.indices.randomElement(using: &random) else { return }
        let (key, kept) = purges.remove(at: index)
        guard !lost.contains(key.shard) else { return }
        let removed = stored[key, default: [:]].keys.filter { !kept.contains($0) }
        for id in removed { stored[key]?[id] = nil }
        changes.append(.purged(key, removed.count))
    }

    // MARK: Ends

    mutating func lose(shard: Int) {
        lost.insert(shard)
        dispatcher.shardLost(shard)
        readings.removeAll { $0.key.shard == shard && Bool.random(using: &random) }
        check()
    }

    mutating func leave(shard: Int) {
        leaving.insert(shard)
        dispatcher.leave(shard)
        check()
    }

    /// Finishes what is underway of a shard that is left, and gives it back.
    mutating func giveBack(shard: Int) {
        while let index = running.firstIndex(where: { $0.shard == shard }) { end(index) }
        while let index = unsettled.firstIndex(where: { $0.event.shard == shard }) {
            #expect(!dispatcher.isIdle(shard), "seed \(seed)")
            settle(index)
        }
        while !changes.isEmpty { report() }
        #expect(dispatcher.isIdle(shard), "seed \(seed): something was begun of a shard that is left")
        leaving.remove(shard)
        lose(shard: shard)
    }

    mutating func stop() {
        hasStopped = true
        dispatcher.stop()
        check()
    }

    /// Another process takes over what is in the store.
    mutating func restart() {
        dispatcher = Dispatcher(runningMax: runningMax, readySizeMax: readySizeMax)
        (hasBegun, hasStopped, depths) = (false, false, [:])
        begun = now
        lease()
    }

    /// Answers all that is open, and lets time pass, until nothing happens any more.
    mutating func finish() {
        begin()
        var rounds = 0
        repeat {
            rounds += 1
            while !purges.isEmpty { purge() }
            while !running.isEmpty { end(running.count - 1, isLast: true) }
            while !unsettled.isEmpty { settle(unsettled.count - 1) }
            while !changes.isEmpty { report() }
            for index in readings.indices { makePage(index) }
            while readings.contains(where: { $0.page != nil }) { deliverPage(mayFail: false) }
            check()
            guard running.isEmpty, readings.isEmpty else { continue }
            guard let alarm = dispatcher.nextAlarm else { break }
            pass(time: max(0, alarm.sinceTest - now))
        } while rounds < 5000
        #expect(rounds < 5000, "seed \(seed): it does not come to rest")
        #expect(dispatcher.runningCount == 0, "seed \(seed)")
        guard !hasStopped else {
            #expect(dispatcher.isDrained, "seed \(seed)")
            return
        }
        let left = stored.filter { !lost.contains($0.key.shard) }.values.reduce(0) { $0 + $1.count }
        #expect(left == 0, "seed \(seed): \(left) events were forgotten")
        #expect(dispatcher.lanes.isEmpty, "seed \(seed): \(dispatcher.lanes)")
        #expect(dispatcher.readySize == 0, "seed \(seed)")
    }

    // MARK: Checks

    private mutating func carryOut(_ actions: [Dispatcher.Action]) {
        #expect(actions.isEmpty || (hasBegun && !hasStopped), "seed \(seed): something was begun when it must not be")
        for action in actions {
            switch action {
            case .run(let event):
                #expect(stored[Key(event)]?[event.id] == event, "seed \(seed): an event runs that is not in the store")
                #expect(underway.insert(event.id).inserted, "seed \(seed): an event runs twice")
                #expect(event.due.sinceTest <= now, "seed \(seed): an event runs before it is due")
                #expect(!lost.contains(event.shard), "seed \(seed): an event of a lost shard runs")
                #expect(!leaving.contains(event.shard), "seed \(seed): an event of a shard that is left runs")
                running.append(event)
            case .read(let request):
                let reading = Reading(request: request)
                #expect(!readings.contains { $0.key == reading.key }, "seed \(seed): two reads of a lane at once")
                #expect((1...Lane.readyMax).contains(request.limit), "seed \(seed)")
                readings.append(reading)
            }
        }
    }

    private func check() {
        #expect(dispatcher.runningCount == running.count && running.count <= runningMax, "seed \(seed)")
        #expect(dispatcher.isDrained == (hasStopped && underway.isEmpty), "seed \(seed)")
        let windowMax = ConcurrencyWindow.start + (now - begun) / ConcurrencyWindow.growthInterval
        for (lane, depth, count) in dispatcher.lanes {
            #expect(count == running.count { $0.lane == lane } && count <= windowMax, "seed \(seed): \(lane)")
            #expect(depth == self.depth(of: lane), "seed \(seed): \(lane)")
        }
        for lane in Self.lanes where !dispatcher.lanes.contains(where: { $0.lane == lane }) {
            #expect(depth(of: lane) == 0, "seed \(seed): \(lane) was forgotten")
        }
        // Each lane may have one event beyond the bound, or what it asked for when there was room.
        #expect(
            dispatcher.readySize <= readySizeMax + Self.lanes.count * Self.shards.count * Lane.readyMax
                * (Self.largest + 512),
            "seed \(seed)"
        )
    }

    private func depth(of lane: EventLane) -> Int {
        depths.filter { $0.key.lane == lane && !lost.contains($0.key.shard) }.values.reduce(0, +)
    }
}
