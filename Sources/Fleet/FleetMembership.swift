package import Logging
package import MetadataStore
import Synchronization
import Telemetry

/// A process's membership in the fleet: it joins, renews its lease and tells its observer what it comes to. A manager
/// evicts others that are silent, and has its part of the partitions and of the account's concurrency as well.
///
/// What is decided stands in ``MemberLease``, ``MemberWatch``, ``PartitionHoldings`` and ``ShareKeeper``. One loop
/// sends renewals, and reads with them what others have changed; one watches for the lease's end, whatever hangs; and a
/// manager's third loop does all that is written about partitions and shares, one thing after the other.
package final class FleetMembership: Sendable {
    package struct Settings: Sendable {
        package var role: FleetRole
        /// One of a kind within the role.
        package var name: String
        /// Where others reach it: `host:port`.
        package var address: String
        /// How long others must hear nothing of it to take it for dead.
        package var lease: Duration
        /// The concurrency of the account.
        package var accountConcurrency: Int
        /// How long a worker goes on with what a manager gave it when that answers it no more, and somewhat longer. For
        /// managers only.
        package var fence: Duration

        package init(
            role: FleetRole,
            name: String,
            address: String,
            lease: Duration = .seconds(10),
            accountConcurrency: Int,
            fence: Duration = .seconds(11)
        ) {
            self.role = role
            self.name = name
            self.address = address
            self.lease = lease
            self.accountConcurrency = accountConcurrency
            self.fence = fence
        }
    }

    /// What the loops share.
    struct State {
        /// This process under its present incarnation, whether it has joined yet or not.
        var member: FleetMember
        var lease: MemberLease
        var view: FleetView
        var orders = WorkerOrders()
        var hasNewDetails = false
        var manager: ManagerState

        /// The membership is over, and another is to begin.
        mutating func forget() {
            let id = FleetMemberID(member.id.role, member.id.name)
            member = FleetMember(
                id: id,
                address: member.address,
                leaseMilliseconds: member.leaseMilliseconds,
                details: member.details
            )
            manager = ManagerState(own: id)
            hasNewDetails = false
            orders = WorkerOrders()
        }
    }

    /// How soon what others have changed is read, in nanoseconds: changes that come together are read at once.
    private static let readPause = 50_000_000

    let settings: Settings
    let store: any FleetStore
    let clock: any FleetClock
    let observer: any FleetObserver
    /// The observer of a manager; nil for others.
    let holder: (any PartitionHolder)?
    let logger: Logger
    /// Held while the observer is told something, so that it is told in order. The state has a lock of its own, which
    /// the observer may need while it is told.
    private let telling = Mutex(())
    private let state: Mutex<State>
    private let renewalSignal = Signal()
    let managerSignal = Signal()

    /// A membership of a frontend or a worker.
    package convenience init(
        _ settings: Settings,
        details: [UInt8] = [],
        store: any FleetStore,
        clock: any FleetClock = HostFleetClock(),
        observer: any FleetObserver,
        logger: Logger
    ) {
        precondition(settings.role != .manager, "a manager holds partitions")
        let tables: [FleetTable] = settings.role == .frontend ? [.managers, .partitions] : [.managers]
        self.init(settings, details, store, clock, observer, nil, tables, logger)
    }

    /// A membership of a manager.
    package convenience init(
        manager settings: Settings,
        details: [UInt8] = [],
        store: any FleetStore,
        clock: any FleetClock = HostFleetClock(),
        holder: any PartitionHolder,
        logger: Logger
    ) {
        precondition(settings.role == .manager, "only a manager holds partitions")
        self.init(settings, details, store, clock, holder, holder, FleetTable.allCases, logger)
    }

    private init(
        _ settings: Settings,
        _ details: [UInt8],
        _ store: any FleetStore,
        _ clock: any FleetClock,
        _ observer: any FleetObserver,
        _ holder: (any PartitionHolder)?,
        _ tables: [FleetTable],
        _ logger: Logger
    ) {
        self.settings = settings
        self.store = store
        self.clock = clock
        self.observer = observer
        self.holder = holder
        self.logger = logger
        let id = FleetMemberID(settings.role, settings.name)
        let member = FleetMember(
            id: id,
            address: settings.address,
            leaseMilliseconds: Int(settings.lease / .milliseconds(1)),
            details: details
        )
        state = Mutex(
            State(
                member: member,
                lease: MemberLease(duration: Int(settings.lease / .nanoseconds(1)), at: clock.now()),
                view: FleetView(of: tables),
                manager: ManagerState(own: id)
            )
        )
        store.observe { [weak self] in self?.heard($0) }
    }

    // MARK: What its owner asks

    /// The member that this process is, as long as its lease is in force; nil otherwise.
    package var member: FleetMemberID? {
        let now = clock.now()
        return state.withLock { $0.lease.isInForce(at: now) ? $0.member.id : nil }
    }

    /// Whether the lease is in force at this moment. To be asked before anything is done that it must allow, since a
    /// process may have stood still and nobody have told it.
    package var isInForce: Bool { member != nil }

    /// The lease of a partition, as long as it is in force at this moment; nil if it is another's.
    package func lease(of partition: Int) -> PartitionLease? {
        let now = clock.now()
        return state.withLock { $0.lease.isInForce(at: now) ? $0.manager.holdings[partition] : nil }
    }

    /// The fleet as this member knows it.
    package var view: FleetView { state.withLock { $0.view } }

    /// Tells the others something else of this member.
    package func describe(_ details: [UInt8]) {
        let now = clock.now()
        state.withLock { state in
            state.member.details = details
            state.hasNewDetails = true
            state.lease.hasten(to: now)
        }
        renewalSignal.set()
    }

    // MARK: Running

    /// Keeps the membership until the task is cancelled. It is then over when the lease is; ``leave()`` ends it at
    /// once.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keepLease() }
            group.addTask { await self.watchLease() }
            if let holder { group.addTask { await self.keepPartitions(holder) } }
        }
    }

    /// Ends the membership, and gives back what went with it, so that others need not wait for the end of the lease. To
    /// be called when ``run()`` has returned.
    ///
    /// - Throws: `.unavailable` if the store cannot be told; the others then find out.
    package func leave() async throws(MetadataStoreError) {
        let (id, releases) = await releaseAll()
        let now = clock.now()
        state.withLock { $0.lease = MemberLease(duration: $0.lease.duration, at: now) }
        try await store.leave(id, releasing: releases)
    }

    private func keepLease() async {
        while !Task.isCancelled {
            let (action, state) = update { state, now in (state.lease.requestDuePassed(at: now), state) }
            switch action {
            case .join: await join(state.member)
            case .renew: await renew(state)
            default: break
            }
            let due = self.state.withLock { $0.lease.requestDue }
            await renewalSignal.wait(until: due, by: clock)
        }
    }

    private func join(_ member: FleetMember) async {
        do throws(MetadataStoreError) {
            try await store.join(member)
            follow { state, now in state.lease.joined(at: now) }
        } catch {
            failed("the fleet cannot be joined", error)
            update { state, now in
                // It may have joined all the same, and be evicted before it tries again; and who has seen the first
                // renewals of this incarnation must not take them for those of another.
                state.forget()
                state.lease.requestFailed(at: now)
            }
        }
    }

    private func renew(_ sent: State) async {
        let details = sent.hasNewDetails ? sent.member.details : nil
        do throws(MetadataStoreError) {
            let answer = try await store.renew(sent.member.id, details: details, since: sent.view.versions)
            guard let answer else {
                logger.error("others have taken this member for dead", metadata: [LogKey.item: "\(sent.member.id)"])
                return follow { state, now in state.lease.evicted(at: now) }
            }
            // First what is new, then that the lease goes on: whoever acts knows all that there was when it was renewed.
            learn(answer)
            follow { state, now in
                if state.member.details == details { state.hasNewDetails = false }
                return state.lease.renewed(at: now)
            }
        } catch {
            failed("the lease cannot be renewed", error)
            update { state, now in state.lease.requestFailed(at: now) }
        }
        managerSignal.set()
    }

    /// Takes in what others have changed, and tells.
    private func learn(_ answer: FleetUpdate) {
        telling.withLock { _ in
            let now = clock.now()
            let (view, orders) = state.withLock { state in
                let (before, ordersBefore) = (state.view.claimedConcurrency, state.orders)
                state.view.apply(answer)
                state.orders = answer.orders
                let hasNews = !answer.isEmpty || state.view.claimedConcurrency != before
                if hasNews, holder != nil {
                    let surroundings = ShareKeeper.Surroundings(
                        of: state.member.id,
                        in: state.view,
                        account: settings.accountConcurrency
                    )
                    state.manager.keeper.sharesChanged(surroundings, at: now)
                }
                return (hasNews ? state.view : nil, answer.orders == ordersBefore ? nil : answer.orders)
            }
            if let view { observer.fleetChanged(view) }
            if let orders { observer.ordersChanged(orders) }
        }
    }

    private func watchLease() async {
        while !Task.isCancelled {
            let next = state.withLock { [clock] in $0.lease.end ?? clock.now() + $0.lease.interval }
            await clock.sleep(until: next)
            follow { state, now in state.lease.endPassed(at: now) }
        }
    }

    private func heard(_ notice: FleetNotice) {
        let now = clock.now()
        let isOfInterest = state.withLock { state in
            let isOfInterest =
                switch notice {
                case .changed(let table): state.view.versions[table] != nil
                case .wanted: holder != nil
                case .missed: true
                }
            if isOfInterest { state.lease.hasten(to: now + Self.readPause) }
            return isOfInterest
        }
        if isOfInterest { renewalSignal.set() }
    }

    // MARK: Telling

    /// Changes the state, and runs what follows from it for the lease.
    private func follow(_ body: (inout State, Int) -> [MemberLease.Action]) {
        tell { state, now -> ([Telling], Void) in
            (body(&state, now).flatMap { Self.tellings(of: $0, &state) }, ())
        }
    }

    /// Changes the state without anything that follows from it.
    @discardableResult
    private func update<Value>(_ body: (inout State, Int) -> Value) -> Value {
        let now = clock.now()
        return state.withLock { body(&$0, now) }
    }

    /// What the observer is told.
    enum Telling: Sendable {
        case joined(FleetMemberID)
        case leaseEnded
        case leaseResumed
        case evicted
        case gained([PartitionLease])
        case lost([Int])
        case share(Int)
    }

    private static func tellings(of action: MemberLease.Action, _ state: inout State) -> [Telling] {
        switch action {
        case .join, .renew: return []
        case .beginActing: return [.joined(state.member.id)]
        case .stopActing:
            let lost = state.manager.holdings.leaseEnded()
            return (lost.isEmpty ? [] : [.lost(lost)]) + [.leaseEnded]
        case .resumeActing: return [.leaseResumed]
        case .forget:
            state.forget()
            return [.evicted]
        }
    }

    /// Changes the state and tells the observer, before anybody else does.
    func tell<Value>(_ body: (inout State, Int) -> ([Telling], Value)) -> Value {
        telling.withLock { _ in
            let now = clock.now()
            let (tellings, value) = state.withLock { body(&$0, now) }
            for telling in tellings { tell(telling) }
            return value
        }
    }

    private func tell(_ telling: Telling) {
        switch telling {
        case .joined(let id): observer.joined(as: id)
        case .leaseEnded: observer.leaseEnded()
        case .leaseResumed: observer.leaseResumed()
        case .evicted: observer.evicted()
        case .gained(let leases): holder?.partitionsGained(leases)
        case .lost(let numbers): holder?.partitionsLost(numbers)
        case .share(let share): holder?.shareChanged(share)
        }
    }

    /// Has the lease renewed soon, to find out whether it is still in force.
    func renewSoon() {
        update { state, now in state.lease.hasten(to: now) }
        renewalSignal.set()
    }

    func failed(_ what: Logger.Message, _ error: MetadataStoreError) {
        logger.error(what, metadata: [LogKey.error: "\(error)"])
    }
}
