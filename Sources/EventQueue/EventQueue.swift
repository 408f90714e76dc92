package import Invocation
package import LambdaAPI
package import Logging
package import MetadataStore
package import NIOCore
package import ServiceClients
import Synchronization
import Telemetry

/// Asynchronous invocations: accepted once they are durable, then attempted until they have come to an end, and what came
/// of them told to destinations.
///
/// A thin shell around ``Dispatcher``, which decides what runs next, and ``Settlement``, which decides what follows from
/// an attempt. An event stays in the store until its end is written there, together with whatever follows from it, so none
/// is lost; after a crash an event that was underway is attempted again.
package final class EventQueue: Sendable {
    /// What the queue works with.
    package struct Dependencies: Sendable {
        package var store: any EventStore
        package var targets: any EventTargets
        package var invoker: any FunctionInvoker
        package var services: ServiceDirectory
        package var eventLoops: any EventLoopGroup
        package var clock: any EventClock
        package var locality: Locality
        package var logger: Logger

        package init(
            store: any EventStore,
            targets: any EventTargets,
            invoker: any FunctionInvoker,
            services: ServiceDirectory,
            eventLoops: any EventLoopGroup,
            clock: any EventClock,
            locality: Locality,
            logger: Logger
        ) {
            self.store = store
            self.targets = targets
            self.invoker = invoker
            self.services = services
            self.eventLoops = eventLoops
            self.clock = clock
            self.locality = locality
            self.logger = logger
        }
    }

    /// What is configured of the queue.
    package struct Settings: Sendable {
        /// How many events may run at once, of all functions.
        package var runningMax: Int
        /// How long it is until a function's first retry; twice as long until the second.
        package var retryDelay: Duration

        package init(runningMax: Int, retryDelay: Duration = .seconds(60)) {
            self.runningMax = runningMax
            self.retryDelay = retryDelay
        }
    }

    struct State {
        var dispatcher: Dispatcher
        var metrics = QueueMetrics()
        var leases: [Int: ShardLease] = [:]
        /// Until when the leases are safe to use, if they have an end.
        var holdings = ShardHoldings()
        /// Whether others may have appended events of which nothing was heard.
        var hasMissedAppends = false
        /// How many events each shard has that is leased here.
        var depths: [Int: Int] = [:]
        /// The alarm that the clock has.
        var alarm: Timestamp?
        /// Whether the store has refused a write and not taken one since.
        var isStoreFailing = false
        /// Who waits until no event is underway.
        var drainWaiter: CheckedContinuation<Void, Never>?
    }

    /// How many shards there are. It cannot change while there are events.
    static let shards = ShardMap(count: 32)

    /// How long it is until a write that the store has refused is tried again, in milliseconds.
    private static let writePause = 1000

    let dependencies: Dependencies
    let sender: DestinationSender
    let retryDelay: Int
    private let attempter: Attempter
    let state: Mutex<State>

    package init(_ dependencies: Dependencies, _ settings: Settings) {
        self.dependencies = dependencies
        sender = DestinationSender(services: dependencies.services)
        retryDelay = Int(TimeAmount(settings.retryDelay).nanoseconds / 1_000_000)
        let clock = dependencies.clock
        attempter = Attempter(
            targets: dependencies.targets,
            invoker: dependencies.invoker,
            locality: dependencies.locality,
            retryDelay: retryDelay,
            now: { clock.now() }
        )
        let isShared = dependencies.store.isShared
        state = Mutex(State(dispatcher: Dispatcher(runningMax: settings.runningMax, isShared: isShared)))
    }

    // MARK: Life

    /// Takes over all events that are in the store, of which nobody else has any. To be called once, before anything is
    /// accepted. Where several processes use the store, ``keepLeases(_:)`` is called instead.
    ///
    /// - Parameter owner: Names this process.
    package func start(as owner: String) async throws(MetadataStoreError) {
        let leases = try await dependencies.store.claimShards(
            for: owner,
            of: Self.shards.count,
            limit: Self.shards.count,
            // A store that one process uses needs no other end of a lease than the next one's beginning.
            at: Timestamp(milliseconds: .max),
            until: Timestamp(milliseconds: .max)
        )
        for lease in leases { try await take(lease) }
    }

    /// Takes up the events of a shard that was leased.
    func take(_ lease: ShardLease) async throws(MetadataStoreError) {
        let lanes = try await dependencies.store.lanes(of: lease.shard)
        update { state, now in
            state.leases[lease.shard] = lease
            state.depths[lease.shard] = lanes.reduce(0) { $0 + $1.count }
            return state.dispatcher.shardLeased(lease.shard, lanes, at: now)
        }
    }

    /// Works off events from now on.
    package func begin() {
        update { state, now in state.dispatcher.begin(at: now) }
    }

    /// Begins no more events, and returns when those that are underway are settled, or when the task is cancelled.
    package func drain() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = state.withLock { state in
                    state.dispatcher.stop()
                    guard !state.dispatcher.isDrained, !Task.isCancelled else { return true }
                    state.drainWaiter = waiter
                    return false
                }
                if isOver { waiter.resume() }
            }
        } onCancel: {
            state.withLock { $0.drainWaiter.take() }?.resume()
        }
    }

    // MARK: Producers

    /// Accepts an invocation: it is durable, and will be attempted, once the future succeeds. The function is not looked
    /// for, nor the size of the event checked.
    ///
    /// - Returns: Fails with ``MetadataStoreError`` when nothing was accepted.
    package func accept(_ invocation: EventInvocation, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        let promise = eventLoop.makePromise(of: Void.self)
        let content = QueuedEvent.Content(
            requestID: invocation.requestID,
            qualifier: invocation.reference.qualifier,
            clientContext: invocation.clientContext,
            traceHeader: invocation.traceHeader,
            details: InvocationDetails(settings: invocation.settings ?? EventSettings()).document,
            payload: Array(invocation.payload.readableBytesView)
        )
        let event = newEvent(.init(lane: .function(invocation.reference.name), content: content))
        dependencies.store.write(EventChange(appending: [event])) { [self] result in
            switch result {
            case .success(let ids):
                promise.succeed()
                update { state, now in
                    state.metrics.asyncEventsReceived += 1
                    return state.appended([event], ids, at: now)
                }
            case .failure(let error):
                promise.fail(error)
            }
        }
        return promise.futureResult
    }

    /// An event for the shorter of its lane's shards.
    private func newEvent(_ follower: Settlement.Follower) -> NewEvent {
        let (first, second) = Self.shards.shards(of: follower.lane)
        let isSecondShorter = state.withLock { state in
            // How long those are that others work off, nobody here knows.
            guard let first = state.depths[first], let second = state.depths[second] else {
                return Bool.random()
            }
            return second < first
        }
        return NewEvent(
            shard: isSecondShorter ? second : first,
            lane: follower.lane,
            accepted: dependencies.clock.now(),
            content: follower.content
        )
    }

    // MARK: Carrying out

    /// Changes the state, and does outside of the lock what follows.
    func update(_ change: (inout State, Timestamp) -> [Dispatcher.Action]) {
        let now = dependencies.clock.now()
        let (actions, alarm, waiter) = state.withLock { state in
            let actions = change(&state, now)
            return (actions, state.takeAlarm(), state.dispatcher.isDrained ? state.drainWaiter.take() : nil)
        }
        if let alarm { dependencies.clock.call(at: alarm) { [weak self] in self?.alarmRang(alarm) } }
        waiter?.resume()
        for action in actions {
            switch action {
            case .run(let event): run(event)
            case .read(let request): read(request)
            }
        }
    }

    private func alarmRang(_ alarm: Timestamp) {
        update { state, now in
            if state.alarm == alarm { state.alarm = nil }
            return state.dispatcher.timePassed(at: now)
        }
    }

    private func read(_ request: EventRead) {
        let key = Dispatcher.LaneKey(shard: request.shard, lane: request.lane)
        dependencies.store.read(request) { [self] result in
            if case .failure(let error) = result {
                dependencies.logger.error("events cannot be read", metadata: [LogKey.error: "\(error)"])
            }
            update { state, now in
                switch result {
                case .success(let page): state.dispatcher.read(key, page, at: now)
                case .failure: state.dispatcher.readFailed(key, at: now)
                }
            }
        }
    }

    private func run(_ event: QueuedEvent) {
        let eventLoop = dependencies.eventLoops.next()
        eventLoop.execute { [self] in
            switch event.lane {
            case .function(let name):
                attempter.attempt(event, on: eventLoop).whenSuccess { result in
                    self.settle(event, of: name, result)
                }
            case .destination:
                deliver(event, on: eventLoop)
            }
        }
    }

    // MARK: Settling

    /// An event has run; writes what comes of it, and tries again until that is written.
    func settle(
        _ event: QueuedEvent,
        to next: QueuedEvent?,
        followers: [Settlement.Follower],
        wasThrottled: Bool,
        _ count: (inout QueueMetrics) -> Void
    ) {
        let key = Dispatcher.LaneKey(event)
        var lease: ShardLease?
        update { state, now in
            count(&state.metrics)
            lease = state.leases[event.shard]
            return state.dispatcher.finished(key, wasThrottled: wasThrottled, at: now)
        }
        // Without a lease the event is somebody else's by now, who attempts it again.
        guard let lease else { return abandon(event) }
        if let next {
            write(EventChange(postponing: next, under: lease), settling: event, until: next.due)
        } else {
            let events = followers.map { newEvent($0) }
            write(EventChange(removing: event.id, appending: events, under: lease), settling: event, until: nil)
        }
    }

    private func write(_ change: EventChange, settling event: QueuedEvent, until due: Timestamp?) {
        dependencies.store.write(change) { [self] result in
            let key = Dispatcher.LaneKey(event)
            switch result {
            case .success(let ids):
                storeAnswered(nil)
                update { state, now in
                    if due == nil { state.depths[event.shard]? -= 1 }
                    let actions = state.dispatcher.settled(event.id, in: key, until: due, at: now)
                    return actions + state.appended(change.appended, ids, at: now)
                }
            case .failure(let error) where error.code == .conflict:
                // The shard may have been leased again meanwhile.
                if state.withLock({ $0.leases[event.shard] == change.lease }) { lose([event.shard]) }
                abandon(event)
            case .failure(let error):
                storeAnswered(error)
                let again = Timestamp(milliseconds: dependencies.clock.now().milliseconds + Self.writePause)
                dependencies.clock.call(at: again) { self.write(change, settling: event, until: due) }
            }
        }
    }

    /// An event will not be settled here. Whoever has its shard next attempts it again.
    func abandon(_ event: QueuedEvent) {
        update { state, _ in
            state.dispatcher.abandoned(in: event.shard)
            return []
        }
    }

    /// Logs when the store begins to fail, and when it has recovered.
    private func storeAnswered(_ error: MetadataStoreError?) {
        let isNew = state.withLock { state in
            defer { state.isStoreFailing = error != nil }
            return state.isStoreFailing != (error != nil)
        }
        guard isNew else { return }
        if let error {
            dependencies.logger.error("events cannot be settled", metadata: [LogKey.error: "\(error)"])
        } else {
            dependencies.logger.notice("events are settled again")
        }
    }
}

extension EventQueue.State {
    /// Events are durable: those of shards that are leased here may run.
    mutating func appended(_ events: [NewEvent], _ ids: [EventID], at now: Timestamp) -> [Dispatcher.Action] {
        let queued = zip(ids, events).map { QueuedEvent(id: $0, $1) }
        for event in queued { depths[event.shard]? += 1 }
        return dispatcher.appended(queued.filter { leases[$0.shard] != nil }, at: now)
    }

    /// The moment that the clock has to be asked for, if it has not been.
    fileprivate mutating func takeAlarm() -> Timestamp? {
        guard let next = dispatcher.nextAlarm, alarm.map({ next < $0 }) ?? true else { return nil }
        alarm = next
        return next
    }
}
