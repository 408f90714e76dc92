import LambdaAPI
import MetadataStore
import TestSupport
import Testing

/// What every store of events promises of a page of them.
struct EventReadContract {
    private let lane = EventLane.function(FunctionName("f"))

    @Test(arguments: EventStoreBackend.allCases)
    func pageTellsWhetherThereAreMore(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let ids = try await store.write(EventChange(appending: (0..<5).map { NewEvent.test(lane, at: $0) }))
        for limit in 1...7 {
            let page = try await store.events(of: lane, at: 100, limit: limit)
            #expect(page.events.map(\.id) == Array(ids.prefix(limit)))
            #expect(page.hasMore == (limit < 5), "limit \(limit)")
            #expect(page.nextDue == nil)
        }
    }

    @Test(arguments: EventStoreBackend.allCases)
    func pageTellsWhenTheNextIsDue(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let ids = try await store.write(EventChange(appending: [10, 20, 20, 30].map { NewEvent.test(lane, at: $0) }))
        for (now, dueCount, next) in [(9, 0, 10), (10, 1, 20), (19, 1, 20), (20, 3, 30), (29, 3, 30), (30, 4, nil)] {
            let page = try await store.events(of: lane, at: now)
            #expect(page.events.map(\.id) == Array(ids.prefix(dueCount)))
            #expect(page.nextDue == next.map { .test($0) }, "at \(now)")
            #expect(!page.hasMore)
        }
        // Those that are left out for want of room are due already, and no reason to wait.
        let page = try await store.events(of: lane, at: 20, limit: 1)
        #expect(page.hasMore && page.nextDue == .test(30))
    }

    @Test(arguments: EventStoreBackend.allCases)
    func eventsThatTheCallerHasAreLeftOut(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let ids = try await store.write(EventChange(appending: (0..<8).map { NewEvent.test(lane, at: $0) }))
        let except: Set = [ids[0], ids[1], ids[4], EventID(999)]
        let rest = [2, 3, 5, 6, 7].map { ids[$0] }
        for limit in 1...6 {
            let page = try await store.events(of: lane, at: 100, limit: limit, except: except)
            #expect(page.events.map(\.id) == Array(rest.prefix(limit)))
            #expect(page.hasMore == (limit < 5), "limit \(limit)")
        }
        let none = try await store.events(of: lane, at: 100, except: Set(ids))
        #expect(none == EventPage(events: [], hasMore: false, nextDue: nil))
    }

    /// The events have 100, 200, 300 and 400 bytes.
    @Test(arguments: EventStoreBackend.allCases)
    func pageEndsWithTheEventThatMakesItLargeEnough(backend: EventStoreBackend) async throws {
        let directory = try TemporaryDirectory()
        let store = try await backend.openStore(in: directory)
        let events = (1...4).map { NewEvent.test(lane, String(repeating: "x", count: 100 * $0)) }
        let ids = try await store.write(EventChange(appending: events))
        for (sizeMax, count) in [(1, 1), (100, 1), (101, 2), (300, 2), (301, 3), (600, 3), (601, 4), (9999, 4)] {
            let page = try await store.events(of: lane, sizeMax: sizeMax)
            #expect(page.events.map(\.id) == Array(ids.prefix(count)), "\(sizeMax) bytes")
            #expect(page.hasMore == (count < 4), "\(sizeMax) bytes")
        }
        let page = try await store.events(of: lane, sizeMax: 500, except: [ids[0], ids[1]])
        #expect(page.events.map(\.id) == [ids[2], ids[3]] && !page.hasMore)
    }
}
