import DequeModule
import HeapModule
import LambdaAPI
import MetadataStore

/// Which event runs next, as a state machine: the lanes of all shards that are leased here, each in its turn.
///
/// Lanes take turns event by event, whatever their lengths, so that one with a million events holds up another with one no
/// longer than one event's start. Only so many events are in memory, however many there are in the store.
struct Dispatcher {
    /// A lane's part in a shard.
    struct LaneKey: Hashable {
        var shard: Int
        var lane: EventLane

        init(_ event: QueuedEvent) {
            shard = event.shard
            lane = event.lane
        }

        init(shard: Int, lane: EventLane) {
            self.shard = shard
            self.lane = lane
        }
    }

    enum Action: Equatable {
        /// Report to ``finished(_:wasThrottled:at:)`` when it has run, then to ``settled(_:until:at:)``.
        case run(QueuedEvent)
        /// Report to ``read(_:_:at:)`` or ``readFailed(_:at:)``.
        case read(EventRead)
    }

    /// A moment at which a lane is looked at again.
    private struct Alarm: Comparable {
        let moment: Timestamp
        let key: LaneKey

        static func < (left: Alarm, right: Alarm) -> Bool { left.moment < right.moment }
        static func == (left: Alarm, right: Alarm) -> Bool { left.moment == right.moment }
    }

    private struct Entry {
        var lane: Lane
        var hasTurn = false
        /// The earliest alarm that is set.
        var alarm: Timestamp?
    }

    /// A lane's parts in all shards that are leased here, which run together.
    private struct Group {
        var window = ConcurrencyWindow()
        var keys: [LaneKey] = []
    }

    /// How many events may run at once.
    private let runningMax: Int
    /// How much memory ready events may take before lanes are read one event at a time, in bytes.
    private let readySizeMax: Int
    /// Whether other processes write to the store, too.
    private let isShared: Bool
    private var entries: [LaneKey: Entry] = [:]
    private var groups: [EventLane: Group] = [:]
    /// The lanes that have something to run or to read, in the order of their turns.
    private var turns: Deque<LaneKey> = []
    /// Lanes that would be read if there were room.
    private var crampedLanes: Set<LaneKey> = []
    private var alarms: Heap<Alarm> = []
    private(set) var runningCount = 0
    /// How many events are underway of each shard that has some.
    private var underwayByShard: [Int: Int] = [:]
    /// Shards that are to be given back: nothing of them is begun.
    private var leaving: Set<Int> = []
    private(set) var readySize = 0
    private var phase = Phase.waiting

    /// Where the dispatcher is in its life; it goes through these once, in this order.
    private enum Phase {
        /// Lanes are gathered, and nothing is begun.
        case waiting
        case running
        /// What is underway goes on, and nothing is begun.
        case stopping
    }

    init(runningMax: Int, readySizeMax: Int = 64 << 20, isShared: Bool = false) {
        self.runningMax = runningMax
        self.readySizeMax = readySizeMax
        self.isShared = isShared
    }

    /// Whether it was stopped, and no event is underway any more.
    var isDrained: Bool { phase == .stopping && underwayByShard.isEmpty }

    /// When ``timePassed(at:)`` has to be called next; nil for never.
    var nextAlarm: Timestamp? { phase == .running ? alarms.min?.moment : nil }

    /// The lanes that there are, with the number of events that wait or run, and of those that run.
    var lanes: [(lane: EventLane, depth: Int, running: Int)] {
        groups.map { lane, group in
            let depth = group.keys.reduce(0) { $0 + (entries[$1]?.lane.depth ?? 0) }
            return (lane, depth, group.window.running)
        }
    }

    /// The lanes of each shard.
    var lanesByShard: [Int: [EventLane]] {
        entries.keys.reduce(into: [:]) { $0[$1.shard, default: []].append($1.lane) }
    }

    // MARK: Events

    /// A shard was leased, and these lanes were found in it.
    mutating func shardLeased(_ shard: Int, _ lanes: [LaneSummary], at now: Timestamp) -> [Action] {
        for summary in lanes {
            let key = LaneKey(shard: shard, lane: summary.lane)
            add(key, Lane(depth: summary.count))
            giveTurn(key)
        }
        return takeTurns(at: now)
    }

