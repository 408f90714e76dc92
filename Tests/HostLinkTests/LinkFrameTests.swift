import NIOCore
import TestSupport
import Testing

@testable import HostLink

struct LinkFrameTests {
    private func bytes(of frames: [LinkFrame]) -> [UInt8] {
        var buffer = ByteBuffer()
        for frame in frames {
            if let rest = frame.write(to: &buffer, copyingUpTo: 16) { buffer.writeImmutableBuffer(rest) }
        }
        return Array(buffer.readableBytesView)
    }

    private let frames = [
        LinkFrame(kind: 9, call: 1, body: ByteBuffer()),
        LinkFrame(kind: 255, call: .max, body: ByteBuffer(string: "a")),
        LinkFrame(kind: 0, call: 0, body: ByteBuffer(repeating: 7, count: 40)),
    ]

    @Test func streamIsReadAsItWasWrittenWhereverItIsCut() throws {
        let stream = bytes(of: frames)
        for first in 0...stream.count {
            for second in first...stream.count {
                var buffer = ByteBuffer()
                var read: [LinkFrame] = []
                for part in [stream[..<first], stream[first..<second], stream[second...]] {
                    buffer.writeBytes(part)
                    while let frame = try LinkFrame.read(from: &buffer) { read.append(frame) }
                }
                #expect(read == frames, "cut at \(first) and \(second)")
                #expect(buffer.readableBytes == 0)
            }
        }
    }

    @Test func frameIsItsLengthItsKindItsCallAndItsBody() {
        #expect(bytes(of: [frames[1]]) == [0, 0, 0, 6, 255, 255, 255, 255, 255, 97])
    }

    @Test func largeBodyIsNotCopied() {
        var buffer = ByteBuffer()
        #expect(frames[2].write(to: &buffer, copyingUpTo: 39) == frames[2].body)
        #expect(buffer.readableBytes == LinkFrame.overhead)
    }

    @Test(arguments: [UInt32(0), 4, UInt32(LinkFrame.bodyMax + 6), .max])
    func lengthThatCannotBeIsMalformedAtOnce(length: UInt32) {
        var buffer = ByteBuffer(integer: length)
        let error = #expect(throws: LinkError.self) { try LinkFrame.read(from: &buffer) }
        #expect(error?.code == .malformed)
    }

    @Test func longestBodyIsRead() throws {
        let frame = LinkFrame(kind: 8, call: 2, body: ByteBuffer(repeating: 1, count: LinkFrame.bodyMax))
        var buffer = ByteBuffer()
        _ = frame.write(to: &buffer, copyingUpTo: .max)
        #expect(try LinkFrame.read(from: &buffer) == frame)
    }

    /// Frames of any kind come in pieces of any size.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func piecesOfAnySizeGiveTheSameFrames(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let frames = (0..<20).map { _ in
            LinkFrame(
                kind: UInt8.random(in: 0...255, using: &random),
                call: UInt32.random(in: 0 ... .max, using: &random),
                body: ByteBuffer(repeating: 3, count: Int.random(in: 0...300, using: &random))
            )
        }
        var rest = bytes(of: frames)[...]
        var buffer = ByteBuffer()
        var read: [LinkFrame] = []
        while !rest.isEmpty {
            let count = min(rest.count, Int.random(in: 1...50, using: &random))
            buffer.writeBytes(rest.prefix(count))
            rest = rest.dropFirst(count)
            while let frame = try LinkFrame.read(from: &buffer) { read.append(frame) }
        }
        #expect(read == frames, "seed \(seed)")
    }
}

struct LinkGreetingTests {
    @Test func highestVersionThatBothSpeakIsSpoken() throws {
        let own = LinkGreeting(oldest: 2, newest: 5)
        #expect(try own.version(with: LinkGreeting(oldest: 1, newest: 2)) == 2)
        #expect(try own.version(with: LinkGreeting(oldest: 3, newest: 4)) == 4)
        #expect(try own.version(with: LinkGreeting(oldest: 5, newest: 9)) == 5)
    }

    @Test(arguments: [LinkGreeting(oldest: 0, newest: 1), LinkGreeting(oldest: 6, newest: 6)])
    func releasesThatAreTooFarApartDoNotTalk(other: LinkGreeting) {
        let own = LinkGreeting(oldest: 2, newest: 5)
        for (one, another) in [(own, other), (other, own)] {
            let error = #expect(throws: LinkError.self) { try one.version(with: another) }
            #expect(error?.code == .incompatible)
        }
    }

    @Test func greetingIsReadWithWhateverStandsBehindIt() throws {
        var body = LinkGreeting(oldest: 3, newest: 4).body
        body.writeString("of a later release")
        #expect(try LinkGreeting(body) == LinkGreeting(oldest: 3, newest: 4))
    }

    @Test func anythingElseIsNoGreeting() {
        let greeting = Array(LinkGreeting.spoken.body.readableBytesView)
        let bad: [[UInt8]] = [[], greeting.dropLast(), [0] + greeting.dropFirst(), [83, 87, 70, 84, 0, 2, 0, 1]]
        for bytes in bad {
            let error = #expect(throws: LinkError.self) { try LinkGreeting(ByteBuffer(bytes: bytes)) }
            #expect(error?.code == .malformed)
        }
    }
}

struct HostAddressTests {
    @Test(arguments: ["10.0.0.1:80", "worker-1.example:65535", "[::1]:443"])
    func addressIsWrittenAsItIsRead(text: String) throws {
        let identity = try #require(try? HostIdentityForTests.worker())
        #expect(HostAddress(identity, text)?.text == text)
    }

    @Test(arguments: ["", ":", "host", "host:", "host:0", "host:65536", "host:-1", ":80", "[]:80", "host:8x"])
    func whatIsNoAddressIsRefused(text: String) throws {
        #expect(HostAddress(try HostIdentityForTests.worker(), text) == nil)
    }
}
