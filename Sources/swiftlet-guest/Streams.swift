import CGuest
import Glibc
import GuestProtocol

/// The streams of a guest: what the function's processes print, are told, and say to the Runtime API.
final class Streams {
    private let poller: Poller
    private let link: HostLink
    private let group: FunctionGroup
    private var table = StreamTable(end: .guest)
    private var relays: [StreamNumber: Relay] = [:]

    init(poller: Poller, link: HostLink, group: FunctionGroup) {
        self.poller = poller
        self.link = link
        self.group = group
    }

    // MARK: Beginnings

    /// Takes connections to this port of the loopback interface from here on.
    func listen(port: UInt16) throws(SystemFailure) {
        let listener = try makeSocket()
        var one: CInt = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<CInt>.size))
        do {
            try checked("bind") { withLoopback(port) { bind(listener, $0, $1) } }
            try checked("listen") { Glibc.listen(listener, 128) }
            try poller.watch(listener, for: .readable) { [unowned self] _ in accept(listener, port: port) }
        } catch {
            close(listener)
            throw error
        }
    }

    private func accept(_ listener: CInt, port: UInt16) {
        let connection = cguest_accept(listener)
        guard connection >= 0 else { return }
        let relay = Relay(connection, .accepted)
        guard let number = table.open() else {
            relay.reset()
            close(connection)
            return
        }
        link.send(.stream(number, .open(port: port)))
        begin(number, relay)
    }

    /// A stream of a process that could not be started.
    func skip(_ number: StreamNumber) throws(ProtocolViolation) {
        try table.skip(number)
    }

    /// Carries what a process prints, or is told. Owns the descriptor.
    func carry(_ descriptor: CInt, _ kind: Relay.Kind, as number: StreamNumber) throws(ProtocolViolation) {
        guard try table.adopt(number, kind == .output ? .sending : .both) else {
            close(descriptor)
            link.send(.stream(number, .reset))
            return
        }
        begin(number, Relay(descriptor, kind))
    }

    private func connect(_ number: StreamNumber, port: UInt16) {
        do throws(SystemFailure) {
            let connection = try makeSocket()
            guard withLoopback(port, { Glibc.connect(connection, $0, $1) }) == 0 || errno == EINPROGRESS else {
                close(connection)
                return giveUp(number)
            }
            begin(number, Relay(connection, .made))
        } catch {
            giveUp(number)
        }
    }

    private func begin(_ number: StreamNumber, _ relay: Relay) {
        relays[number] = relay
        do throws(SystemFailure) {
            try poller.watch(relay.descriptor, for: []) { [unowned self] in ready(number, $0) }
            updateInterest(number)
        } catch {
            giveUp(number)
        }
    }

    // MARK: The host

    func received(_ message: StreamMessage, on number: StreamNumber) throws(ProtocolViolation) {
        switch try table.received(message, on: number) {
        case .connect(let port):
            connect(number, port: port)
        case .refuse:
            link.send(.stream(number, .reset))
        case .deliver(let bytes):
            relays[number]?.append(bytes)
            flush(number)
        case .deliverEnd:
            relays[number]?.hasPeerEnded = true
            flush(number)
        case .deliverReset:
            remove(number, failed: true)
        case .resume:
            updateInterest(number)
        case .none:
            break
        }
    }

    /// The link has room again, or none.
    func linkChanged() {
        for number in relays.keys { updateInterest(number) }
    }

    // MARK: The function's side

    private func ready(_ number: StreamNumber, _ readiness: Poller.Readiness) {
        guard let relay = relays[number] else { return }
        if relay.isConnecting { return finishConnecting(number, relay) }
        if !readiness.isDisjoint(with: [.writable, .closed]) { flush(number) }
        if !readiness.isDisjoint(with: [.readable, .closed]) { read(number) }
    }

    private func finishConnecting(_ number: StreamNumber, _ relay: Relay) {
        var error: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        getsockopt(relay.descriptor, SOL_SOCKET, SO_ERROR, &error, &size)
        guard error == 0 else { return giveUp(number) }
        relay.isConnecting = false
        flush(number)
    }

    private func read(_ number: StreamNumber) {
        guard let relay = relays[number], relay.isReading else { return }
        let room = table.sendable(number)
        guard room > 0, !link.isCongested else { return updateInterest(number) }
        switch relay.read(upTo: room) {
        case .bytes(let bytes):
            // The host is to know before it sees an answer what the answer has taken.
            if relay.kind == .accepted, let memory = group.takeChange() { link.send(.memory(memory)) }
            table.sent(bytes.count, on: number)
            link.send(.stream(number, .data(bytes[...])))
            updateInterest(number)
        case .end:
            relay.isReading = false
            if table.ended(number) { link.send(.stream(number, .end)) }
            closeIfDone(number)
        case .nothing:
            break
        case .failure:
            giveUp(number)
        }
    }

    private func flush(_ number: StreamNumber) {
        guard let relay = relays[number] else { return }
        guard let count = relay.flush() else { return giveUp(number) }
        if count > 0, let credit = table.passedOn(count, of: number) { link.send(.stream(number, .credit(credit))) }
        if relay.hasPeerEnded, relay.pending.isEmpty, relay.isSocket { shutdown(relay.descriptor, CInt(SHUT_WR)) }
        closeIfDone(number)
    }

    // MARK: Ends

    private func closeIfDone(_ number: StreamNumber) {
        guard let relay = relays[number] else { return }
        let hasWritten = relay.kind == .output || (relay.hasPeerEnded && relay.pending.isEmpty)
        if hasWritten && !relay.isReading {
            remove(number, failed: false)
        } else {
            updateInterest(number)
        }
    }

    private func giveUp(_ number: StreamNumber) {
        if table.gaveUp(number) { link.send(.stream(number, .reset)) }
        remove(number, failed: true)
    }

    private func remove(_ number: StreamNumber, failed: Bool) {
        guard let relay = relays.removeValue(forKey: number) else { return }
        if failed { relay.reset() }
        poller.unwatch(relay.descriptor)
        close(relay.descriptor)
    }

    private func updateInterest(_ number: StreamNumber) {
        guard let relay = relays[number] else { return }
        var interest: Poller.Readiness = []
        if relay.isReading, !relay.isConnecting, table.sendable(number) > 0, !link.isCongested {
            interest.insert(.readable)
        }
        if relay.isConnecting || !relay.pending.isEmpty { interest.insert(.writable) }
        poller.setInterest(interest, in: relay.descriptor)
    }
}

private func makeSocket() throws(SystemFailure) -> CInt {
    try checked("socket") {
        socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    }
}

private func withLoopback(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}
