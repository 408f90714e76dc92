/// The conversation with one QEMU, apart from its socket: which command waits for its answer, and what its lines mean.
/// Commands go out one at a time, so the bytes of one that has a descriptor beside it are never mixed with another's.
struct QMPSession<Token> {
    private enum State {
        /// Nothing was heard yet. -> negotiating, closed.
        case silent
        /// The first command is under way. -> open, closed.
        case negotiating
        /// -> closed.
        case open
        case closed
    }

    private struct Waiting {
        let command: QMPCommand
        let token: Token
    }

    /// The longest line that is taken in. QEMU's own are a few hundred bytes; one that was taken over sends what it likes.
    static var lineBytesMax: Int { 64 << 10 }
    /// The most commands that wait for their turn.
    static var commandsMax: Int { 64 }

    private var state = State.silent
    private var received: [UInt8] = []
    private var waiting: [Waiting] = []
    private var current: (id: UInt64, token: Token)?
    private var nextID: UInt64 = 1

    /// What is to be done, in this order.
    enum Action {
        case send(line: String, descriptor: CInt?)
        /// QEMU takes commands.
        case opened
        /// A command has been done (`nil`), or has failed, for this reason.
        case answered(Token, failure: String?)
        /// The state is being written or read: how that goes.
        case migrationChanged(status: String)
    }

    mutating func command(_ command: QMPCommand, _ token: Token) -> [Action] {
        guard waiting.count < Self.commandsMax else { return [.answered(token, failure: "too many commands wait")] }
        guard state != .closed else { return [.answered(token, failure: "the process has ended")] }
        waiting.append(Waiting(command: command, token: token))
        return next().map { [$0] } ?? []
    }

    /// - Throws: When what came is not QEMU's protocol. The session is to be closed then.
    mutating func bytesReceived(_ bytes: some Collection<UInt8>) throws(VirtualMachineError) -> [Action] {
        guard state != .closed else { return [] }
        received.append(contentsOf: bytes)
        var actions: [Action] = []
        var start = 0
        while let end = received[start...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = received[start..<end]
            start = end + 1
            if line.count > 1 { actions += try lineReceived(try QMPMessage(line: line)) }
        }
        received.removeSubrange(..<start)
        guard received.count <= Self.lineBytesMax else {
            throw VirtualMachineError(.refused, "QEMU sent a line of more than \(Self.lineBytesMax) bytes")
        }
        return actions
    }

    /// There will be no more. Returns the commands that have no answer.
    mutating func close() -> [Token] {
        state = .closed
        defer {
            current = nil
            waiting = []
            received = []
        }
        return (current.map { [$0.token] } ?? []) + waiting.map(\.token)
    }

    private mutating func lineReceived(_ message: QMPMessage) throws(VirtualMachineError) -> [Action] {
        if message.event != nil {
            guard message.event == "MIGRATION", let status = message.data?.status else { return [] }
            return [.migrationChanged(status: status)]
        }
        switch state {
        case .silent:
            guard message.QMP != nil else { throw VirtualMachineError(.refused, "QEMU did not greet") }
            state = .negotiating
            return [.send(line: QMPCommand.negotiate.line(id: 0), descriptor: nil)]
        case .negotiating:
            guard message.id == 0, message.error == nil else {
                throw VirtualMachineError(.refused, "QEMU refused to take commands")
            }
            state = .open
            return [.opened] + (next().map { [$0] } ?? [])
        case .open:
            guard let answered = current, message.id == answered.id else {
                throw VirtualMachineError(.refused, "QEMU answered what was not asked")
            }
            current = nil
            return [.answered(answered.token, failure: message.error?.desc)] + (next().map { [$0] } ?? [])
        case .closed:
            return []
        }
    }

    private mutating func next() -> Action? {
        guard state == .open, current == nil, !waiting.isEmpty else { return nil }
        let following = waiting.removeFirst()
        current = (nextID, following.token)
        defer { nextID += 1 }
        return .send(line: following.command.line(id: nextID), descriptor: following.command.descriptor)
    }
}
