/// Gathers events for one subscriber into batches, as a state machine. Source: `spec/runtime-api.md` section 3.
///
/// One batch is under way at a time and is sent until it is taken, so a subscriber may see it twice. What gathers
/// meanwhile is bounded: a subscriber that does not keep up loses the newest, and is told how much.
struct TelemetryBatcher {
    /// An event in JSON.
    typealias Event = [UInt8]

    enum Action: Equatable {
        /// Send this; ``batchSent(_:)`` says how it went.
        case send([Event])
        /// Call ``timeExpired()`` after so many milliseconds.
        case startTimer(milliseconds: Int)
        case none
    }

    /// What a subscriber has lost.
    struct Loss: Equatable {
        var records = 0
        var bytes = 0
    }

    private enum State: Equatable {
        /// Events gather, if there are any. Next: `sending`.
        case gathering
        /// A batch is under way. Next: `gathering`, `waiting`.
        case sending([Event], attempt: Int)
        /// A batch is to be sent again after a while. Next: `sending`.
        case waiting([Event], attempt: Int)
    }

    /// How many times the bytes of a batch may gather while another is under way.
    private static let backlogBatchesMax = 4
    /// How often a batch is sent before it counts as lost, and how long each time is waited before, at first.
    private static let attemptsMax = 6
    private static let retryDelayMilliseconds = 50

    private let buffering: TelemetrySubscription.Buffering
    private var state: State = .gathering
    private var events: [Event] = []
    private var bytes = 0
    private var isTimerRunning = false
    /// Whether all that has gathered is to be sent without waiting for the timer.
    private var isFlushing = false
    private var loss = Loss()

    init(_ buffering: TelemetrySubscription.Buffering) {
        self.buffering = buffering
    }

    /// An event occurred.
    mutating func append(_ event: Event) -> Action {
        guard bytes + event.count <= buffering.bytesMax * Self.backlogBatchesMax,
            events.count < buffering.itemsMax * Self.backlogBatchesMax
        else {
            lose(event)
            return .none
        }
        events.append(event)
        bytes += event.count
        guard state == .gathering else { return .none }
        if isFull { return send() }
        return startTimer()
    }

    /// The time that events may wait is over, or that before another attempt.
    mutating func timeExpired() -> Action {
        isTimerRunning = false
        switch state {
        case .gathering:
            return send()
        case .waiting(let batch, let attempt):
            state = .sending(batch, attempt: attempt)
            return .send(batch)
        case .sending:
            return .none
        }
    }

    /// Whatever has gathered is to be sent now or, where a batch is under way, right behind it: the subscriber is about
    /// to be ended and will not see another timer.
    mutating func flush() -> Action {
        isFlushing = true
        return state == .gathering ? send() : .none
    }

    /// The batch under way was taken by the subscriber, or not.
    mutating func batchSent(_ succeeded: Bool) -> Action {
        guard case .sending(let batch, let attempt) = state else { return .none }
        if !succeeded, attempt < Self.attemptsMax {
            state = .waiting(batch, attempt: attempt + 1)
            isTimerRunning = true
            return .startTimer(milliseconds: Self.retryDelayMilliseconds << attempt)
        }
        if !succeeded { for event in batch { lose(event) } }
        state = .gathering
        if events.isEmpty || isFull || isFlushing { return send() }
        return startTimer()
    }

    /// Returns what was lost since the last call; the caller tells the subscriber.
    mutating func takeLoss() -> Loss? {
        guard loss != Loss() else { return nil }
        defer { loss = Loss() }
        return loss
    }

    /// Whether nothing has gathered, and nothing is under way.
    var isEmpty: Bool { events.isEmpty && state == .gathering }

    private var isFull: Bool { events.count >= buffering.itemsMax || bytes >= buffering.bytesMax }

    private mutating func lose(_ event: Event) {
        loss.records += 1
        loss.bytes += event.count
    }

    private mutating func startTimer() -> Action {
        guard !isTimerRunning else { return .none }
        isTimerRunning = true
        return .startTimer(milliseconds: buffering.timeoutMilliseconds)
    }

    private mutating func send() -> Action {
        guard !events.isEmpty else {
            isFlushing = false
            return .none
        }
        var size = 0
        let batch = Array(
            events.prefix(buffering.itemsMax).prefix { event in
                defer { size += event.count }
                return size == 0 || size + event.count <= buffering.bytesMax
            }
        )
        events.removeFirst(batch.count)
        bytes = events.reduce(0) { $0 + $1.count }
        state = .sending(batch, attempt: 0)
        return .send(batch)
    }
}
