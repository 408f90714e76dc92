import DequeModule
import WorkerManager

/// Who may be invoked now: account, reserved and provisioned concurrency, and the rates that follow from them, as a
/// state machine. Source: `spec/control-plane.md` section 6 and `spec/quotas.md`.
///
/// Concurrency is divided into pools whose limits add up to the account's, so that each invoke has to fit into one of
/// them only. A function with reserved concurrency has a pool of its own, all others share the rest, and what is
/// provisioned for a version is set apart from its function's pool for invokes of that version; what does not fit there
/// spills over into the pool.
///
/// An invoke counts until its environment has finished, which is a moment after its caller has the answer. A caller
/// that asks again at once must not be refused for that, so an invoke that finds its pool full waits in line, no more
/// of them than the pool has places, and is refused if none has come free a moment later.
///
/// Generic over what names functions and versions and over waiting invokes, so that tests need none of them. Moments
/// are nanoseconds of any clock that never goes back.
package struct Admission<Function: Hashable, Version: Hashable, Waiter> {
    /// What limits all functions together.
    package struct Limits: Sendable {
        /// The account's concurrency.
        package var account: Int
        /// How many invokes per second each unit of concurrency allows; nil for no limit.
        package var requestsPerSecond: Int?
        /// Whether others admit invokes of the account, too. Then the common pool has what ``shareChanged(to:)`` says,
        /// nothing to begin with, and not what functions have left of the account's concurrency.
        package var isShared = false

        /// See the properties.
        package init(account: Int, requestsPerSecond: Int?, isShared: Bool = false) {
            self.account = account
            self.requestsPerSecond = requestsPerSecond
            self.isShared = isShared
        }
    }

    /// What is set for one function.
    package struct Settings: Equatable {
        /// The most invokes at once; nil for a share of the common pool.
        package var reserved: Int?
        /// How many environments each version has initialised.
        package var provisioned: [Version: Int] = [:]

        /// See the properties.
        package init(reserved: Int? = nil, provisioned: [Version: Int] = [:]) {
            self.reserved = reserved
            self.provisioned = provisioned
        }

        /// What the shared pool does not have any more.
        var claimed: Int { reserved ?? provisionedTotal }
        var provisionedTotal: Int { provisioned.values.reduce(0, +) }
    }

    /// Why an invoke is not admitted.
    package enum Refusal: Equatable {
        case accountConcurrency
        case accountRate
        case reservedConcurrency
        case reservedRate
    }

    /// What becomes of an invoke.
    package enum ArrivalAction {
        case admit
        /// The invoke waits in line; call ``waitedLongEnough(_:)`` with its ticket a moment later.
        case wait(Ticket)
        case refuse(Refusal)
    }

    /// Names an invoke that waits in line.
    package struct Ticket: Hashable {
        fileprivate let number: Int
    }

    /// So many invokes may run at once.
    struct Places {
        var limit: Int
        var inUse = 0

        mutating func take() -> Bool {
            guard inUse < limit else { return false }
            inUse += 1
            return true
        }
    }

    /// Places that are set apart for a version. Invokes that come faster than these allow spill over, as those do that find
    /// no place.
    struct Allotment {
        var places: Places
        var rate: RateLimit?
    }

    /// Places, and who waits for one.
    struct Pool {
        var places: Places
        /// How many may wait, be it for places that are set apart from this pool.
        var lineMax: Int
        var rate: RateLimit?
        var line: Deque<Waiting> = []

        mutating func queue(_ waiting: Waiting) -> Bool {
            guard line.count < lineMax else { return false }
            line.append(waiting)
            return true
        }
    }

    struct Waiting {
        let ticket: Ticket
        let function: Function
        let version: Version
        let waiter: Waiter
    }

    /// How many invokes of each version have a place in the pool. A function has few versions that run at a time, which
    /// are found faster in a row than in a table.
    struct Census {
        private var counts: [(version: Version, count: Int)] = []

        subscript(_ version: Version) -> Int {
            get { counts.first { $0.version == version }?.count ?? 0 }
            set {
                if let index = counts.firstIndex(where: { $0.version == version }) {
                    if newValue > 0 { counts[index].count = newValue } else { counts.remove(at: index) }
                } else if newValue > 0 {
                    counts.append((version, newValue))
                }
            }
        }

        var isEmpty: Bool { counts.isEmpty }
    }

    struct Entry {
        /// Nil while the function has a share of the common pool.
        var own: Pool?
        /// The places that this function's invokes have in its pool, be it the common one.
        var inUse = 0
        /// The same by version.
        var census = Census()
        var allotments: [Version: Allotment] = [:]
        var settings = Settings()
        /// The function is gone; its entry goes with its last invoke.
        var isDeleted = false

        /// All invokes of the function that are admitted and not over.
        var total: Int { allotments.values.reduce(inUse) { $0 + $1.places.inUse } }

        /// Takes a place that is set apart for the version. Even then what is reserved is a limit: invokes from before
        /// the places were set apart may have taken it all.
        mutating func takeAllotted(_ version: Version) -> Bool {
            if allotments.isEmpty { return false }
            if let reserved = settings.reserved, total >= reserved { return false }
            return allotments[version]?.places.take() ?? false
        }

        /// Counts an invoke by the rate of the places that are set apart for the version, and returns whether they allow it.
        mutating func takeAllottedRate(_ version: Version, at now: Int) -> Bool {
            allotments.isEmpty || allotments[version]?.rate?.take(at: now) ?? true
        }

        /// Sets places apart, and gives them to invokes that run already.
        ///
        /// - Parameter rate: That of so many places.
        mutating func allot(_ provisioned: [Version: Int], rate: (Int) -> RateLimit?) {
            for (version, allotment) in allotments where allotment.places.inUse > 0 {
                census[version] += allotment.places.inUse
                inUse += allotment.places.inUse
            }
            let before = allotments
            allotments = [:]
            for (version, limit) in provisioned {
                let here = min(limit, census[version])
                census[version] -= here
                inUse -= here
                let same = before[version].flatMap { $0.places.limit == limit ? $0 : nil }
                allotments[version] = Allotment(
                    places: Places(limit: limit, inUse: here),
                    rate: same == nil ? rate(limit) : same?.rate
                )
            }
        }
    }

    let limits: Limits
    var shared: Pool
    var entries: [Function: Entry] = [:]
    private var ticketCount = 0
    /// All invokes that are admitted and not over. More than the pools allow together while a limit has been lowered.
    var total = 0

    /// Admits within these limits.
    package init(_ limits: Limits) {
        self.limits = limits
        shared = Pool(
            places: Places(limit: limits.isShared ? 0 : limits.account),
            lineMax: limits.account,
            rate: Self.rate(limits.account, limits)
        )
    }

    static func rate(_ concurrency: Int, _ limits: Limits) -> RateLimit? {
        guard let perSecond = limits.requestsPerSecond, concurrency > 0 else { return nil }
        return RateLimit(concurrency * perSecond, perNanoseconds: 1_000_000_000)
    }

    // MARK: Invokes

    /// An invoke of a function's version arrived. If it is admitted it must be reported to ``invokeFinished(_:_:)``.
    package mutating func invokeArrived(
        _ function: Function,
        _ version: Version,
        at now: Int,
        waiter: @autoclosure () -> Waiter
    ) -> ArrivalAction {
        let index = index(of: function)
        let isReserved = entries.values[index].own != nil
        guard takeRate(at: now, ofOwn: isReserved, index) else {
            return .refuse(isReserved ? .reservedRate : .accountRate)
        }
        let mayHaveAllotted = entries.values[index].takeAllottedRate(version, at: now)
        if takePlace(index, version, orAllotted: mayHaveAllotted) { return .admit }
        ticketCount += 1
        let waiting = Waiting(
            ticket: Ticket(number: ticketCount),
            function: function,
            version: version,
            waiter: waiter()
        )
        if isReserved {
            guard entries.values[index].own?.queue(waiting) == true else { return .refuse(.reservedConcurrency) }
        } else {
            guard shared.queue(waiting) else { return .refuse(.accountConcurrency) }
        }
        return .wait(waiting.ticket)
    }

    /// Every event looks its function up once and uses the place in the table from then on.
    mutating func index(of function: Function) -> Dictionary<Function, Entry>.Index {
        if let index = entries.index(forKey: function) { return index }
        entries[function] = Entry()
        guard let index = entries.index(forKey: function) else { preconditionFailure("what was inserted is there") }
        return index
    }

    private mutating func takeRate(at now: Int, ofOwn isReserved: Bool, _ index: Dictionary<Function, Entry>.Index)
        -> Bool
    {
        if isReserved { return entries.values[index].own?.rate?.take(at: now) ?? true }
        return shared.rate?.take(at: now) ?? true
    }

    /// An invoke that was admitted is over, whatever came of it. Returns who has its place now.
    package mutating func invokeFinished(_ function: Function, _ version: Version) -> Waiter? {
        guard let index = entries.index(forKey: function) else { return nil }
        if leavePlace(index, version), let waiter = admitFromLine(index, function, version) { return waiter }
        if entries.values[index].isDeleted, entries.values[index].total == 0 {
            entries.remove(at: index)
            return admitFromSharedLine()
        }
        if entries.values[index].own != nil {
            guard let first = entries.values[index].own?.line.first, takePlace(index, first.version) else { return nil }
            return entries.values[index].own?.line.popFirst()?.waiter
        }
        return admitFromSharedLine()
    }

    /// Gives a place that is set apart for a version to the first who waits for one; others have no use for it.
    private mutating func admitFromLine(
        _ index: Dictionary<Function, Entry>.Index,
        _ function: Function,
        _ version: Version
    ) -> Waiter? {
        if entries.values[index].own != nil {
            let position = entries.values[index].own?.line.firstIndex { $0.version == version }
            guard let position, takePlace(index, version) else { return nil }
            return entries.values[index].own?.line.remove(at: position).waiter
        }
        let position = shared.line.firstIndex { $0.function == function && $0.version == version }
        guard let position, takePlace(index, version) else { return nil }
        return shared.line.remove(at: position).waiter
    }

    private mutating func admitFromSharedLine() -> Waiter? {
        guard let first = shared.line.first, let index = entries.index(forKey: first.function),
            takePlace(index, first.version)
        else { return nil }
        return shared.line.popFirst()?.waiter
    }

    /// An invoke has waited in line for long enough. Returns it with the reason to refuse it, or nil if it waits no more.
    package mutating func waitedLongEnough(_ ticket: Ticket, for function: Function) -> (Waiter, Refusal)? {
        // Lines are short and whoever waits longest stands in front.
        if let index = entries[function]?.own?.line.firstIndex(where: { $0.ticket == ticket }),
            let waiting = entries[function]?.own?.line.remove(at: index)
        {
            return (waiting.waiter, .reservedConcurrency)
        }
        guard let index = shared.line.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return (shared.line.remove(at: index).waiter, .accountConcurrency)
    }

    // MARK: Settings

    /// The function's settings are these now. Returns the invokes that waited in line and must arrive again, since they
    /// may belong elsewhere; what runs goes on, even if that is more than the new limits allow.
    package mutating func settingsChanged(_ settings: Settings, of function: Function) -> [Waiter] {
        var entry = entries[function] ?? Entry()
        entry.isDeleted = false
        entries[function] = entry
        guard entry.settings != settings else { return [] }
        var waiters = entry.own?.line.map(\.waiter) ?? []
        waiters += removeFromSharedLine { $0.function == function }

        let inSharedBefore = entry.own == nil ? entry.inUse : 0
        if !limits.isShared { shared.places.limit += entry.settings.claimed - settings.claimed }
        entry.allot(settings.provisioned) { Self.rate($0, limits) }
        if let reserved = settings.reserved {
            let limit = max(0, reserved - settings.provisionedTotal)
            let isSameRate = entry.settings.reserved == reserved
            let rate = isSameRate ? entry.own?.rate : Self.rate(reserved, limits)
            entry.own = Pool(places: Places(limit: limit, inUse: entry.inUse), lineMax: reserved, rate: rate)
        } else {
            entry.own = nil
        }
        entry.settings = settings
        shared.places.inUse += (entry.own == nil ? entry.inUse : 0) - inSharedBefore
        entries[function] = entry
        // The common pool may have grown.
        waiters += removeFromSharedLine { _ in true }
        return waiters
    }

    /// The function is gone: what was set for it is not any more. Returns the invokes that must arrive again.
    mutating func functionDeleted(_ function: Function) -> [Waiter] {
        let waiters = settingsChanged(Settings(), of: function)
        if entries[function]?.total == 0 {
            entries[function] = nil
        } else {
            entries[function]?.isDeleted = true
        }
        return waiters
    }

    mutating func removeFromSharedLine(where isWanted: (Waiting) -> Bool) -> [Waiter] {
        let waiters = shared.line.filter(isWanted).map(\.waiter)
        shared.line.removeAll(where: isWanted)
        return waiters
    }

    // MARK: Places

    /// Takes a place for an invoke, if there is one.
    private mutating func takePlace(
        _ index: Dictionary<Function, Entry>.Index,
        _ version: Version,
        orAllotted: Bool = true
    ) -> Bool {
        guard total < limits.account else { return false }
        let isAllotted = orAllotted && entries.values[index].takeAllotted(version)
        guard isAllotted || takePoolPlace(index, version) else { return false }
        total += 1
        return true
    }

    private mutating func takePoolPlace(_ index: Dictionary<Function, Entry>.Index, _ version: Version) -> Bool {
        if entries.values[index].own != nil {
            guard entries.values[index].own?.places.take() == true else { return false }
        } else {
            guard shared.places.take() else { return false }
        }
        entries.values[index].inUse += 1
        entries.values[index].census[version] += 1
        return true
    }

    /// Gives a place back; one in the pool before one that is set apart. Returns whether it was set apart.
    private mutating func leavePlace(_ index: Dictionary<Function, Entry>.Index, _ version: Version) -> Bool {
        total -= 1
        guard entries.values[index].census[version] > 0 else {
            entries.values[index].allotments[version]?.places.inUse -= 1
            return true
        }
        entries.values[index].census[version] -= 1
        entries.values[index].inUse -= 1
        if entries.values[index].own != nil {
            entries.values[index].own?.places.inUse -= 1
        } else {
            shared.places.inUse -= 1
        }
        return false
    }

    // MARK: Figures

    /// How many invokes are admitted and not over.
    package var inUse: Int { total }

    /// Whether every counter says that nothing runs and nobody waits.
    package var isIdle: Bool {
        total == 0 && shared.places.inUse == 0 && shared.line.isEmpty
            && entries.values.allSatisfy { entry in
                entry.total == 0 && entry.own?.places.inUse ?? 0 == 0 && entry.own?.line.isEmpty ?? true
                    && entry.census.isEmpty
            }
    }
}
