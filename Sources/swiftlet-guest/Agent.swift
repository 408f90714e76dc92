import CGuest
import Glibc
import GuestProtocol

/// Does what the host says, one message after the other, on one thread.
final class Agent {
    private let poller: Poller
    private let link: HostLink
    private let group: FunctionGroup
    private let tree: FunctionTree
    private let processes: Processes
    private let streams: Streams
    private let signals: CInt
    private var decoder = HostMessageDecoder()
    /// Whether the host has said hello.
    private var isGreeted = false
    /// The request to kill all processes that the last of them will answer.
    private var clearing: RequestNumber?

    init(link descriptor: CInt) throws(SystemFailure) {
        signals = try checked("signalfd") { cguest_child_signals() }
        try checked("bring up loopback") { cguest_loopback_up() }
        // All that takes long, once for all copies of this machine. Nothing on the way of a guest speaks IPv6.
        try? writeText("1", to: "/proc/sys/net/ipv6/conf/eth0/disable_ipv6")
        try checked("bring up the network interface") { cguest_interface_up() }
        poller = try Poller()
        link = HostLink(descriptor)
        group = try FunctionGroup()
        tree = try FunctionTree()
        processes = try Processes(group: group)
        streams = Streams(poller: poller, link: link, group: group)
    }

    /// Runs until the machine ends.
    func run() throws -> Never {
        var failure: (any Error)?
        try poller.watch(signals, for: .readable) { [unowned self] _ in childrenEnded() }
        try poller.watch(link.descriptor, for: .readable) { [unowned self] readiness in
            do {
                try linkReady(readiness)
            } catch {
                failure = error
            }
        }
        while true {
            poller.wait()
            let wasCongested = link.isCongested
            try link.flush()
            if let failure { throw failure }
            poller.setInterest(link.hasOutgoing ? [.readable, .writable] : .readable, in: link.descriptor)
            if wasCongested != link.isCongested || wasCongested { streams.linkChanged() }
        }
    }

    // MARK: The host

    private func linkReady(_ readiness: Poller.Readiness) throws {
        if let bytes = try link.receive() {
            decoder.append(bytes)
            while let message = try decoder.next() { try handle(message) }
        } else if readiness.contains(.closed) {
            // Nobody holds the other end: a snapshot is being taken, or the host is gone and will end the machine.
            usleep(10_000)
        }
    }

    private func handle(_ message: HostMessage) throws(ProtocolViolation) {
        switch message {
        case .hello:
            // A host that learned another version since tells by our answer, and ends the machine.
            isGreeted = true
            link.send(.hello(version: GuestLink.version))
        case _ where !isGreeted:
            throw ProtocolViolation("no hello at first")
        case .request(let number, let request):
            do throws(SystemFailure) {
                try perform(request, number)
            } catch {
                link.send(.failed(number, error.report))
            }
        case .signal(let process, let number):
            processes.signal(process, number)
        case .stream(let number, let message):
            try streams.received(message, on: number)
        case .shutDown:
            cguest_power_off()
        }
    }

    private func perform(_ request: GuestRequest, _ number: RequestNumber) throws(SystemFailure) {
        switch request {
        case .identify(let identity):
            try become(identity)
        case .mount(let mount):
            try tree.mount(mount)
        case .limit(let memoryBytes, let processes):
            try group.limit(memoryBytes: memoryBytes, processes: processes)
        case .listen(let port):
            try streams.listen(port: port)
        case .start(let process):
            let pipes = try processes.start(process, as: number)
            link.send(.done(number))
            do throws(ProtocolViolation) {
                try streams.carry(pipes.output, .output, as: process.output)
                if let channel = process.channel, let descriptor = pipes.channel {
                    try streams.carry(descriptor, .channel, as: channel)
                }
            } catch {
                throw SystemFailure(step: error.description, errno: EPROTO)
            }
            return
        case .connect(let addresses):
            try checked("use the network interface") { cguest_connect(addresses.own, addresses.gateway) }
        case .killAll:
            clearing = number
            try group.kill()
            childrenEnded()
            return
        }
        link.send(.done(number))
    }

    /// See ``GuestIdentity``.
    private func become(_ identity: GuestIdentity) throws(SystemFailure) {
        try checked("add entropy") { cguest_add_entropy(identity.entropy, identity.entropy.count) }
        let nanoseconds = identity.unixNanoseconds
        var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        try checked("set clock") { clock_settime(CLOCK_REALTIME, &time) }
        try checked("set host name") { sethostname(identity.hostName, identity.hostName.utf8.count) }
    }

    // MARK: The function's processes

    private func childrenEnded() {
        _ = cguest_take_signals(signals)
        for (number, exit) in processes.reap() {
            if let memory = group.takeChange() { link.send(.memory(memory)) }
            link.send(.exited(number, exit))
        }
        // A process leaves its group a moment before it can be reaped, and its end is told before that of all.
        if let number = clearing, group.isEmpty(), processes.isEmpty {
            clearing = nil
            link.send(.done(number))
        }
    }
}
