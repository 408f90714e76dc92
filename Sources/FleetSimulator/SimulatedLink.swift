/// One end of a connection: what it sends arrives in order, later, or never.
final class SimulatedLink {
    /// Who talks over it.
    let user: any SimulatedLinkUser
    let process: SimulatedProcess
    let remote: SimulatedProcess
    /// The other end.
    private(set) weak var other: SimulatedLink?
    private let network: SimulatedNetwork
    private let life: Int
    private(set) var isOpen = true
    private var hasOpened = false
    private var heardAt: Int
    private var lastArrival = 0
    private var calls: [Int: (FleetMessage?) -> Void] = [:]
    private var nextCall = 0

    /// Told the link when it opens, or nil when it ends before.
    var dialled: ((SimulatedLink?) -> Void)?

    static let silenceMax = 6 * Span.second

    init(
        of process: SimulatedProcess,
        to remote: SimulatedProcess,
        _ network: SimulatedNetwork,
        user: any SimulatedLinkUser
    ) {
        self.process = process
        self.remote = remote
        self.network = network
        self.user = user
        life = process.life
        heardAt = process.clock()
        armWatch()
    }

    func join(_ other: SimulatedLink) { self.other = other }

    private func armWatch() {
        process.later(Self.silenceMax / 3) { [weak self] in self?.watchOver() }
    }

    private func watchOver() {
        guard isOpen else { return }
        let silence = process.clock() - heardAt
        if silence >= Self.silenceMax {
            close()
        } else {
            if silence >= Self.silenceMax / 3 { send(.ping) }
            armWatch()
        }
    }

    /// Both sides know of the connection.
    func open() {
        guard isOpen, !hasOpened else { return }
        hasOpened = true
        user.linkOpened(self)
        dialled?(self)
        dialled = nil
    }

    func send(_ message: FleetMessage) {
        guard isOpen else { return }
        pass(message)
    }

    /// Begins a call; `answer` is called with each message that belongs to it, and with nil if the link ends before.
    ///
    /// - Returns: Nil if the link has ended.
    func begin(_ answer: @escaping (FleetMessage?) -> Void, _ message: (Int) -> FleetMessage) -> Int? {
        guard isOpen else { return nil }
        nextCall += 1
        calls[nextCall] = answer
        send(message(nextCall))
        return nextCall
    }

    func end(_ call: Int) { calls[call] = nil }

    private func pass(_ message: FleetMessage) {
        guard let other else { return }
        network.carry(from: process, to: remote, notBefore: &lastArrival) { [weak other] in
            guard let other else { return }
            other.process.deliver(to: other.life) { other.receive(message) }
        }
    }

    private func receive(_ message: FleetMessage) {
        guard isOpen else { return }
        heardAt = process.clock()
        switch message {
        case .greeting: open()
        case .ping: send(.pong)
        case .pong: break
        case .closed: end()
        default:
            if let call = message.answeredCall {
                calls[call]?(message)
            } else {
                user.received(message, over: self)
            }
        }
    }

    /// Ends the connection; the other side hears of it if it can.
    func close() {
        guard isOpen else { return }
        pass(.closed)
        end()
    }

    /// The process is gone, and its host says so to whoever asks.
    func processDied() {
        guard isOpen else { return }
        isOpen = false
        pass(.closed)
    }

    private func end() {
        guard isOpen else { return }
        isOpen = false
        network.ended(self)
        let calls = calls
        self.calls = [:]
        for call in calls.keys.sorted() { calls[call]?(nil) }
        if hasOpened { user.linkEnded(self) }
        dialled?(nil)
        dialled = nil
    }
}

/// Whoever talks over links.
protocol SimulatedLinkUser: AnyObject {
    func linkOpened(_ link: SimulatedLink)
    func linkEnded(_ link: SimulatedLink)
    func received(_ message: FleetMessage, over link: SimulatedLink)
}
