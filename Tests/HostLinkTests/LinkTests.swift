import NIOCore
import NIOEmbedded
import TestSupport
import Testing

@testable import HostLink

struct LinkTests {
    private let kind = LinkFrame.firstKind

    // MARK: Greeting

    @Test func linkOpensWhenTheOtherSideHasGreeted() throws {
        let end = try TestLink(isDialler: true)
        end.start()
        #expect(try end.written().map(\.body) == [LinkGreeting.spoken.body])
        #expect(end.user.opened.isEmpty)
        try end.hear(LinkHandler.Kind.greeting, 0, LinkGreeting.spoken.body)
        #expect(end.user.opened.count == 1)
        #expect(try end.opened.futureResult.wait() === end.user.opened.first)
    }

    @Test func whatCameBeforeItWasKnownWhoItIsIsLookedAtThen() throws {
        let end = try TestLink(isDialler: false)
        try end.hear(LinkHandler.Kind.greeting, 0, LinkGreeting.spoken.body)
        try end.hear(kind, 0, ByteBuffer(string: "first"))
        #expect(end.user.opened.isEmpty && end.user.frames.isEmpty)
        end.start()
        #expect(end.user.opened.count == 1)
        #expect(end.user.frames.map { String(buffer: $0.body) } == ["first"])
    }

    @Test func otherVersionOrNoneIsRefused() throws {
        let greetings = [
            LinkFrame(kind: LinkHandler.Kind.greeting, call: 0, body: LinkGreeting(oldest: 900, newest: 901).body),
            LinkFrame(kind: LinkHandler.Kind.greeting, call: 0, body: ByteBuffer()),
            LinkFrame(kind: LinkHandler.Kind.ping, call: 0, body: ByteBuffer()),
            LinkFrame(kind: kind, call: 0, body: ByteBuffer()),
        ]
        for greeting in greetings {
            let end = try TestLink(isDialler: true)
            end.start()
            try end.hear(greeting.kind, 0, greeting.body)
            let error = #expect(throws: LinkError.self) { try end.opened.futureResult.wait() }
            #expect(error?.code == .unreachable)
            // Who was never told that it is open is not told that it has ended.
            #expect(end.user.opened.isEmpty && end.user.errors.isEmpty)
            #expect(!end.channel.isActive)
        }
    }

    @Test func hostThatIsNotWhoItShouldBeIsHeardNoMore() throws {
        let handler = LinkHandler(isDialler: true, silenceMax: .seconds(6))
        let channel = EmbeddedChannel(handler: handler)
        handler.refuse(LinkError(.closed, "somebody else"))
        let user = RecordingUser()
        handler.start(channel, user: user)
        channel.embeddedEventLoop.run()
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        #expect(user.opened.isEmpty)
    }

    // MARK: Messages

    @Test func messageThatBelongsToNoCallIsTheUsers() throws {
        let end = try TestLink(isDialler: true)
        let link = try end.open()
        try end.hear(kind, 0, ByteBuffer(string: "a"))
        try end.hear(255, 2, ByteBuffer(string: "b"))
        #expect(end.user.frames.map(\.kind) == [kind, 255])
        // Kinds of the link that a later release has are not for the user.
        try end.hear(7, 0)
        #expect(end.user.frames.count == 2)
        withExtendedLifetime(link) {}
    }

    @Test(arguments: [true, false])
    func callsOfEitherSideHaveNumbersOfTheirOwn(isDialler: Bool) throws {
        let end = try TestLink(isDialler: isDialler)
        let link = try end.open()
        let calls = (0..<3).map { _ in RecordingCall() }
        let numbers = calls.map { link.begin(kind, ByteBuffer(), $0) }
        #expect(numbers == (isDialler ? [1, 3, 5] : [2, 4, 6]))
        #expect(try end.written().map(\.call) == (isDialler ? [1, 3, 5] : [2, 4, 6]))
        // The other side's call with a number next to ours is none of ours.
        try end.hear(kind, isDialler ? 2 : 1)
        #expect(end.user.frames.count == 1 && calls.allSatisfy(\.frames.isEmpty))
        try end.hear(kind, isDialler ? 3 : 4, ByteBuffer(string: "answer"))
        #expect(calls.map(\.frames.count) == [0, 1, 0])
    }

    @Test func callThatIsOverHearsNothingMore() throws {
        let end = try TestLink(isDialler: true)
        let link = try end.open()
        let call = RecordingCall()
        let number = try #require(link.begin(kind, ByteBuffer(), call))
        link.end(number)
        try end.hear(kind, number)
        #expect(call.frames.isEmpty && end.user.frames.isEmpty)
        end.channel.pipeline.fireChannelInactive()
        #expect(call.errors.isEmpty)
    }