    /// Events were written to shards that are leased here.
    mutating func appended(_ events: [QueuedEvent], at now: Timestamp) -> [Action] {
        for event in events {
            let key = LaneKey(event)
            if entries[key] == nil { add(key, Lane()) }
            let (room, isShared) = (hasRoom, isShared)
            update(key) { _ = $0.appended(event, hasRoom: room, isShared: isShared) }
        }
        return takeTurns(at: now)
    }

    /// Others have written events to a shard that is leased here.
    mutating func appendedByOthers(_ count: Int, to key: LaneKey, at now: Timestamp) -> [Action] {
        if entries[key] == nil { add(key, Lane()) }
        update(key) { $0.appendedByOthers(count) }
        return takeTurns(at: now)
    }

    /// A shard that is leased here was looked at again, since others may have written to it.
    mutating func shardRescanned(_ shard: Int, _ lanes: [LaneSummary], at now: Timestamp) -> [Action] {
        for summary in lanes {
            let key = LaneKey(shard: shard, lane: summary.lane)
            if entries[key] == nil { add(key, Lane()) }
            update(key) { $0.appendedByOthers(max(0, summary.count - $0.depth)) }
        }
        return takeTurns(at: now)
    }

    /// The store was read for a lane.
    mutating func read(_ key: LaneKey, _ page: EventPage, at now: Timestamp) -> [Action] {
        update(key) { $0.read(page) }
        return takeTurns(at: now)
    }

    /// The store could not be read for a lane.
    mutating func readFailed(_ key: LaneKey, at now: Timestamp) -> [Action] {
        update(key) { $0.readFailed(at: now) }
        return takeTurns(at: now)
    }

    /// An event has run. Others may take its place before it is settled.
    mutating func finished(_ key: LaneKey, wasThrottled: Bool, at now: Timestamp) -> [Action] {
        runningCount -= 1
        groups[key.lane]?.window.finished(wasThrottled: wasThrottled, at: now)
        // The other part of the lane has waited for longer.
        for other in groups[key.lane]?.keys ?? [] where other != key { giveTurn(other) }
        giveTurn(key)
        removeGroupIfOver(key.lane)
        return takeTurns(at: now)
    }

    /// What came of an event is durable: it is gone, or is tried again later.
    mutating func settled(_ id: EventID, in key: LaneKey, until due: Timestamp?, at now: Timestamp) -> [Action] {
        isOver(in: key.shard)
        update(key) { $0.settled(id, until: due) }
        return takeTurns(at: now)
    }

    /// An event will not be settled: whoever leases its shard next finds it in the store.
    mutating func abandoned(in shard: Int) {
        isOver(in: shard)
    }

    private mutating func isOver(in shard: Int) {
        let left = underwayByShard[shard, default: 1] - 1
        underwayByShard[shard] = left == 0 ? nil : left
    }

    /// An alarm's time has come.
    mutating func timePassed(at now: Timestamp) -> [Action] {
        while let alarm = alarms.min, alarm.moment <= now {
            alarms.removeMin()
            guard entries[alarm.key] != nil else { continue }
            entries[alarm.key]?.alarm = nil
            update(alarm.key) { $0.timePassed(at: now) }
        }
        return takeTurns(at: now)
    }

    /// Events are begun from now on.
    mutating func begin(at now: Timestamp) -> [Action] {
        guard phase == .waiting else { return [] }
        phase = .running
        return takeTurns(at: now)
    }

    /// No event is begun from now on.
    mutating func stop() {
        phase = .stopping
    }

    /// A shard is to be given back: what is underway goes on, and nothing is begun.
    mutating func leave(_ shard: Int) {
        leaving.insert(shard)
    }

    /// Whether nothing of a shard is underway.
    func isIdle(_ shard: Int) -> Bool { underwayByShard[shard] == nil }

    /// The lease of a shard is over.
    mutating func shardLost(_ shard: Int) {
        leaving.remove(shard)
        for key in entries.keys where key.shard == shard {
            readySize -= entries[key]?.lane.readySize ?? 0
            remove(key)
        }
    }

    // MARK: Purging

    /// Forgets the events of a lane that wait. Returns the shards to purge, each with the events that go on; report each to
    /// ``purged(_:_:at:)``.
    mutating func beginPurge(_ lane: EventLane) -> [(key: LaneKey, kept: Set<EventID>)] {
        entries.keys.filter { $0.lane == lane }.compactMap { key in
            var kept: Set<EventID>?
            update(key) { kept = $0.beginPurge() }
            return kept.map { (key, $0) }
        }
    }

