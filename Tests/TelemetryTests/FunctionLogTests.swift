import Glibc
import LambdaAPI
import LogStore
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Telemetry

struct FunctionLogTests {
    private let directory: TemporaryDirectory
    private let store: LogStore
    private let writer: FunctionLogWriter

    init() throws {
        directory = try TemporaryDirectory()
        store = try LogStore(
            directory: "\(directory.path)/logs",
            settings: LogStoreSettings(sizeMax: .mebibytes(64))
        )
        writer = try FunctionLogWriter(store: store, logger: Logger(label: "test"))
    }

    private func makeStream(_ name: String = "stream") throws -> (stream: FunctionLogStream, output: CInt) {
        try writer.makeStream(named: name, group: "/aws/lambda/f")
    }

    /// The events of a stream.
    private func events(of name: String = "stream") throws -> [StoredEvent] {
        var events: [StoredEvent] = []
        while true {
            let query = EventQuery(
                .forward(after: events.last?.position),
                times: Timestamp(milliseconds: 0)..<Timestamp(milliseconds: .max),
                countMax: 10_000
            )
            let page = try store.events(of: [store.summary(ofStream: name, group: "/aws/lambda/f")], query)
            events += page.events
            if page.isComplete { return events }
        }
    }

    /// The lines of a stream.
    private func lines(of name: String = "stream") throws -> [String] {
        try events(of: name).map { event in
            #expect(event.text.hasSuffix("\n"))
            return String(event.text.dropLast())
        }
    }

