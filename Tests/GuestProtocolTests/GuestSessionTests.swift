import GuestProtocol
import TestSupport
import Testing

@Suite struct GuestSessionTests {
    private static func greeted() throws -> GuestSession {
        var session = GuestSession()
        #expect(try session.received(.hello(version: GuestLink.version)) == .greeted)
        return session
    }

    private static func start(_ session: inout GuestSession, hasChannel: Bool = false) -> GuestSession.Start? {
        session.start(hasChannel: hasChannel) { output, channel in
            GuestProcess(
                executable: "/bin/true",
                arguments: ["true"],
                environment: [],
                workingDirectory: "/",
                output: output,
                channel: channel
            )
        }
    }

    private static func started(_ session: inout GuestSession, hasChannel: Bool = false) throws -> GuestSession.Start {
        let start = start(&session, hasChannel: hasChannel)
        return try #require(start)
    }

    @Test func nothingIsAskedBeforeTheGreeting() throws {
        var session = GuestSession()
        #expect(session.ask(.killAll) == nil)
        #expect(!session.isOpen)
        session = try Self.greeted()
        #expect(session.isOpen)
        #expect(session.ask(.killAll) != nil)
    }

    @Test(arguments: [.hello(version: GuestLink.version + 1), .done(RequestNumber(rawValue: 1))] as [GuestMessage])
    func anotherGreetingIsRefused(message: GuestMessage) {
        var session = GuestSession()
        #expect(throws: ProtocolViolation.self) { try session.received(message) }
    }

    @Test func aRequestIsAnsweredOnce() throws {
        var session = try Self.greeted()
        guard case .request(let number, _)? = session.ask(.listen(port: 9001)) else {
            Issue.record("no request")
            return
        }
        let failure = GuestFailure(errno: 98, step: "bind")
        #expect(try session.received(.failed(number, failure)) == .answered(number, failure))
        #expect(throws: ProtocolViolation.self) { try session.received(.done(number)) }
    }

    @Test func aProcessEndsOnceAndOnlyAfterItsStart() throws {
        var session = try Self.greeted()
        let start = try Self.started(&session)
        #expect(throws: ProtocolViolation.self) { try session.received(.exited(start.number, .exited(0))) }
        #expect(try session.received(.done(start.number)) == .answered(start.number, nil))
        #expect(try session.received(.exited(start.number, .exited(3))) == .exited(start.number, .exited(3)))
        #expect(throws: ProtocolViolation.self) { try session.received(.exited(start.number, .exited(3))) }
    }

    @Test func aProcessHasAStreamOfOutputAndAChannel() throws {
        var session = try Self.greeted()
        let start = try Self.started(&session, hasChannel: true)
        let channel = try #require(start.channel)
        #expect(session.streams.sendable(start.output) == 0)
        #expect(session.streams.sendable(channel) > 0)
        #expect(try session.received(.stream(start.output, .data([1]))) == .stream(start.output, .deliver([1])))
        #expect(try session.received(.stream(channel, .data([1]))) == .stream(channel, .deliver([1])))
    }

    @Test func aProcessThatCannotBeStartedHasNoStreams() throws {
        var session = try Self.greeted()
        var guest = StreamTable(end: .guest)
        let start = try Self.started(&session, hasChannel: true)
        let channel = try #require(start.channel)
        for stream in [start.output, channel] { try guest.skip(stream) }
        let failure = GuestFailure(errno: 2, step: "execve")
        #expect(try session.received(.failed(start.number, failure)) == .answered(start.number, failure))
        #expect(session.streams.count == 0 && guest.count == 0)
        // What was under way on both sides.
        #expect(try guest.received(.data([1]), on: channel) == .none)
        #expect(try guest.received(.reset, on: start.output) == .none)
        #expect(try session.received(.stream(channel, .reset)) == .stream(channel, .none))
    }

    @Test func whatDoesNotFitAFrameIsNotAsked() throws {
        var session = try Self.greeted()
        let start = session.start(hasChannel: true) { output, channel in
            GuestProcess(
                executable: "/bin/true",
                arguments: [String(repeating: "a", count: GuestLink.bodyBytesMax)],
                environment: [],
                workingDirectory: "/",
                output: output,
                channel: channel
            )
        }
        #expect(start == nil)
        #expect(session.streams.count == 0)
    }

    @Test func thereIsALimitToProcesses() throws {
        var session = try Self.greeted()
        for _ in 0..<GuestLink.processesMax { _ = try Self.started(&session) }
        let further = Self.start(&session)
        #expect(further == nil)
    }

    @Test func memoryOnlyGrows() throws {
        var session = try Self.greeted()
        let used = GuestMemory(peakBytes: 1 << 20, kills: 1)
        #expect(try session.received(.memory(used)) == .memory(used))
        #expect(throws: ProtocolViolation.self) { try session.received(.memory(GuestMemory(peakBytes: 0, kills: 1))) }
        #expect(session.memoryUsed == used)
    }

    @Test func anEndedSessionSaysWhatIsLeftOpenAndHearsNothing() throws {
        var session = try Self.greeted()
        let first = try Self.started(&session)
        _ = try session.received(.done(first.number))
        let second = try Self.started(&session)
        let left = session.end()
        #expect(left.running == [first.number])
        #expect(left.questions == [second.number])
        #expect(try session.received(.exited(first.number, .exited(0))) == .none)
        #expect(session.ask(.killAll) == nil)
        #expect(session.end().running.isEmpty)
    }

    /// A guest that says anything it likes: the session answers each message with an event or a violation, and what it holds
    /// stays within its bounds.
    @Test(arguments: UInt64(1)...30)
    func aGuestThatSaysAnythingIsBounded(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var session = try Self.greeted()
        var violations = 0
        for _ in 0..<2000 {
            if Int.random(in: 0..<8, using: &random) == 0 { _ = session.ask(.killAll) }
            if Int.random(in: 0..<8, using: &random) == 0 { _ = Self.start(&session) }
            do {
                _ = try session.received(Self.anything(&random))
            } catch {
                violations += 1
            }
            #expect(session.streams.count <= GuestLink.streamsMax, "seed \(seed)")
        }
        #expect(violations > 0, "seed \(seed)")
    }

    private static func anything(_ random: inout SeededGenerator) -> GuestMessage {
        let number = RequestNumber(rawValue: UInt64.random(in: 0...40, using: &random))
        let stream = StreamNumber(rawValue: UInt64.random(in: 0...300, using: &random))
        switch Int.random(in: 0..<9, using: &random) {
        case 0: return .done(number)
        case 1: return .failed(number, GuestFailure(errno: 1, step: ""))
        case 2: return .exited(number, .exited(0))
        case 3: return .memory(GuestMemory(peakBytes: .random(in: 0...9, using: &random), kills: 0))
        case 4: return .stream(stream, .data(ArraySlice(repeating: 0, count: .random(in: 1...32768, using: &random))))
        case 5: return .stream(stream, .end)
        case 6: return .stream(stream, .reset)
        case 7: return .stream(stream, .credit(.random(in: 0...70000, using: &random)))
        default: return .stream(stream, .open(port: 1))
        }
    }
}
