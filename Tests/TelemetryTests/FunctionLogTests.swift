import Glibc
import Logging
import TestSupport
import Testing

@testable import Telemetry

struct FunctionLogTests {
    private let directory: TemporaryDirectory
    private let writer: FunctionLogWriter

    init() throws {
        directory = try TemporaryDirectory()
        writer = try FunctionLogWriter(directory: directory.path, logger: Logger(label: "test"))
    }

    /// The lines of a log file, each without the time in front.
    private func lines(of name: String) throws -> [String] {
        let file = try #require(fopen("\(directory.path)/\(name)", "r"))
        defer { fclose(file) }
        var content: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { content.append(UInt8(byte)) }
        return String(decoding: content, as: UTF8.self).split(separator: "\n").map { line in
            #expect(line.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t.*/) != nil, "no time in '\(line)'")
            return String(line.drop { $0 != "\t" }.dropFirst())
        }
    }

    private func print(_ text: String, to output: CInt) {
        #expect(write(output, text, text.utf8.count) == text.utf8.count)
    }

    @Test func printedLinesComeBeforeThePlatformsNextLine() throws {
        let (stream, output) = try writer.makeStream(named: "a/b/stream")
        stream.append(line: "START")
        print("one\ntwo", to: output)
        stream.drain()
        stream.append(line: "END")
        close(output)
        stream.finish()
        writer.stop()
        #expect(try lines(of: "a/b/stream") == ["START", "one", "two", "END"])
    }

    @Test func tailIsTheLastFourKilobytesWithoutTimes() throws {
        let (stream, output) = try writer.makeStream(named: "stream")
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
        let (stream, output) = try writer.makeStream(named: "stream")
        // More than a pipe holds: the writes below finish only because the writer's thread reads.
        let line = String(repeating: "y", count: 1023) + "\n"
        for _ in 0..<4096 { print(line, to: output) }
        close(output)
        stream.finish()
        writer.stop()
        #expect(try lines(of: "stream").count == 4096)
    }

    @Test func bytesThatAreNoTextAreKept() throws {
        let (stream, output) = try writer.makeStream(named: "stream")
        let bytes: [UInt8] = [0, 0xFF, 0xFE, 0x80, UInt8(ascii: "\n")]
        #expect(write(output, bytes, bytes.count) == bytes.count)
        stream.drain()
        #expect(stream.takeTail() == bytes)
        close(output)
        stream.finish()
        writer.stop()
    }
}
