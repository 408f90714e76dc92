import Foundation
import GuestProtocol
import Testing

@Suite struct HostLinkTests {
    private static func pair() -> (ours: CInt, theirs: CInt) {
        var ends: [CInt] = [-1, -1]
        socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
        return (ends[0], ends[1])
    }

    private static func received(_ socket: CInt) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(socket, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    private static func bytes(of message: GuestMessage) -> [UInt8] {
        var bytes: [UInt8] = []
        message.write(to: &bytes)
        return bytes
    }

    private static let first = GuestMessage.hello(version: 1)
    private static let second = GuestMessage.done(RequestNumber(rawValue: 7))

    @Test func whatIsSentWithoutAConnectionWaitsForOne() throws {
        let link = HostLink()
        link.send(Self.first)
        try link.flush()
        let (ours, theirs) = Self.pair()
        defer { close(theirs) }
        link.attach(ours, isConnection: true)
        try link.flush()
        #expect(!link.hasOutgoing)
        #expect(Self.received(theirs) == Self.bytes(of: Self.first))
        link.detach()
    }

    @Test func anEndThatIsReadIsToldAndTheNextConnectionIsAsGood() throws {
        let link = HostLink()
        let (ours, theirs) = Self.pair()
        link.attach(ours, isConnection: true)
        #expect(try link.receive() == nil && !link.hasEnded)
        close(theirs)
        #expect(try link.receive() == nil)
        #expect(link.hasEnded)
        link.detach()
        #expect(!link.hasEnded && link.descriptor == -1)
        link.send(Self.second)
        let (next, host) = Self.pair()
        defer { close(host) }
        link.attach(next, isConnection: true)
        try link.flush()
        #expect(Self.received(host) == Self.bytes(of: Self.second))
        let bytes: [UInt8] = [1, 2, 3]
        #expect(write(host, bytes, bytes.count) == bytes.count)
        #expect(try link.receive() == bytes)
        link.detach()
    }

    /// Half a message would not be understood by who connects next.
    @Test func whatWasUnderWayIsLostWithItsConnection() throws {
        signal(SIGPIPE, SIG_IGN)
        let link = HostLink()
        let (ours, theirs) = Self.pair()
        link.attach(ours, isConnection: true)
        close(theirs)
        link.send(Self.first)
        try link.flush()
        #expect(link.hasEnded && link.hasOutgoing)
        link.detach()
        #expect(!link.hasOutgoing)
    }

    /// Nobody may hold the other end of a port for a while, and what is said meanwhile waits.
    @Test func aPortHasNoEnd() throws {
        signal(SIGPIPE, SIG_IGN)
        let link = HostLink()
        let (ours, theirs) = Self.pair()
        link.attach(ours, isConnection: false)
        close(theirs)
        #expect(try link.receive() == nil)
        link.send(Self.first)
        try link.flush()
        #expect(!link.hasEnded && link.hasOutgoing)
        link.detach()
    }
}