    private func print(_ text: String, to output: CInt) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
            guard count > 0 else {
                Issue.record("failed to print: \(errno)")
                return
            }
            rest = rest.dropFirst(count)
        }
    }

    @Test func printedLinesComeBeforeThePlatformsNextLine() throws {
        let (stream, output) = try makeStream("2026/11/23/[$LATEST]0f")
        stream.append(line: "START")
        print("one\ntwo", to: output)
        stream.drain()
        stream.append(line: "END")
        close(output)
        stream.finish()
        writer.stop()
        #expect(try lines(of: "2026/11/23/[$LATEST]0f") == ["START", "one", "two", "END"])
    }

    @Test func tailIsTheLastFourKilobytesWithoutTimes() throws {
        let (stream, output) = try makeStream()
        stream.append(line: "before")
        stream.keepTail(true)
        stream.append(line: "START")
        print(String(repeating: "x", count: 5000) + "\n", to: output)
        stream.drain()
        stream.append(line: "END")
        let tail = try #require(stream.takeTail())
        #expect(tail.count == 4096)
        #expect(String(decoding: tail.suffix(6), as: UTF8.self) == "x\nEND\n")
        #expect(stream.takeTail() == nil)
        close(output)
        stream.finish()
        writer.stop()
    }

    @Test func functionThatPrintsWithoutReaderIsReadAllTheSame() throws {
        let (stream, output) = try makeStream()
        // More than a pipe holds: the writes below finish only because the writer's thread reads.
        let line = String(repeating: "y", count: 1023) + "\n"
        for _ in 0..<4096 { print(line, to: output) }
        close(output)
        stream.finish()
        writer.stop()
        #expect(try lines().count == 4096)
    }

    @Test func bytesThatAreNoTextAreKept() throws {
        let (stream, output) = try makeStream()
        let bytes: [UInt8] = [0, 0xFF, 0xFE, 0x80, UInt8(ascii: "\n")]
        #expect(write(output, bytes, bytes.count) == bytes.count)
        stream.drain()
        #expect(stream.takeTail() == bytes)
        close(output)
        stream.finish()
        writer.stop()
    }

    @Test func lineThatIsTooLongIsSplitBetweenCharacters() throws {
        let (stream, output) = try makeStream()
        // Three bytes each, so that the limit is within one.
        let text = "x" + String(repeating: "€", count: 800_000)
        let printing = Thread {
            self.print(text + "\nshort\n", to: output)
            close(output)
        }
        printing.start()
        printing.join()
        stream.finish()
        writer.stop()
        let lines = try lines()
        #expect(lines.count == 4)
        #expect(lines.allSatisfy { $0.utf8.count < LogRecord.messageBytesMax && !$0.contains("\u{FFFD}") })
        #expect(lines.dropLast().joined() == text)
        #expect(lines.last == "short")
    }

    @Test func unfinishedLineIsNotShownBeforeItIsWhole() throws {
        let (stream, output) = try makeStream()
        print("whole\nhalf", to: output)
        stream.drain()
        writer.stop()
        #expect(try lines() == ["whole"])
        close(output)
    }

    @Test func clockThatIsSetBackDoesNotReorderLines() {
        var buffer = LogLineBuffer()
        for (text, time) in [("one\n", 5), ("two\n", 3), ("three\n", 9)] {
            var text = text
            text.withUTF8 { buffer.append($0, at: Timestamp(milliseconds: time)) }
        }
        let batch = buffer.takePending()
        #expect(batch.times == Timestamp(milliseconds: 5)...Timestamp(milliseconds: 9))
        #expect(
            String(decoding: batch.bytes, as: UTF8.self) == """
                1970-01-01T00:00:00.005Z\tone
                1970-01-01T00:00:00.005Z\ttwo
                1970-01-01T00:00:00.009Z\tthree

                """
        )
    }

    /// Random pieces of random lines, taken at random moments: nothing is lost, doubled or torn.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func piecesMakeTheLinesThatWerePrinted(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let lines = (0..<300).map { _ in String(repeating: "é", count: Int.random(in: 0...200, using: &random)) }
        var rest = Array(lines.joined(separator: "\n").utf8)[...]
        var buffer = LogLineBuffer()
        var records: [UInt8] = []
        while !rest.isEmpty {
            let piece = Array(rest.prefix(Int.random(in: 1...500, using: &random)))
            rest = rest.dropFirst(piece.count)
            piece.withUnsafeBufferPointer { buffer.append($0, at: Timestamp(milliseconds: 0)) }
            if Int.random(in: 0..<3, using: &random) == 0 { records += buffer.takePending().bytes }
        }
        buffer.endLine()
        records += buffer.takePending().bytes
        let expected = lines.map { "1970-01-01T00:00:00.000Z\t\($0)\n" }.joined()
        #expect(String(decoding: records, as: UTF8.self) == expected)
    }

    @Test func streamThatPrintsWithoutEndDoesNotKeepOthersWaiting() throws {
        let (noisy, noisyOutput) = try makeStream("noisy")
        let (quiet, quietOutput) = try makeStream("quiet")
        let isOver = Atomic<Bool>(false)
        let printing = Thread {
            let text = String(repeating: "noise\n", count: 10_000)
            while !isOver.load(ordering: .relaxed) { self.print(text, to: noisyOutput) }
            close(noisyOutput)
        }
        printing.start()
        print("quiet\n", to: quietOutput)
        while (try? store.summary(ofStream: "quiet", group: "/aws/lambda/f"))?.lastEventTime == nil { sched_yield() }
        #expect(try lines(of: "quiet") == ["quiet"])
        isOver.store(true, ordering: .relaxed)
        printing.join()
        close(quietOutput)
        noisy.finish()
        quiet.finish()
        writer.stop()
    }
}

/// A thread that can be waited for.
private final class Thread: @unchecked Sendable {
    // JUSTIFICATION: the body runs once, on the new thread, and `join` returns after it.
    // SAFETY: nothing is written after `start`.
    private let body: () -> Void
    private var handle = pthread_t()

    init(_ body: @escaping () -> Void) {
        self.body = body
    }

    func start() {
        let context = Unmanaged.passRetained(self).toOpaque()
        let result = pthread_create(
            &handle,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Thread>.fromOpaque(context).takeRetainedValue().body()
                return nil
            },
            context
        )
        precondition(result == 0)
    }

    func join() {
        pthread_join(handle, nil)
    }
}
