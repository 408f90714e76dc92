/// A host's view of its guest: what it has asked, which processes run, which streams live. It knows what the agent may say
/// next, and anything else is a violation. No IO; the caller sends what it is told to and acts on events.
package struct GuestSession: Codable {
    private enum State: Codable {
        /// -> open, ended.
        case greeting
        /// -> ended.
        case open
        case ended
    }

    private enum Question: Codable {
        case plain
        case start(output: StreamNumber, channel: StreamNumber?)

        var isStart: Bool {
            if case .start = self { true } else { false }
        }
    }

    private var state = State.greeting
    private var questions: [RequestNumber: Question] = [:]
    private var running: Set<RequestNumber> = []
    private var nextRequest: UInt64 = 1
    private var memory = GuestMemory(peakBytes: 0, kills: 0)

    /// The streams; the caller says here what it does with them.
    package var streams = StreamTable(end: .host)

    package init() {}

    /// What to send first.
    package static var greeting: HostMessage { .hello(version: GuestLink.version) }

    /// What the guest's clock showed when it answered last, in nanoseconds since 1970.
    package private(set) var clock: UInt64 = 0

    /// What the agent has said last about memory.
    package var memoryUsed: GuestMemory { memory }

    package var isOpen: Bool {
        if case .open = state { true } else { false }
    }

    /// Whether it is open, and every question has been answered.
    package var isQuiet: Bool { isOpen && questions.isEmpty }

    // MARK: The host

    /// Asks for something but a start. `nil` when the guest has not said hello, or the session has ended, or what is asked
    /// does not fit a frame.
    package mutating func ask(_ request: GuestRequest) -> HostMessage? {
        guard case .open = state, request.bodyBytes <= GuestLink.bodyBytesMax else { return nil }
        if case .start = request { preconditionFailure("a start is asked for with its streams") }
        let number = takeNumber()
        questions[number] = .plain
        return .request(number, request)
    }

    /// A start to be sent, and the streams that were opened for it.
    package struct Start: Hashable {
        package let number: RequestNumber
        package let output: StreamNumber
        package let channel: StreamNumber?
        package let message: HostMessage
    }

    /// Asks for a process, with a stream for its output and, if it has a channel, one for that.
    ///
    /// - Parameter describe: Makes the process of the streams' numbers.
    /// - Returns: `nil` as for ``ask(_:)``, and when there are too many streams or processes.
    package mutating func start(
        hasChannel: Bool,
        _ describe: (_ output: StreamNumber, _ channel: StreamNumber?) -> GuestProcess
    ) -> Start? {
        let starting = questions.values.count { $0.isStart }
        guard case .open = state, running.count + starting < GuestLink.processesMax,
            streams.count + (hasChannel ? 2 : 1) <= GuestLink.streamsMax,
            let output = streams.open(.receiving)
        else { return nil }
        let channel = hasChannel ? streams.open(.both) : nil
        let request = GuestRequest.start(describe(output, channel))
        guard request.bodyBytes <= GuestLink.bodyBytesMax else {
            _ = streams.gaveUp(output)
            if let channel { _ = streams.gaveUp(channel) }
            return nil
        }
        let number = takeNumber()
        questions[number] = .start(output: output, channel: channel)
        return Start(number: number, output: output, channel: channel, message: .request(number, request))
    }

    /// The link is gone, or is given up. Returns what will have no answer, and whose end will not be seen.
    package mutating func end() -> (questions: [RequestNumber], running: [RequestNumber]) {
        state = .ended
        defer {
            questions = [:]
            running = []
        }
        return (Array(questions.keys), Array(running))
    }

    // MARK: The guest

    /// What a message of the guest's means.
    package enum Event: Hashable, Sendable {
        /// The agent speaks this host's protocol and waits for requests.
        case greeted
        /// A request is done, or failed.
        case answered(RequestNumber, GuestFailure?)
        case exited(RequestNumber, GuestExit)
        case memory(GuestMemory)
        case stream(StreamNumber, StreamTable.ReceivedAction)
        /// The session has ended; what comes late means nothing.
        case none
    }

    /// - Throws: What the guest did that it must not. Then ``end()`` is to be called, and the guest to be destroyed.
    package mutating func received(_ message: GuestMessage) throws(ProtocolViolation) -> Event {
        switch state {
        case .ended:
            return .none
        case .greeting:
            guard case .hello(let version) = message else { throw ProtocolViolation("no hello at first") }
            guard version == GuestLink.version else {
                throw ProtocolViolation("version \(version) of the protocol instead of \(GuestLink.version)")
            }
            state = .open
            return .greeted
        case .open:
            return try receivedInOpen(message)
        }
    }

    private mutating func receivedInOpen(_ message: GuestMessage) throws(ProtocolViolation) -> Event {
        switch message {
        case .hello:
            throw ProtocolViolation("a second hello")
        case .done(let number, let clock):
            self.clock = clock
            if try takeQuestion(number).isStart { running.insert(number) }
            return .answered(number, nil)
        case .failed(let number, let failure):
            if case .start(let output, let channel) = try takeQuestion(number) {
                // Nobody has them at the other end.
                _ = streams.gaveUp(output)
                if let channel { _ = streams.gaveUp(channel) }
            }
            return .answered(number, failure)
        case .exited(let number, let exit):
            guard running.remove(number) != nil else {
                throw ProtocolViolation("the end of process \(number.rawValue), which does not run")
            }
            return .exited(number, exit)
        case .memory(let reported):
            // A count that goes down is made up.
            guard reported.peakBytes >= memory.peakBytes, reported.kills >= memory.kills else {
                throw ProtocolViolation("less memory used than before")
            }
            memory = reported
            return .memory(reported)
        case .stream(let number, let message):
            return .stream(number, try streams.received(message, on: number))
        }
    }

    private mutating func takeQuestion(_ number: RequestNumber) throws(ProtocolViolation) -> Question {
        guard let question = questions.removeValue(forKey: number) else {
            throw ProtocolViolation("an answer to request \(number.rawValue), which was not made")
        }
        return question
    }

    private mutating func takeNumber() -> RequestNumber {
        defer { nextRequest += 1 }
        return RequestNumber(rawValue: nextRequest)
    }
}
