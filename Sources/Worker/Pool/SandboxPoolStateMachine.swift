/// Which sandboxes wait for a function, and how many should, as a state machine.
///
/// Sandboxes wait in lines, one for each way to wait (``WaitingPlan``): they differ in the runtime that has been started in
/// them. A line keeps one more than were asked of it of late, and one as long as there is a function that may come; all
/// lines together keep within a bound on memory.
///
/// New ones are made one at a time, and only in quiet moments: who finds a line empty starts cold, and has the host to
/// itself.
///
/// Generic over what names a line and a sandbox, and over the clock's instants, so that tests need none of them.
struct SandboxPoolStateMachine<Plan: Hashable, Member: Hashable, Instant: InstantProtocol<Duration>> {
    /// The bounds of a pool.
    struct Bounds {
        /// The most sandboxes in one line; 0 for no pool at all.
        var lineMax: Int
        /// The most memory, in bytes, that waiting sandboxes may use together.
        var memoryBytesMax: Int
        /// How many lines are kept; beyond that, the one that was not used for the longest time goes.
        var linesMax = 32
        /// What a sandbox is taken to use before one of its line has been measured, in bytes.
        var memoryBytesGuess = 32 << 20
        /// How long nothing must have been taken before the next one is made.
        var quiet: Duration = .milliseconds(25)
        /// How far back what was taken counts.
        var demandWindow: Duration = .seconds(300)
        /// How long after its last use a line is kept of which no function is expected.
        var retention: Duration = .seconds(600)
        /// How long a line rests after a sandbox of it could not be made.
        var pauseAfterFailure: Duration = .seconds(5)
    }

    private struct Line {
        /// The one that has waited longest comes first.
        var waiting: [Member] = []
        /// When one was asked for within the window; at most as many as the line may have.
        var demands: [Instant] = []
        var lastUse: Instant
        /// Whether there is a function that may come for it.
        var isExpected = false
        /// What one uses, as far as is known.
        var memoryBytes: Int?
        /// Until when none is made because the last one failed.
        var pausesUntil: Instant?
        /// Whether the line is to go.
        var isGivenUp = false
    }

    private struct Waiting {
        let plan: Plan
        let memoryBytes: Int
    }

    private let bounds: Bounds
    private var lines: [Plan: Line] = [:]
    private var members: [Member: Waiting] = [:]
    private var memoryBytes = 0
    private var memoryBytesFree = Int.max
    private var quietFrom: Instant?
    private var isShutDown = false

    init(bounds: Bounds) {
        self.bounds = bounds
    }

    // MARK: Demand

    /// There is a function that may come for this line.
    mutating func expected(_ plan: Plan, at now: Instant) {
        guard bounds.lineMax > 0, !isShutDown else { return }
        openLine(plan, at: now)
        lines[plan]?.isExpected = true
    }

    enum TakeAction: Equatable {
        /// The sandbox is the function's from here on, and no longer the pool's.
        case use(Member)
        /// None waits.
        case startCold
    }

    /// A function needs a sandbox.
    mutating func take(_ plan: Plan, at now: Instant) -> TakeAction {
        guard bounds.lineMax > 0, !isShutDown else { return .startCold }
        quietFrom = now.advanced(by: bounds.quiet)
        openLine(plan, at: now)
        lines[plan]?.lastUse = now
        lines[plan]?.demands.append(now)
        if let count = lines[plan]?.demands.count, count > bounds.lineMax { lines[plan]?.demands.removeFirst() }
        // The youngest: what it has read is most likely to be in the processor's caches still.
        guard let member = lines[plan]?.waiting.popLast() else { return .startCold }
        forget(member)
        return .use(member)
    }

    /// This much of the memory budget is left for sandboxes that wait, in bytes.
    mutating func memoryBecameFree(_ bytes: Int) {
        memoryBytesFree = max(0, bytes)
    }

    // MARK: Supply

    enum NextAction: Equatable {
        /// Make a sandbox for this line, and say how it went before asking again.
        case make(Plan)
        /// End this one, which is the pool's no longer.
        case discard(Member)
        /// There is nothing to do until then, or until something happens.
        case wait(until: Instant?)
    }

    /// What to do now.
    mutating func next(at now: Instant) -> NextAction {
        guard !isShutDown else { return .wait(until: nil) }
        for (plan, line) in lines where line.waiting.isEmpty && isOver(line, at: now) { lines[plan] = nil }
        if let member = surplus(at: now) {
            remove(member)
            return .discard(member)
        }
        guard let plan = neediest(at: now) else { return .wait(until: nextChange(after: now)) }
        if let quietFrom, quietFrom > now { return .wait(until: quietFrom) }
        return .make(plan)
    }

    enum MadeAction: Equatable {
        case keep
        /// Nobody wants it any more.
        case discard
    }

