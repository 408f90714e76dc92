import CFilter
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

    private var failure: (any Error)?

    init(link way: Link) throws(SystemFailure) {
        var step: UnsafePointer<CChar>?
        guard cfilter_prepare(&step) == 0 else {
            throw SystemFailure(step: step.map { String(cString: $0) } ?? "prepare filter", errno: errno)
        }
        signals = try checked("signalfd") { cguest_child_signals() }
        try checked("bring up loopback") { cguest_loopback_up() }
        // All that takes long, once for all copies of this machine. Nothing on the way of a guest speaks IPv6.
        try? writeText("1", to: "/proc/sys/net/ipv6/conf/eth0/disable_ipv6")
        try checked("bring up the network interface") { cguest_interface_up() }
        poller = try Poller()
        link = HostLink()
        group = try FunctionGroup()
        tree = try FunctionTree()
        processes = try Processes(group: group)
        streams = Streams(poller: poller, link: link, group: group)
        switch way {
        case .port(let port): try attach(port, isConnection: false)
        case .listener(let listener):
            try poller.watch(listener, for: .readable) { [unowned self] _ in accept(listener) }
        }
    }

    /// Runs until the machine ends.
    func run() throws -> Never {
        try poller.watch(signals, for: .readable) { [unowned self] _ in childrenEnded() }
        while true {
            poller.wait()
            let wasCongested = link.isCongested
            try link.flush()
            if link.hasEnded { detach() }
            if let failure { throw failure }
            poller.setInterest(link.hasOutgoing ? [.readable, .writable] : .readable, in: link.descriptor)
            if wasCongested != link.isCongested || wasCongested { streams.linkChanged() }
        }
    }

    // MARK: The host

    private func attach(_ descriptor: CInt, isConnection: Bool) throws(SystemFailure) {
        link.attach(descriptor, isConnection: isConnection)
        try poller.watch(descriptor, for: .readable) { [unowned self] readiness in
            do {
                try linkReady(readiness)
            } catch {
                failure = error
            }
        }
    }

    /// A host that connects anew has lost its connection, whether we have heard of that or not.
    private func accept(_ listener: CInt) {
        let connection = cguest_accept_host(listener)
        guard connection >= 0 else { return }
        if link.descriptor >= 0 { detach() }
        do throws(SystemFailure) {
            try attach(connection, isConnection: true)
        } catch {
            failure = error
        }
    }

    private func detach() {
        poller.unwatch(link.descriptor)
        link.detach()
        decoder = HostMessageDecoder()
    }

    private func linkReady(_ readiness: Poller.Readiness) throws {
        if let bytes = try link.receive() {
            decoder.append(bytes)
            while let message = try decoder.next() { try handle(message) }
        } else if !link.hasEnded, readiness.contains(.closed) {
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
        case .unmount(let target):
            try tree.unmount(target)
        case .limit(let memoryBytes, let processes):
            try group.limit(memoryBytes: memoryBytes, processes: processes)
        case .listen(let port):
            try streams.listen(port: port)
        case .start(let process):
            try start(process, number)
            return
        case .adjustClock(let nanoseconds):
            try adjustClock(by: nanoseconds)
        case .connect(let addresses):
            try checked("use the network interface") { cguest_connect(addresses.own, addresses.gateway) }
        case .killAll:
            clearing = number
            try group.kill()
            childrenEnded()
            return
        }
        done(number)
    }

    private func start(_ process: GuestProcess, _ number: RequestNumber) throws(SystemFailure) {
        do throws(ProtocolViolation) {
            let pipes: Processes.Pipes
            do throws(SystemFailure) {
                pipes = try processes.start(process, as: number)
            } catch {
                // The host may have sent something to it already, or given up what it would have printed.
                try streams.skip(process.output)
                if let channel = process.channel { try streams.skip(channel) }
                return link.send(.failed(number, error.report))
            }
            done(number)
            try streams.carry(pipes.output, .output, as: process.output)
            if let channel = process.channel, let descriptor = pipes.channel {
                try streams.carry(descriptor, .channel, as: channel)
            }
        } catch {
            throw SystemFailure(step: error.description, errno: EPROTO)
        }
    }

    private func done(_ number: RequestNumber) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        link.send(.done(number, clock: UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)))
    }

    private func adjustClock(by nanoseconds: Int64) throws(SystemFailure) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let (sum, overflows) = (now.tv_sec * 1_000_000_000 + now.tv_nsec).addingReportingOverflow(Int(nanoseconds))
        guard !overflows, sum >= 0 else { throw SystemFailure(step: "adjust clock", errno: EINVAL) }
        var time = timespec(tv_sec: sum / 1_000_000_000, tv_nsec: sum % 1_000_000_000)
        try checked("adjust clock") { clock_settime(CLOCK_REALTIME, &time) }
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
        // Before the reaping: a process that ends in between would be reported after the answer.
        let isCleared = clearing != nil && group.isEmpty()
        for (number, exit) in processes.reap() {
            if let memory = group.takeChange() { link.send(.memory(memory)) }
            link.send(.exited(number, exit))
        }
        if isCleared, let number = clearing, processes.isEmpty {
            clearing = nil
            done(number)
        }
    }
}
