/// Which changes are written together, and when, as a state machine.
///
/// A write to the disk costs the same however many changes it has. Those that arrive while one is underway go together into
/// the next. One that nobody waits for has a pause before it, in which others may come; one that somebody waits for has
/// none, and takes the others along.
struct GroupCommit<Change> {
    /// The most changes that are written together, so that others who use the database get their turn.
    static var groupMax: Int { 1024 }
    /// How many changes that nobody waits for end a pause.
    static var patientMax: Int { 256 }

    enum Action: Equatable {
        /// Take the group, write it, and report to ``groupWritten()``.
        case write
        /// Report to ``pauseEnded(_:)`` after a while.
        case pause(Int)
    }

    private enum Phase: Equatable {
        case idle
        /// By the number of the pause: one that was ended early says nothing when its time comes.
        case pausing(Int)
        case writing
    }

    private var waiting: [(change: Change, isPatient: Bool)] = []
    private var urgentCount = 0
    private var phase = Phase.idle
    private var pauses = 0

    /// A change is to be written.
    ///
    /// - Parameter isPatient: Whether nobody waits for it.
    mutating func add(_ change: Change, isPatient: Bool) -> Action? {
        waiting.append((change, isPatient))
        if !isPatient { urgentCount += 1 }
        return phase == .writing ? nil : next()
    }

    /// The changes to write now, in the order in which they came.
    mutating func takeGroup() -> [Change] {
        let group = waiting.prefix(Self.groupMax)
        urgentCount -= group.count { !$0.isPatient }
        waiting.removeFirst(group.count)
        return group.map(\.change)
    }

    /// The group that was taken is durable, or was refused.
    mutating func groupWritten() -> Action? {
        phase = .idle
        return waiting.isEmpty ? nil : next()
    }

    /// A pause's time has come.
    mutating func pauseEnded(_ number: Int) -> Action? {
        guard phase == .pausing(number) else { return nil }
        phase = .writing
        return .write
    }

    private mutating func next() -> Action? {
        guard urgentCount == 0, waiting.count < Self.patientMax else {
            phase = .writing
            return .write
        }
        guard phase == .idle else { return nil }
        pauses += 1
        phase = .pausing(pauses)
        return .pause(pauses)
    }
}