    /// A sandbox has been made for this line, and what runs in it waits; it uses so much memory.
    mutating func made(_ member: Member, for plan: Plan, memoryBytes bytes: Int) -> MadeAction {
        guard !isShutDown, lines[plan] != nil, members[member] == nil else { return .discard }
        lines[plan]?.waiting.append(member)
        lines[plan]?.memoryBytes = bytes
        members[member] = Waiting(plan: plan, memoryBytes: bytes)
        memoryBytes += bytes
        return .keep
    }

    /// No sandbox could be made for this line, which rests for a while.
    mutating func makingFailed(_ plan: Plan, at now: Instant) {
        let end = now.advanced(by: bounds.pauseAfterFailure)
        lines[plan]?.pausesUntil = end
    }

    enum EndedAction: Equatable {
        /// Remove what is left of it.
        case discard
        /// It was not the pool's any more.
        case none
    }

    /// A sandbox has ended by itself while it waited. Its line rests, so that what has ended it does not end one after the
    /// other.
    mutating func ended(_ member: Member, at now: Instant) -> EndedAction {
        guard let waiting = members[member] else { return .none }
        remove(member)
        makingFailed(waiting.plan, at: now)
        return .discard
    }

    /// The pool is given up. Returns those to end; nothing is made or taken any more.
    mutating func shutDown() -> [Member] {
        isShutDown = true
        defer {
            lines = [:]
            members = [:]
            memoryBytes = 0
        }
        return Array(members.keys)
    }

    // MARK: Figures

    /// How many wait.
    var count: Int { members.count }
    /// What they use together, in bytes.
    var memoryBytesUsed: Int { memoryBytes }

    // MARK: Inside

    private var memoryBytesMax: Int { min(bounds.memoryBytesMax, memoryBytesFree) }

    private func isOver(_ line: Line, at now: Instant) -> Bool {
        line.isGivenUp || (!line.isExpected && line.lastUse.advanced(by: bounds.retention) <= now)
    }

    private func wanted(_ line: Line, at now: Instant) -> Int {
        guard !isOver(line, at: now) else { return 0 }
        return min(bounds.lineMax, 1 + line.demands.count { $0.advanced(by: bounds.demandWindow) > now })
    }

    /// Of the lines that fall short and could have one more, the one that has the smallest part of what it should; of
    /// several the one used last.
    private func neediest(at now: Instant) -> Plan? {
        var best: (plan: Plan, have: Int, want: Int, lastUse: Instant)?
        for (plan, line) in lines {
            let (have, want) = (line.waiting.count, wanted(line, at: now))
            guard have < want, line.pausesUntil.map({ $0 <= now }) ?? true,
                memoryBytes + (line.memoryBytes ?? bounds.memoryBytesGuess) <= memoryBytesMax
            else { continue }
            if let best {
                // The parts as fractions, compared without dividing.
                let (part, bestPart) = (have * best.want, best.have * want)
                guard part < bestPart || (part == bestPart && line.lastUse > best.lastUse) else { continue }
            }
            best = (plan, have, want, line.lastUse)
        }
        return best?.plan
    }

    /// One that is too many: of a line that has more than it should, or while memory is short, of the longest.
    private func surplus(at now: Instant) -> Member? {
        if let line = lines.values.first(where: { $0.waiting.count > wanted($0, at: now) }) {
            return line.waiting.first
        }
        guard memoryBytes > memoryBytesMax else { return nil }
        return lines.values.max { $0.waiting.count < $1.waiting.count }?.waiting.first
    }

    /// When what is wanted changes although nothing happens, at the earliest.
    private func nextChange(after now: Instant) -> Instant? {
        var changes: [Instant] = []
        for line in lines.values {
            changes += line.demands.map { $0.advanced(by: bounds.demandWindow) }
            changes += [line.pausesUntil].compactMap(\.self)
            if !line.isExpected { changes.append(line.lastUse.advanced(by: bounds.retention)) }
        }
        return changes.filter { $0 > now }.min()
    }

    private mutating func openLine(_ plan: Plan, at now: Instant) {
        if lines[plan] != nil {
            lines[plan]?.isGivenUp = false
            return
        }
        lines[plan] = Line(lastUse: now)
        let kept = lines.filter { !$0.value.isGivenUp }
        guard kept.count > bounds.linesMax else { return }
        let oldest = kept.filter { $0.key != plan }.min { $0.value.lastUse < $1.value.lastUse }
        if let oldest { lines[oldest.key]?.isGivenUp = true }
    }

    private mutating func remove(_ member: Member) {
        if let plan = members[member]?.plan { lines[plan]?.waiting.removeAll { $0 == member } }
        forget(member)
    }

    private mutating func forget(_ member: Member) {
        memoryBytes -= members.removeValue(forKey: member)?.memoryBytes ?? 0
    }
}
