import CSandbox
import Glibc
import Synchronization
import Testing

@testable import SandboxNamespaces

@Suite struct WorkQueueTests {
    @Test(arguments: [1, 2, 5])
    func doesAllWorkButNeverMoreThanItsWidthAtOnce(width: Int) async {
        let queue = WorkQueue(label: "test", width: width)
        let counter = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    await queue.run {
                        counter.begin()
                        counter.end()
                    }
                }
            }
        }
        #expect(counter.done == 200)
        #expect(counter.most <= width)
    }

    @Test func doesWorkInTheOrderOfItsComing() async {
        let queue = WorkQueue(label: "test", width: 1)
        let (numbers, continuation) = AsyncStream.makeStream(of: Int.self)
        for number in 0..<100 { queue.perform { continuation.yield(number) } }
        await queue.run { continuation.finish() }
        #expect(await numbers.reduce(into: []) { $0.append($1) } == Array(0..<100))
    }
}

/// Counts how much is done at a time.
private final class Counter: Sendable {
    private let counts = Mutex((running: 0, most: 0, done: 0))

    var most: Int { counts.withLock { $0.most } }
    var done: Int { counts.withLock { $0.done } }

    func begin() {
        counts.withLock { counts in
            counts.running += 1
            counts.most = max(counts.most, counts.running)
        }
    }

    func end() {
        counts.withLock { counts in
            counts.running -= 1
            counts.done += 1
        }
    }
}

@Suite struct MonitorTests {
    @Test func callsBackAtDeadlinesInTheirOrderUnlessCancelled() async throws {
        let monitor = try Monitor()
        let (events, continuation) = AsyncStream.makeStream(of: Int.self)
        let cancelled = monitor.schedule(after: .milliseconds(1)) { continuation.yield(0) }
        monitor.cancel(cancelled)
        _ = monitor.schedule(after: .milliseconds(20)) {
            continuation.yield(2)
            continuation.finish()
        }
        _ = monitor.schedule(after: .milliseconds(5)) { continuation.yield(1) }
        var received: [Int] = []
        for await event in events { received.append(event) }
        #expect(received == [1, 2])
        monitor.stop()
    }

    @Test func callsBackWhenADescriptorCanBeReadUntilItIsUnwatched() async throws {
        let monitor = try Monitor()
        let (ours, theirs) = try MessageSocket.makePair()
        let peer = MessageSocket(theirs)
        let (messages, continuation) = AsyncStream.makeStream(of: UInt64?.self)
        let registration = try monitor.watch(ours.descriptor) {
            continuation.yield((try? ours.receive())?.token)
        }
        var received = messages.makeAsyncIterator()
        for token in 1...10 as ClosedRange<UInt64> {
            try peer.send(.init(99), token: token)
            #expect(await received.next() == token)
        }
        peer.descriptor.close()
        #expect(await received.next() == .some(nil))
        monitor.unwatch(ours.descriptor, registration)
        monitor.unwatch(ours.descriptor, registration)
        monitor.stop()
    }
}

@Suite struct MessageSocketTests {
    @Test func refusesWhatIsNoMessage() throws {
        let (ours, theirs) = try MessageSocket.makePair()
        for bytes in [[1], [UInt8](repeating: 7, count: 23), [UInt8](repeating: 7, count: 5000)] as [[UInt8]] {
            _ = bytes.withUnsafeBytes { write(theirs.rawValue, $0.baseAddress, $0.count) }
            let failure = #expect(throws: SystemError.self) { _ = try ours.receive() }
            #expect(failure?.errno == EBADMSG)
        }
        let failure = #expect(throws: SystemError.self) { _ = try ours.receive() }
        #expect(failure?.errno == EAGAIN)
    }

    @Test func carriesDescriptorsAndText() throws {
        let (ours, theirs) = try MessageSocket.makePair()
        let peer = MessageSocket(theirs)
        try peer.send(.init(5), token: 42, number: -3, strings: ["text"], descriptors: [0, 1])
        let message = try #require(try ours.receive())
        #expect(message.token == 42)
        #expect(message.number == -3)
        #expect(message.text == "text")
        #expect(message.descriptors.count == 2)
    }
}
