import AsyncHTTPClient
import EventQueue
import LambdaAPI
import Logging
import MetadataStore
import MetadataStoreSQLite
import NIOCore
import NIOPosix
import ServiceClients
import TestSupport

/// A queue on a real store, with everything else around it made up.
final class QueueHarness: Sendable {
    let queue: EventQueue
    let store: TestEventStore
    let invoker: FakeInvoker
    let clock: ManualClock
    let targets: FakeTargets
    private let directory: TemporaryDirectory
    private let endpoints: ServiceEndpoints

    private init(
        _ endpoints: ServiceEndpoints,
        in directory: TemporaryDirectory,
        _ clock: ManualClock,
        _ targets: FakeTargets
    ) async throws {
        self.endpoints = endpoints
        self.directory = directory
        self.clock = clock
        self.targets = targets
        store = TestEventStore(try SQLiteEventStore(path: "\(directory.path)/queue.sqlite"))
        invoker = FakeInvoker()
        queue = EventQueue(
            EventQueue.Dependencies(
                store: store,
                targets: targets,
                invoker: invoker,
                services: ServiceDirectory(endpoints, client: .shared, now: { clock.now() }),
                eventLoops: MultiThreadedEventLoopGroup.singleton,
                clock: clock,
                locality: FakeTargets.locality,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ),
            EventQueue.Settings(runningMax: 100)
        )
        try await queue.start(as: "test")
    }

    /// A queue that works off events, on a store of its own.
    ///
    /// - Parameter sqs: Where SQS is; nil for nowhere.
    static func begun(_ targets: FakeTargets = FakeTargets(), sqs: String? = nil) async throws -> QueueHarness {
        let harness = try await QueueHarness(
            ServiceEndpoints(sqs: sqs, region: "us-east-1"),
            in: try TemporaryDirectory(),
            ManualClock(),
            targets
        )
        harness.queue.begin()
        return harness
    }

    /// What the next process finds, while this one may go on as if it had not noticed.
    func restarted() async throws -> QueueHarness {
        try await QueueHarness(endpoints, in: directory, clock, targets)
    }

    /// Accepts an event of a function, and returns once it is durable.
    @discardableResult
    func accept(
        _ name: String = "f",
        qualifier: String? = nil,
        _ payload: String = "{}",
        traceHeader: String = "Root=1-2-3",
        settings: EventSettings? = nil
    ) async throws -> RequestID {
        let invocation = EventInvocation(
            requestID: .random(),
            reference: FunctionReference(FunctionName(name), qualifier: qualifier.map { Qualifier($0) }),
            payload: ByteBuffer(string: payload),
            clientContext: #"{"custom": {}}"#,
            traceHeader: traceHeader,
            settings: settings
        )
        try await queue.accept(invocation, on: MultiThreadedEventLoopGroup.singleton.next()).get()
        return invocation.requestID
    }

    func metrics() async throws -> QueueMetrics { try await queue.report().metrics }

    func depth() async throws -> Int { try await queue.report().lines.reduce(0) { $0 + $1.depth } }
}
