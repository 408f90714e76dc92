import LambdaAPI
import MetadataStore
import MetadataStorePostgres
import MetadataStoreSQLite
import Synchronization
import TestSupport
import Testing

/// A store of events that the contracts are checked against: each backend adds a case.
enum EventStoreBackend {
    case sqlite
    case postgres

    /// Those that there are here: PostgreSQL where tests are run by `scripts/with-postgres`.
    static var allCases: [EventStoreBackend] { TestPostgres.server == nil ? [.sqlite] : [.sqlite, .postgres] }

    /// The store in a directory of the test's own, which keeps what was in it.
    func openStore(in directory: TemporaryDirectory) async throws -> any EventStore {
        switch self {
        case .postgres: try await PostgresEventStore(.test(directory))
        case .sqlite: try SQLiteEventStore(path: "\(directory.path)/queue.sqlite")
        }
    }
}

/// What every store of events promises of the events; ``EventLeaseContract`` has the leases, and
/// ``EventReadContract`` the limits of what is read.
struct EventStoreContract {
    private let lane = EventLane.function(FunctionName("f"))

    /// Payloads and their surroundings as odd as they may come.
    private static let contents: [QueuedEvent.Content] = [
        QueuedEvent.Content(requestID: .random(), payload: Array("{}".utf8)),
        QueuedEvent.Content(
            requestID: .random(),
            qualifier: .latest,
            clientContext: #"{"custom": {"a": "ünïcode 🦅"}}"#,
            traceHeader: "Root=1-2-3;Parent=4;Sampled=1;Lineage=00000000:1",
            details: Array(#"{"onFailure": "ö"}"#.utf8),
            payload: Array(#"{"text": "ünïcode 🦅 and ' quotes \""}"#.utf8)
        ),
        QueuedEvent.Content(requestID: .random(), qualifier: Qualifier("7"), clientContext: "", payload: []),
        QueuedEvent.Content(requestID: .random(), details: [0, 0xFF], payload: [0, 1, 0, 0xFF, 0xFE, 0]),
        QueuedEvent.Content(requestID: .random(), payload: (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }),
    ]

    @Test(arguments: EventStoreBackend.allCases)
    func eventIsReadAsItWasWrittenAlsoAfterReopening(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let lanes = [lane, .function(FunctionName("F-ün_1")), .destination("arn:aws:sqs:us-east-1:000000000000:q:ü")]
        var written: [QueuedEvent] = []
        do {
            let store = try await backend.openStore(in: directory)
            for (index, content) in Self.contents.enumerated() {
                for lane in lanes {
                    let event = NewEvent(shard: 3, lane: lane, accepted: .test(index), content: content)
                    written.append(try await store.append(event))
                }
            }
        }
        let store = try await backend.openStore(in: directory)
        for lane in lanes {
            let page = try await store.events(of: lane, in: 3, at: 100)
            #expect(page == EventPage(events: written.filter { $0.lane == lane }, hasMore: false, nextDue: nil))
        }
    }

    @Test(arguments: EventStoreBackend.allCases)
    func eventsAreReadInTheOrderInWhichTheyBecomeDueAndWereWritten(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let ids = try await store.write(
            EventChange(appending: [5, 3, 5, 1, 3].map { NewEvent.test(lane, at: $0) })
        )
        #expect(ids == ids.sorted())
        #expect(try await store.ids(of: lane, at: 10) == [3, 1, 4, 0, 2].map { ids[$0] })
    }

    @Test(arguments: EventStoreBackend.allCases)
    func lanesAndShardsAreReadApart(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let others = [EventLane.function(FunctionName("F")), .function(FunctionName("f2")), .destination("f")]
        let own = try await store.append(.test(lane))
        let other = try await store.append(.test(lane, in: 1))
        for lane in others { _ = try await store.append(.test(lane)) }
        #expect(try await store.events(of: lane).events == [own])
        #expect(try await store.events(of: lane, in: 1).events == [other])
        #expect(try await store.events(of: lane, in: 2).events == [])
    }

    // MARK: Changes

    @Test(arguments: EventStoreBackend.allCases)
    func postponedEventIsReadWhenItIsDueAgain(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        var store = try await backend.openStore(in: directory)
        let lease = try await store.lease(of: 0)
        var event = try await store.append(.test(lane, at: 1))
        let other = try await store.append(.test(lane, at: 1))
        event.due = .test(500)
        event.attempts = 2
        event.deferrals = 3
        try await store.write(EventChange(postponing: event, under: lease))
        let early = try await store.events(of: lane, at: 499)
        #expect(early == EventPage(events: [other], hasMore: false, nextDue: .test(500)))
        store = try await backend.openStore(in: directory)
        #expect(try await store.events(of: lane, at: 500).events == [other, event])
    }

    @Test(arguments: EventStoreBackend.allCases)
    func settledEventIsReplacedByWhatFollows(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let lease = try await store.lease(of: 0)
        let event = try await store.append(.test(lane))
        let queue = EventLane.destination("arn:aws:sqs:us-east-1:000000000000:q")
        let followers = [NewEvent.test(queue, in: 2, "record"), .test(lane, in: 1, "next")]
        let ids = try await store.write(EventChange(removing: event.id, appending: followers, under: lease))
        #expect(ids.count == 2 && ids.allSatisfy { $0 > event.id })
        #expect(try await store.events(of: lane).events == [])
        #expect(try await store.events(of: queue, in: 2).events == [QueuedEvent(id: ids[0], followers[0])])
        #expect(try await store.events(of: lane, in: 1).events == [QueuedEvent(id: ids[1], followers[1])])
    }

    @Test(arguments: EventStoreBackend.allCases)
    func changeUnderALeaseThatIsOverChangesNothing(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let late = try await store.lease(of: 0)
        let lease = try await store.lease(of: 0)
        let event = try await store.append(.test(lane, at: 1))
        var postponed = event
        postponed.due = .test(900)
        let never = ShardLease(shard: 77, epoch: 0)
        for lease in [late, ShardLease(shard: 0, epoch: lease.epoch + 1), never] {
            for change in [
                EventChange(removing: event.id, appending: [.test(lane, "follower")], under: lease),
                EventChange(postponing: postponed, under: lease),
            ] {
                await #expect(throws: MetadataStoreError.self) { try await store.write(change) }
            }
        }
        #expect(try await store.events(of: lane, at: 1000).events == [event])
        try await store.write(EventChange(removing: event.id, appending: [], under: lease))
        #expect(try await store.events(of: lane, at: 1000).events == [])
    }

    /// The changes are asked for at once, so that the store may write them together.
    @Test(arguments: EventStoreBackend.allCases)
    func refusedChangeHoldsUpNoneBesideIt(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let late = try await store.lease(of: 0)
        let lease = try await store.lease(of: 0)
        var events: [QueuedEvent] = []
        for index in 0..<30 { events.append(try await store.append(.test(lane, "\(index)"))) }
        let results = await store.writeAtOnce(
            events.enumerated().map { index, event in
                index % 3 == 0
                    ? EventChange(appending: [.test(lane, "new")])
                    : EventChange(removing: event.id, appending: [], under: index % 3 == 1 ? late : lease)
            }
        )
        for (index, result) in results.enumerated() {
            switch (index % 3, result) {
            case (0, .success(let ids)): #expect(ids.count == 1)
            case (2, .success(let ids)): #expect(ids == [])
            case (1, .failure(let error)): #expect(error.code == .conflict)
            default: Issue.record("change \(index) came to \(result)")
            }
        }
        let left = try await store.events(of: lane).events
        #expect(left.count == 30)
        #expect(Set(left.map(\.id)).isDisjoint(with: events.indices.filter { $0 % 3 == 2 }.map { events[$0].id }))
    }

    @Test(arguments: EventStoreBackend.allCases)
    func identifierIsNeverGivenTwice(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        var store = try await backend.openStore(in: directory)
        let lease = try await store.lease(of: 0)
        var last = EventID(0)
        for round in 0..<6 {
            let event = try await store.append(.test(lane))
            #expect(event.id > last)
            last = event.id
            if round < 3 {
                try await store.write(EventChange(removing: event.id, appending: [], under: lease))
            } else {
                #expect(try await store.purge(lane, of: 0, except: [], limit: 10) == 1)
            }
            if round % 2 == 0 { store = try await backend.openStore(in: directory) }
        }
    }

    @Test(arguments: EventStoreBackend.allCases)
    func concurrentWritersLoseNothing(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let written = try await withThrowingTaskGroup(of: [QueuedEvent].self) { group in
            for writer in 0..<16 {
                group.addTask {
                    var events: [QueuedEvent] = []
                    for number in 0..<25 {
                        events.append(try await store.append(.test(lane, "\(writer).\(number)")))
                    }
                    return events
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(written.map(\.id)).count == 400)
        let read = try await store.events(of: lane, limit: 1000)
        #expect(read.events == written.sorted { $0.id < $1.id })
    }

    @Test(arguments: EventStoreBackend.allCases)
    func completionsAreCalledInTheOrderOfTheChanges(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let count = 1500
        let (completions, calls) = AsyncStream.makeStream(of: (index: Int, ids: [EventID]).self)
        for index in 0..<count {
            let events = [NewEvent](repeating: .test(lane, "\(index)"), count: index % 3)
            store.write(EventChange(appending: events)) { result in
                calls.yield((index, (try? result.get()) ?? []))
            }
        }
        var ids: [EventID] = []
        var expected = 0
        for await completion in completions {
            #expect(completion.index == expected)
            #expect(completion.ids.count == expected % 3)
            ids += completion.ids
            expected += 1
            if expected == count { break }
        }
        #expect(ids == ids.sorted())
        #expect(try await store.ids(of: lane, limit: 2 * count) == ids)
    }

    // MARK: Lanes

    @Test(arguments: EventStoreBackend.allCases)
    func lanesOfAShardAreSummedUp(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let lease = try await store.lease(of: 0)
        let queue = EventLane.destination("arn:aws:sqs:us-east-1:000000000000:q")
        var postponed = try await store.append(.test(lane, at: 7))
        for moment in [9, 8] { _ = try await store.append(.test(lane, at: moment)) }
        _ = try await store.append(.test(queue, at: 30))
        _ = try await store.append(.test(lane, in: 1, at: 1))
        postponed.due = .test(1000)
        try await store.write(EventChange(postponing: postponed, under: lease))
        let lanes = try await store.lanes(of: 0).sorted { $0.count > $1.count }
        #expect(
            lanes == [
                LaneSummary(lane: lane, count: 3),
                LaneSummary(lane: queue, count: 1),
            ]
        )
        #expect(try await store.lanes(of: 1) == [LaneSummary(lane: lane, count: 1)])
        #expect(try await store.lanes(of: 2) == [])
        // Whether the oldest has waited since it was accepted, or was postponed.
        #expect(try await store.oldest(of: [lane, queue], in: 0) == [lane: .test(7), queue: .test(30)])
        #expect(try await store.oldest(of: [queue, lane], in: 1) == [lane: .test(1)])
        #expect(try await store.oldest(of: [lane], in: 2) == [:])
        try await store.write(EventChange(removing: postponed.id, appending: [], under: lease))
        #expect(try await store.oldest(of: [lane], in: 0) == [lane: .test(8)])
    }

    @Test(arguments: EventStoreBackend.allCases)
    func purgeRemovesALaneButForTheEventsNamed(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let lease = try await store.lease(of: 0)
        let ids = try await store.write(EventChange(appending: (0..<10).map { NewEvent.test(lane, at: $0) }))
        var later = try #require(try await store.events(of: lane).events.first)
        later.due = .test(5000)
        try await store.write(EventChange(postponing: later, under: lease))
        let other = try await store.append(.test(.function(FunctionName("g"))))
        let elsewhere = try await store.append(.test(lane, in: 1))
        let kept: Set = [ids[3], ids[8], EventID(1_000_000)]
        #expect(try await store.purge(lane, of: 0, except: kept, limit: 5) == 5)
        #expect(try await store.purge(lane, of: 0, except: kept, limit: 5) == 3)
        #expect(try await store.purge(lane, of: 0, except: kept, limit: 5) == 0)
        #expect(try await store.ids(of: lane, at: 9000) == [ids[3], ids[8]])
        #expect(try await store.events(of: other.lane).events == [other])
        #expect(try await store.events(of: lane, in: 1).events == [elsewhere])
        #expect(try await store.purge(lane, of: 0, except: [], limit: 10) == 2)
        #expect(try await store.purge(lane, of: 0, except: [], limit: 10) == 0)
    }
}
