import DequeModule
import LambdaAPI
import MetadataStore

/// What is known of a lane's events in one shard: those that are in memory, and whether the store has others.
struct Lane {
    /// How many events are kept ready at most. Reading begins when half of them are gone.
    static let readyMax = 64
    /// How much is read at once, in bytes of payload, unless the first event has more.
    static let readSizeMax = 2 << 20
    /// How long a lane rests after the store could not be read, in milliseconds.
    static let readPause = 1000

    /// A read of the store that is underway.
    private struct Reading {
        /// Whether events were appended since, which may be among those that are read or not.
        var hasAppended = false
        /// Whether the lane was purged since, so that what is read may not be there any more.
        var isStale = false
    }

    private(set) var ready: Deque<QueuedEvent> = []
    /// Events that run or are being settled.
    private(set) var underway: Set<EventID> = []
    /// How many events the store has, those underway with them.
    private(set) var depth = 0
    /// How much memory the ready events take, in bytes.
    private(set) var readySize = 0
    private var reading: Reading?
    /// The latest event that a read has brought.
    private var readLatest = EventID(0)
    /// Whether the lane's events are being removed from the store.
    private var isPurging = false
    /// Whether the store has, or may have, events that are due and not in memory.
    private var hasMore = false
    /// When the store's next event becomes due that is not yet; nil for never.
    private(set) var nextDue: Timestamp?

    /// A lane that has nothing.
    init() {}

    /// A lane that was found in the store.
    init(depth: Int) {
        self.depth = depth
        hasMore = true
    }

    /// Whether nothing is left to do.
    var isOver: Bool {
        reading == nil && !isPurging && ready.isEmpty && underway.isEmpty && !hasMore && nextDue == nil
    }

    // MARK: Events that come

    /// An event was written to the store. Returns whether it stays in memory.
    ///
    /// - Parameter isShared: Whether others write events, too, so that one may become visible after another with a greater
    ///   identifier.
    mutating func appended(_ event: QueuedEvent, hasRoom: Bool, isShared: Bool = false) -> Bool {
        depth += 1
        // A read sees an event before its writer is told. What it did not bring of those so far, it said there is, unless
        // it has seen another's event ahead of this one.
        guard event.id > readLatest else {
            if isShared { hasMore = true }
            return false
        }
        guard reading == nil else {
            reading?.hasAppended = true
            return false
        }
        guard !hasMore, !isPurging, hasRoom, ready.count < Self.readyMax else {
            hasMore = true
            return false
        }
        append(event)
        return true
    }

    /// Others have written so many events to the store.
    mutating func appendedByOthers(_ count: Int) {
        depth += count
        hasMore = true
        reading?.hasAppended = true
    }

    /// Whether the store should be read.
    func wantsRead(hasRoom: Bool) -> Bool {
        guard hasMore, reading == nil, !isPurging else { return false }
        // Without room one event at a time, so that nobody waits for the others' events.
        return hasRoom ? ready.count <= Self.readyMax / 2 : ready.isEmpty && underway.isEmpty
    }

    /// Reads from now on, until ``read(_:)`` or ``readFailed(at:)``.
    mutating func beginRead(hasRoom: Bool) -> (limit: Int, sizeMax: Int, except: Set<EventID>) {
        hasMore = false
        reading = Reading()
        let limit = hasRoom ? Self.readyMax - ready.count : 1
        return (limit, Self.readSizeMax, underway.union(ready.lazy.map(\.id)))
    }

    /// The store was read.
    mutating func read(_ page: EventPage) {
        guard let begun = reading.take() else { return }
        // The time of events that the page could not have may have come since the read began.
        hasMore = hasMore || page.hasMore || begun.hasAppended || begun.isStale
        guard !begun.isStale else { return }
        for event in page.events {
            append(event)
            readLatest = max(readLatest, event.id)
        }
        if let next = page.nextDue { becomesDue(at: next) }
    }

    /// The store could not be read.
    mutating func readFailed(at now: Timestamp) {
        reading = nil
        becomesDue(at: Timestamp(milliseconds: now.milliseconds + Self.readPause))
    }

    private mutating func append(_ event: QueuedEvent) {
        ready.append(event)
        readySize += event.size
    }

    private mutating func becomesDue(at moment: Timestamp) {
        nextDue = min(nextDue ?? moment, moment)
    }

    // MARK: Events that run

    /// Takes the next event to run it.
    mutating func takeNext() -> QueuedEvent? {
        guard let next = ready.popFirst() else { return nil }
        readySize -= next.size
        underway.insert(next.id)
        return next
    }

    /// Whether an event waits to run.
    var hasReady: Bool { !ready.isEmpty }

    /// An event is no longer in the store, or is there for later.
    mutating func settled(_ id: EventID, until due: Timestamp?) {
        underway.remove(id)
        if let due { becomesDue(at: due) } else { depth -= 1 }
    }

    /// The time has come to look again.
    mutating func timePassed(at now: Timestamp) {
        guard let due = nextDue, due <= now else { return }
        nextDue = nil
        hasMore = true
    }

    // MARK: Purging

    /// Forgets what waits; nothing is read until ``purged()``. Returns the events that are underway and go on, or nil if
    /// the lane is being purged already.
    mutating func beginPurge() -> Set<EventID>? {
        guard !isPurging else { return nil }
        isPurging = true
        reading?.isStale = true
        ready.removeAll()
        readySize = 0
        return underway
    }

    /// So many events were removed from the store.
    mutating func purged(_ count: Int) {
        isPurging = false
        depth -= count
        hasMore = true
    }
}