    /// So many events of a lane were removed from a shard.
    mutating func purged(_ key: LaneKey, _ count: Int, at now: Timestamp) -> [Action] {
        update(key) { $0.purged(count) }
        return takeTurns(at: now)
    }

    // MARK: Turns

    private var hasRoom: Bool { readySize < readySizeMax }

    /// Changes a lane, and sees to what follows for its turn and for what is in memory.
    private mutating func update(_ key: LaneKey, _ change: (inout Lane) -> Void) {
        guard let index = entries.index(forKey: key) else { return }
        let before = entries.values[index].lane.readySize
        change(&entries.values[index].lane)
        readySize += entries.values[index].lane.readySize - before
        giveTurn(key)
    }

    private mutating func giveTurn(_ key: LaneKey) {
        guard let index = entries.index(forKey: key), !entries.values[index].hasTurn else { return }
        entries.values[index].hasTurn = true
        turns.append(key)
    }

    private mutating func takeTurns(at now: Timestamp) -> [Action] {
        guard phase == .running else { return [] }
        var actions: [Action] = []
        while runningCount < runningMax, let key = turns.popFirst() {
            guard entries[key] != nil, !leaving.contains(key.shard) else { continue }
            takeTurn(key, at: now, &actions)
        }
        return actions
    }

    private mutating func takeTurn(_ key: LaneKey, at now: Timestamp, _ actions: inout [Action]) {
        guard let index = entries.index(forKey: key) else { return }
        entries.values[index].hasTurn = false
        if let event = takeEvent(key, index, at: now) { actions.append(.run(event)) }
        if let due = entries.values[index].lane.nextDue { setAlarm(key, due) }
        if entries.values[index].lane.wantsRead(hasRoom: hasRoom) {
            let read = entries.values[index].lane.beginRead(hasRoom: hasRoom)
            actions.append(
                .read(
                    EventRead(
                        shard: key.shard,
                        lane: key.lane,
                        now: now,
                        limit: read.limit,
                        sizeMax: read.sizeMax,
                        except: read.except
                    )
                )
            )
        } else if !hasRoom, entries.values[index].lane.wantsRead(hasRoom: true) {
            crampedLanes.insert(key)
        } else if entries.values[index].lane.isOver {
            remove(key)
        }
    }

    /// The lane's next event, if it may run now.
    private mutating func takeEvent(
        _ key: LaneKey,
        _ index: Dictionary<LaneKey, Entry>.Index,
        at now: Timestamp
    ) -> QueuedEvent? {
        guard entries.values[index].lane.hasReady else { return nil }
        if case .wait(let moment)? = groups[key.lane]?.window.eventWaits(at: now) {
            setAlarm(key, moment)
            return nil
        }
        guard let event = entries.values[index].lane.takeNext() else { return nil }
        readySize -= event.size
        runningCount += 1
        underwayByShard[key.shard, default: 0] += 1
        welcomeCramped()
        if entries.values[index].lane.hasReady { giveTurn(key) }
        return event
    }

    private mutating func add(_ key: LaneKey, _ lane: Lane) {
        entries[key] = Entry(lane: lane)
        groups[key.lane, default: Group()].keys.append(key)
    }

    private mutating func remove(_ key: LaneKey) {
        entries[key] = nil
        crampedLanes.remove(key)
        groups[key.lane]?.keys.removeAll { $0 == key }
        removeGroupIfOver(key.lane)
    }

    private mutating func removeGroupIfOver(_ lane: EventLane) {
        guard let group = groups[lane], group.keys.isEmpty, group.window.running == 0 else { return }
        groups[lane] = nil
    }

    private mutating func welcomeCramped() {
        guard hasRoom, !crampedLanes.isEmpty else { return }
        for key in crampedLanes { giveTurn(key) }
        crampedLanes.removeAll()
    }

    private mutating func setAlarm(_ key: LaneKey, _ moment: Timestamp) {
        if let earliest = entries[key]?.alarm, earliest <= moment { return }
        entries[key]?.alarm = moment
        alarms.insert(Alarm(moment: moment, key: key))
    }
}
