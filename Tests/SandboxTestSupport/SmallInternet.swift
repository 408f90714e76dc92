import CSandbox
import Foundation
import Synchronization

/// A world outside of the network that this process is in, for tests of what sandboxes reach. Nothing leaves this machine, but the
/// network that the process is in is changed: it must be its own (`scripts/in-own-network`).
///
///     198.51.100.1  host ── world  198.51.100.2, 10.77.0.1, 169.254.169.254
///
/// In the world and on the host, everything listens that a function may try to reach, so that what is refused is refused and not
/// just missing.
package final class SmallInternet: Sendable {
    package static let host = "198.51.100.1"
    /// A public address; the range is one that the IANA keeps for documentation.
    package static let world = "198.51.100.2"
    package static let privateAddress = "10.77.0.1"
    package static let metadata = "169.254.169.254"
    /// What the world's resolver knows, and the only thing it knows.
    package static let name = "world.example"
    /// Answers a connection with the address that it comes from, and a line's end.
    package static let greetingPort: UInt16 = 80
    /// Answers a connection with ``bulkBytes`` bytes.
    package static let bulkPort: UInt16 = 81
    package static let bulkBytes = 1 << 20
    /// Answers a datagram with itself.
    package static let echoPort: UInt16 = 7
    /// Takes datagrams in; see ``datagrams``.
    package static let sinkPort: UInt16 = 9

    /// What the world's sink has got: each datagram's text and where it came from, `text from address`.
    package let datagrams: AsyncStream<String>

    private static let interface = "world"

    private let network: CInt
    private let control: CInt
    private let ends: (reading: CInt, writing: CInt)
    private let finished = DispatchSemaphore(value: 0)

    package init() throws {
        var network: CInt = -1
        var control: CInt = -1
        try check("make a network") { sb_network_make(&network, &control) }
        self.network = network
        self.control = control
        var pipe: [CInt] = [-1, -1]
        try check("pipe") { Glibc.pipe(&pipe) }
        ends = (pipe[0], pipe[1])
        let (datagrams, continuation) = AsyncStream.makeStream(of: String.self)
        self.datagrams = datagrams
        try Self.connect(network, control)
        // Of this network, and then, on a thread that goes there, of the other.
        let own = try Self.sockets(of: .host)
        let theirs = Mutex<Result<[ServedSocket], any Error>?>(nil)
        let begun = DispatchSemaphore(value: 0)
        let (end, there, finished) = (pipe[0], network, self.finished)
        Thread.detachNewThread {
            let made = Result { () throws -> [ServedSocket] in
                try check("enter a network") { enter(there) }
                return try Self.sockets(of: .world)
            }
            theirs.withLock { $0 = made }
            begun.signal()
            if case .success(let sockets) = made { ServedSocket.serve(own + sockets, until: end, continuation) }
            finished.signal()
        }
        begun.wait()
        _ = try theirs.withLock { $0 }?.get()
    }

    package func close() {
        _ = Glibc.write(ends.writing, "x", 1)
        finished.wait()
        let host = sb_network_control()
        _ = Self.interface.withCString { sb_network_delete(host, $0) }
        for descriptor in [host, network, control, ends.reading, ends.writing] { Glibc.close(descriptor) }
    }

    private static func connect(_ network: CInt, _ control: CInt) throws {
        let host = sb_network_control()
        defer { Glibc.close(host) }
        let inner: CInt = 2
        try check("make a pair") {
            interface.withCString { outer in
                "host".withCString { inner_name in
                    sb_network_pair(
                        host,
                        sb_interface(name: outer, index: 0),
                        sb_interface(name: inner_name, index: inner),
                        network
                    )
                }
            }
        }
        let outer = sb_network_index(interface)
        try check("bring up") { sb_network_up(control, 1) }
        try check("bring up") { sb_network_up(control, inner) }
        try check("address") { sb_network_address(host, outer, inet_addr(self.host)) }
        for address in [world, privateAddress, metadata] {
            try check("address") { sb_network_address(control, inner, inet_addr(address)) }
            try check("route") { sb_network_route(host, outer, inet_addr(address), 32, 0) }
        }
        try check("route") { sb_network_route(control, inner, inet_addr(self.host), 32, 0) }
    }

    private enum Place {
        case host, world
    }

    /// The sockets of the network that the calling thread is in.
    private static func sockets(of place: Place) throws -> [ServedSocket] {
        [
            try ServedSocket(.greeting, port: greetingPort), try ServedSocket(.bulk, port: bulkPort),
            try ServedSocket(.echo, port: echoPort),
        ] + (place == .world ? [try ServedSocket(.sink, port: sinkPort), try ServedSocket(.resolver, port: 53)] : [])
    }
}

