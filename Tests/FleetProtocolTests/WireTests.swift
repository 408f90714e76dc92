import FleetProtocol
import HostLink
import LambdaAPI
import NIOCore
import TestSupport
import Testing
import Worker

struct WireTests {
    @Test(arguments: 0..<100 as Range<UInt64>)
    func everyMessageIsReadAsItWasWritten(seed: UInt64) throws {
        for sample in WireSample.all(seed: seed) {
            #expect(try sample.read(sample.body) == sample.content, "seed \(seed), \(sample.name)")
        }
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func messageThatEndsAnywhereTooEarlyIsMalformed(seed: UInt64) throws {
        for sample in WireSample.all(seed: seed) {
            for count in 0..<sample.body.readableBytes where !sample.earlierLengths.contains(count) {
                let cut = try #require(sample.body.getSlice(at: sample.body.readerIndex, length: count))
                let error = #expect(throws: LinkError.self, "seed \(seed), \(sample.name), \(count) bytes") {
                    try sample.read(cut)
                }
                #expect(error?.code == .malformed)
            }
        }
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func messageOfAnEarlierReleaseIsRead(seed: UInt64) throws {
        for sample in WireSample.all(seed: seed) {
            for length in sample.earlierLengths {
                let earlier = try #require(sample.body.getSlice(at: sample.body.readerIndex, length: length))
                _ = try sample.read(earlier)
            }
        }
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func whatALaterReleaseAddsBehindIsNotLookedAt(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for sample in WireSample.all(seed: seed) {
            let longer = ByteBuffer(bytes: Array(sample.body.readableBytesView) + random.bytes(upTo: 40))
            #expect(try sample.read(longer) == sample.content, "seed \(seed), \(sample.name)")
        }
    }

    /// Within its block, so that what follows it in a message is still found.
    @Test func laterReleaseCanAddToAFunction() throws {
        var random = SeededGenerator(seed: 1)
        let sample = WireSample(FunctionDescription(function: random.function()))
        var bytes = Array(sample.body.readableBytesView)
        bytes.append(contentsOf: [1, 2, 3, 4])
        bytes.replaceSubrange(0..<4, with: Array(ByteBuffer(integer: UInt32(bytes.count - 4)).readableBytesView))
        var buffer = ByteBuffer(bytes: bytes + [9])
        _ = try FunctionDescription(from: &buffer)
        #expect(Array(buffer.readableBytesView) == [9])
        #expect(try sample.read(ByteBuffer(bytes: bytes)) == sample.content)
    }

    /// Changed bytes are another message, or none; reading never traps.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func noiseIsReadOrMalformed(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for sample in WireSample.all(seed: seed) {
            var bytes = Array(sample.body.readableBytesView)
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                bytes[position] = random.flag() ? 0xFF : UInt8.random(in: 0...255, using: &random)
            }
            do {
                _ = try sample.read(ByteBuffer(bytes: bytes))
            } catch {
                #expect((error as? LinkError)?.code == .malformed, "seed \(seed), \(sample.name): \(error)")
            }
        }
    }

    @Test func functionThatIsNotDescribedIsNot() throws {
        var random = SeededGenerator(seed: 7)
        let function = random.function()
        for isDescribed in [false, true] {
            let message = ReserveMessage(random.requestID(), function, describingIt: isDescribed)
            #expect(try (ReserveMessage(body: message.body).function != nil) == isDescribed)
        }
    }

    @Test func failureThatALaterReleaseKnowsIsOneOfTheEnvironment() throws {
        let code = try InvokeFailure.Code(body: ByteBuffer(integer: UInt8(200)))
        #expect(code == .environmentFailed)
    }

    @Test(arguments: [0, 1, 65_536, 8 << 20])
    func consumedBytesAreRead(count: Int) throws {
        #expect(try ByteBuffer.consumed(bytes: count).consumedBytes() == count)
        #expect(throws: LinkError.self) { try ByteBuffer(bytes: [0, 0, 0]).consumedBytes() }
    }

    @Test(arguments: [0, 1, UInt64.max])
    func heartbeatNumberIsRead(number: UInt64) throws {
        #expect(try ByteBuffer.heartbeatAnswer(number).heartbeatNumber() == number)
        #expect(throws: LinkError.self) { try ByteBuffer(bytes: [0, 0, 0, 0, 0, 0, 0]).heartbeatNumber() }
    }

    /// Numbers that were released keep their meaning, and none has two.
    @Test func kindsHaveNumbersOfTheirOwnBehindThoseOfTheLink() {
        let numbers = MessageKind.allCases.map(\.rawValue)
        #expect(Set(numbers).count == numbers.count)
        #expect(numbers.allSatisfy { $0 >= LinkFrame.firstKind })
        #expect(MessageKind.reserve.rawValue == 16 && MessageKind.run.rawValue == 24 && MessageKind.own.rawValue == 32)
        #expect(MessageKind.registered.rawValue == 48 && MessageKind.ask.rawValue == 64)
    }
}