    @Test(arguments: [true, false])
    func numbersBeginAgainWithoutTheOneThatStandsForNoCall(isDialler: Bool) throws {
        let end = try TestLink(isDialler: isDialler)
        let link = try end.open()
        link.skipCalls(to: .max - (isDialler ? 0 : 1))
        let numbers = (0..<3).map { _ in link.begin(kind, ByteBuffer(), RecordingCall()) }
        #expect(numbers == (isDialler ? [.max, 1, 3] : [.max - 1, 2, 4]))
    }

    // MARK: Writing

    @Test func whatIsSentInOneGoIsWrittenTogether() throws {
        let end = try TestLink(isDialler: true)
        let link = try end.open()
        for number in 0..<5 { link.send(kind, ByteBuffer(integer: number)) }
        #expect(try end.channel.readOutbound(as: ByteBuffer.self) == nil)
        let blocks = try end.blocks()
        #expect(blocks.count == 1)
        link.send(kind)
        #expect(try end.blocks().count == 1)
    }

    @Test func largeBodyKeepsItsPlaceAmongOthers() throws {
        let end = try TestLink(isDialler: true)
        let link = try end.open()
        let large = ByteBuffer(repeating: 5, count: 100_000)
        link.send(kind, ByteBuffer(string: "before"))
        link.send(kind, large)
        link.send(kind, ByteBuffer(string: "behind"))
        let frames = try end.written()
        #expect(frames.map(\.body) == [ByteBuffer(string: "before"), large, ByteBuffer(string: "behind")])
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func messagesOfAnySizeArriveInOrder(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let end = try TestLink(isDialler: true)
        let link = try end.open()
        var sent: [LinkFrame] = []
        var received: [LinkFrame] = []
        for _ in 0..<60 {
            let size = Int.random(in: 0...3, using: &random) == 0 ? 20_000 : 3
            let frame = LinkFrame(
                kind: kind,
                call: random.next() % 2 == 0 ? 0 : 6,
                body: .init(repeating: 1, count: size)
            )
            link.send(frame.kind, call: frame.call, frame.body)
            sent.append(frame)
            if Int.random(in: 0...4, using: &random) == 0 { received += try end.written() }
        }
        received += try end.written()
        #expect(received == sent, "seed \(seed)")
    }

    // MARK: The end

    @Test func endIsToldToCallsAndThenToTheUser() throws {
        let end = try TestLink(isDialler: true)
        let link = try end.open()
        let call = RecordingCall()
        _ = link.begin(kind, ByteBuffer(), call)
        end.channel.pipeline.fireChannelInactive()
        #expect(call.errors.map(\.code) == [.closed] && end.user.errors.map(\.code) == [.closed])
        _ = try end.blocks()
        link.send(kind)
        #expect(link.begin(kind, ByteBuffer(), call) == nil)
        #expect(try end.written().isEmpty)
    }

    @Test func whatCannotBeAMessageEndsTheLink() throws {
        let end = try TestLink(isDialler: false)
        let link = try end.open()
        let call = RecordingCall()
        _ = link.begin(kind, ByteBuffer(), call)
        try end.channel.writeInbound(ByteBuffer(integer: UInt32.max))
        end.loop.run()
        #expect(end.user.errors.map(\.code) == [.malformed] && call.errors.map(\.code) == [.malformed])
        #expect(!end.channel.isActive)
        end.channel.pipeline.fireChannelInactive()
        #expect(end.user.errors.count == 1)
    }

    // MARK: Silence

    @Test func silentHostIsAskedAndThenGivenUp() throws {
        let end = try TestLink(isDialler: true)
        _ = try end.open()
        end.loop.advanceTime(by: .seconds(2))
        #expect(try end.written().map(\.kind) == [LinkHandler.Kind.ping])
        end.loop.advanceTime(by: .seconds(2))
        #expect(end.user.errors.isEmpty)
        end.loop.advanceTime(by: .seconds(2))
        #expect(end.user.errors.map(\.code) == [.silent])
        #expect(!end.channel.isActive)
    }

    @Test func hostThatSaysAnythingIsAlive() throws {
        let end = try TestLink(isDialler: true)
        _ = try end.open()
        for _ in 0..<20 {
            end.loop.advanceTime(by: .seconds(3))
            try end.hear(LinkHandler.Kind.pong)
        }
        #expect(end.user.errors.isEmpty)
    }

    @Test func questionWhetherItIsAliveIsAnswered() throws {
        let end = try TestLink(isDialler: false)
        _ = try end.open()
        try end.hear(LinkHandler.Kind.ping)
        #expect(try end.written().map(\.kind) == [LinkHandler.Kind.pong])
        #expect(end.user.frames.isEmpty)
    }

    @Test func hostThatNeverGreetsIsGivenUp() throws {
        let end = try TestLink(isDialler: true)
        end.start()
        end.loop.advanceTime(by: .seconds(6))
        let error = #expect(throws: LinkError.self) { try end.opened.futureResult.wait() }
        #expect(error?.code == .unreachable)
    }
}
