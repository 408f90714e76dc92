import AsyncHTTPClient
import EventQueue
import LambdaAPI
import Logging
import MetadataStore
import MetadataStorePostgres
import NIOCore
import NIOPosix
import ServiceClients
import Synchronization
import TestSupport
import Testing
import Worker

/// Several processes that share a queue on PostgreSQL.
@Suite(.enabled(if: TestPostgres.server != nil, "run by scripts/with-postgres"), .timeLimit(.minutes(10)))
struct EventQueueFleetTests {
    /// A process, as far as it has to do with the queue.
    private final class Process: Sendable {
        let owner: String
        let queue: EventQueue
        let store: PostgresEventStore
        let invoker: FakeInvoker
        private let leases: EventQueue.LeaseSettings
        private let task = Mutex<Task<Void, Never>?>(nil)

        init(
            _ owner: String,
            in directory: TemporaryDirectory,
            _ targets: FakeTargets,
            _ invoker: FakeInvoker,
            leaseDuration: Duration
        ) async throws {
            self.owner = owner
            self.invoker = invoker
            leases = .init(owner: owner, duration: leaseDuration, interval: .milliseconds(50))
            store = try await PostgresEventStore(
                PostgresSettings(
                    address: TestPostgres.address(for: directory),
                    schema: TestPostgres.schema(for: directory),
                    connectionsMax: 4
                )
            )
            let eventLoops = MultiThreadedEventLoopGroup.singleton
            queue = EventQueue(
                EventQueue.Dependencies(
                    store: store,
                    targets: targets,
                    invoker: invoker,
                    services: ServiceDirectory(
                        ServiceEndpoints(region: "us-east-1"),
                        client: .shared,
                        now: { .test(0) }
                    ),
                    eventLoops: eventLoops,
                    clock: HostClock(eventLoop: eventLoops.next()),
                    locality: FakeTargets.locality,
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                ),
                EventQueue.Settings(runningMax: 100, retryDelay: .milliseconds(200))
            )
            queue.begin()
            task.withLock { $0 = Task { [queue, leases] in await queue.keepLeases(leases) } }
        }

        /// Ends as a process does that is killed: nothing is begun any more, and its leases run out.
        func die() async {
            let drain = Task { await queue.drain() }
            drain.cancel()
            await drain.value
            await endKeepingLeases()
        }

        /// Ends in good order.
        func stop() async throws {
            await queue.drain()
            await endKeepingLeases()
            try await queue.releaseLeases(of: owner)
        }

        private func endKeepingLeases() async {
            let task = task.withLock { $0.take() }
            task?.cancel()
            await task?.value
        }

        func accept(_ name: String) async throws -> RequestID {
            let invocation = EventInvocation(
                requestID: .random(),
                reference: FunctionReference(FunctionName(name)),
                payload: ByteBuffer(string: "{}"),
                traceHeader: "Root=1-2-3"
            )
            try await queue.accept(invocation, on: MultiThreadedEventLoopGroup.singleton.next()).get()
            return invocation.requestID
        }
    }

    /// What ran, where.
    private final class Runs: Sendable {
        private let runs = Mutex<[RequestID: [String]]>([:])
        let all = Mailbox<RequestID>()

        func invoker(_ owner: String) -> FakeInvoker {
            FakeInvoker { attempt in
                self.runs.withLock { $0[attempt.request.requestID, default: []].append(owner) }
                attempt.succeed()
                self.all.send(attempt.request.requestID)
            }
        }

        /// Waits until these have run, and returns who has run each of them.
        func owners(of ids: Set<RequestID>) async -> [RequestID: [String]] {
            var left = ids
            while !left.isEmpty { left.remove(await all.next()) }
            return runs.withLock { $0.filter { ids.contains($0.key) } }
        }
    }

    private let directory: TemporaryDirectory
    private let targets = FakeTargets()
    private let runs = Runs()
    private let names = (0..<40).map { "f\($0)" }

    init() throws {
        directory = try TemporaryDirectory()
        for name in names { targets.add(name) }
    }

    /// - Parameter leaseDuration: Long, unless a test waits for the end of it: a host with much to do may come to renew
    ///   a short one too late.
    private func process(_ owner: String, leaseDuration: Duration = .seconds(60)) async throws -> Process {
        try await Process(owner, in: directory, targets, runs.invoker(owner), leaseDuration: leaseDuration)
    }

    private func acceptOfEach(at process: Process) async throws -> Set<RequestID> {
        var ids: Set<RequestID> = []
        for name in names { ids.insert(try await process.accept(name)) }
        return ids
    }

    /// Accepts events until two processes have each run some.
    private func untilBothWork(_ process: Process, _ other: String) async throws {
        while true {
            let owners = Set(await runs.owners(of: try await acceptOfEach(at: process)).values.flatMap { $0 })
            if owners == [process.owner, other] { return }
        }
    }

    @Test func eventsRunOnceWhereverTheyAreAcceptedAndWhoeverHasTheirShard() async throws {
        let (a, b) = (try await process("a"), try await process("b"))
        try await untilBothWork(a, "b")
        try await untilBothWork(b, "a")
        var ids: Set<RequestID> = []
        for process in [a, b] { ids.formUnion(try await acceptOfEach(at: process)) }
        let owners = await runs.owners(of: ids)
        #expect(owners.count == 80 && owners.values.allSatisfy { $0.count == 1 })
        try await a.stop()
        try await b.stop()
    }

    @Test func newcomerGetsItsShareAndNothingRunsTwiceForIt() async throws {
        let a = try await process("a")
        _ = await runs.owners(of: try await acceptOfEach(at: a))
        let b = try await process("b")
        var ids: Set<RequestID> = []
        var owners: [RequestID: [String]] = [:]
        repeat {
            let next = try await acceptOfEach(at: a)
            ids.formUnion(next)
            owners.merge(await runs.owners(of: next)) { $1 }
        } while !owners.values.contains(["b"])
        #expect(owners.count == ids.count && owners.values.allSatisfy { $0.count == 1 })
        try await a.stop()
        try await b.stop()
    }

    @Test func eventsOfAProcessThatHasDiedAreRunByTheOthers() async throws {
        let a = try await process("a", leaseDuration: .seconds(2))
        let b = try await process("b", leaseDuration: .seconds(2))
        try await untilBothWork(a, "b")
        await b.die()
        // Half of them wait in shards that nobody tends until their leases end.
        let ids = try await acceptOfEach(at: a)
        let owners = await runs.owners(of: ids)
        #expect(owners.count == ids.count && owners.values.allSatisfy { Set($0) == ["a"] })
        try await a.stop()
    }

    @Test func processThatStopsGivesItsShardsToTheOthersAtOnce() async throws {
        let (a, b) = (try await process("a"), try await process("b"))
        try await untilBothWork(a, "b")
        try await b.stop()
        let owners = await runs.owners(of: try await acceptOfEach(at: a))
        #expect(owners.values.allSatisfy { $0 == ["a"] })
        try await a.stop()
        let c = try await process("c")
        let next = await runs.owners(of: try await acceptOfEach(at: c))
        #expect(next.values.allSatisfy { $0 == ["c"] })
        try await c.stop()
    }
}