/// A network with nothing in it that could be harmed.
package enum OwnNetwork {
    /// Whether this process is in one.
    package static var isThere: Bool {
        // Of this thread: the first one of the program may have ended.
        let text = (try? String(contentsOfFile: "/proc/thread-self/net/dev", encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n").dropFirst(2)
        return lines.count == 1 && lines.allSatisfy { $0.contains("lo:") }
    }
}

/// The names of the interfaces of another network, sorted.
package func interfaces(of network: CInt) async throws -> [String] {
    let text = await withCheckedContinuation { (continuation: CheckedContinuation<String?, Never>) in
        // A thread that ends with it: it does not come back.
        Thread.detachNewThread {
            let isThere = enter(network) == 0
            continuation.resume(
                returning: isThere ? try? String(contentsOfFile: "/proc/thread-self/net/dev", encoding: .utf8) : nil
            )
        }
    }
    guard let text else { throw CallFailed(call: "enter a network", errno: EBADF) }
    return text.split(separator: "\n").dropFirst(2).map { line in
        line.prefix { $0 != ":" }.trimmingCharacters(in: .whitespaces)
    }.sorted()
}

/// Puts the calling thread into another network, for good. Swift's Glibc module lacks setns(2).
private func enter(_ network: CInt) -> CInt {
    typealias Enter = @convention(c) (CInt, CInt) -> CInt
    guard let symbol = dlsym(nil, "setns") else { return -1 }
    let cloneNewNetwork: CInt = 0x4000_0000
    return unsafeBitCast(symbol, to: Enter.self)(network, cloneNewNetwork)
}

private struct CallFailed: Error {
    let call: String
    let errno: CInt
}

@discardableResult
private func check(_ call: String, _ body: () -> CInt) throws -> CInt {
    let result = body()
    guard result >= 0 else { throw CallFailed(call: call, errno: errno) }
    return result
}

/// A socket that is served on the thread of a ``SmallInternet``.
private struct ServedSocket {
    enum Kind {
        case greeting, bulk, echo, sink, resolver
    }

    let kind: Kind
    let descriptor: CInt

    init(_ kind: Kind, port: UInt16) throws {
        self.kind = kind
        let isStream = kind == .greeting || kind == .bulk
        // What made it ready may be gone by the time that it is asked.
        let flags = SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let type = CInt((isStream ? SOCK_STREAM : SOCK_DGRAM).rawValue | flags)
        descriptor = try check("socket") { socket(AF_INET, type, 0) }
        let descriptor = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        try check("bind") {
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        if isStream { try check("listen") { listen(descriptor, 16) } }
    }

    /// Serves them until `end` can be read.
    static func serve(_ sockets: [ServedSocket], until end: CInt, _ sink: AsyncStream<String>.Continuation) {
        var ready = sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        ready.append(pollfd(fd: end, events: Int16(POLLIN), revents: 0))
        while poll(&ready, nfds_t(ready.count), -1) >= 0, ready[sockets.count].revents == 0 {
            for (socket, state) in zip(sockets, ready) where state.revents != 0 { socket.serve(sink) }
        }
        for socket in sockets { close(socket.descriptor) }
        sink.finish()
    }

    private func serve(_ sink: AsyncStream<String>.Continuation) {
        var peer = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &peer) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                if kind == .greeting || kind == .bulk {
                    answer(accept(descriptor, address, &size), from: address)
                } else {
                    var bytes = [UInt8](repeating: 0, count: 2000)
                    let count = recvfrom(descriptor, &bytes, bytes.count, 0, address, &size)
                    guard count > 0 else { return }
                    bytes.removeSubrange(count...)
                    if kind == .sink {
                        sink.yield("\(String(decoding: bytes, as: UTF8.self)) from \(Self.text(address))")
                    }
                    let answer = kind == .resolver ? Self.resolve(bytes) : kind == .echo ? bytes : nil
                    if let answer { sendto(descriptor, answer, answer.count, 0, address, size) }
                }
            }
        }
    }

    private func answer(_ connection: CInt, from peer: UnsafePointer<sockaddr>) {
        guard connection >= 0 else { return }
        defer { close(connection) }
        // Nobody keeps the others waiting for long.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var bytes =
            kind == .bulk ? [UInt8](repeating: 7, count: SmallInternet.bulkBytes) : Array("\(Self.text(peer))\n".utf8)
        while !bytes.isEmpty {
            let count = send(connection, bytes, bytes.count, CInt(MSG_NOSIGNAL))
            if count <= 0 { return }
            bytes.removeFirst(count)
        }
    }

    private static func text(_ address: UnsafePointer<sockaddr>) -> String {
        address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { String(cString: inet_ntoa($0.pointee.sin_addr)) }
    }

    /// The answer to a question of DNS: the world's address for its name, and for others that there is no such name.
    private static func resolve(_ query: [UInt8]) -> [UInt8]? {
        guard query.count > 16 else { return nil }
        var labels: [String] = []
        var index = 12
        while index < query.count, query[index] > 0, index + Int(query[index]) < query.count {
            labels.append(String(decoding: query[index + 1...index + Int(query[index])], as: UTF8.self))
            index += Int(query[index]) + 1
        }
        guard index + 5 <= query.count else { return nil }
        let isKnown = labels.joined(separator: ".") == SmallInternet.name
        let asksForAddress = query[index + 2] == 1
        var answer = Array(query[..<2]) + [0x81, isKnown ? 0x80 : 0x83, 0, 1]
        answer += [0, isKnown && asksForAddress ? 1 : 0, 0, 0, 0, 0] + query[12..<index + 5]
        if isKnown && asksForAddress {
            // The name of the question, an address of the internet, for a minute.
            answer += [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]
            withUnsafeBytes(of: inet_addr(SmallInternet.world)) { answer += $0 }
        }
        return answer
    }
}
