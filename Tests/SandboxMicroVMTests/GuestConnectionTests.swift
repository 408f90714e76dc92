import Foundation
import GuestProtocol
import NIOPosix
import Sandbox
import Testing

@testable import SandboxMicroVM

/// The service's end of a link, with a test at the other end that says what a hostile guest might.
@Suite struct GuestConnectionTests {
    /// The other end.
    private final class Peer: Sendable {
        let socket: CInt

        init(_ socket: CInt) {
            self.socket = socket
        }

        deinit {
            close(socket)
        }

        func send(_ messages: GuestMessage...) {
            var bytes: [UInt8] = []
            for message in messages { message.write(to: &bytes) }
            send(bytes)
        }

        func send(_ bytes: [UInt8]) {
            _ = Glibc.send(socket, bytes, bytes.count, CInt(MSG_NOSIGNAL))
        }

        /// Reads until there was more than a greeting. Waits on a thread of its own.
        func isAsked() async {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                Thread.detachNewThread {
                    var bytes = [UInt8](repeating: 0, count: 65536)
                    var total = 0
                    while total <= 20 {
                        let count = read(self.socket, &bytes, bytes.count)
                        if count <= 0 { break }
                        total += count
                    }
                    continuation.resume()
                }
            }
        }

        /// Reads until nothing comes any more. Waits on a thread of its own.
        func isClosed() async -> Bool {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    var limit = timeval(tv_sec: 20, tv_usec: 0)
                    setsockopt(self.socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
                    var bytes = [UInt8](repeating: 0, count: 65536)
                    var count = 1
                    while count > 0 { count = read(self.socket, &bytes, bytes.count) }
                    continuation.resume(returning: count == 0 || errno == ECONNRESET)
                }
            }
        }
    }

    private static func connect(
        patience: Duration = .seconds(20),
        greeting: [GuestMessage] = [.hello(version: GuestLink.version)],
        makeConnection: @escaping @Sendable () async -> CInt? = { nil }
    ) async throws -> (GuestConnection, Peer) {
        var ends: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        let peer = Peer(ends[1])
        for message in greeting { peer.send(message) }
        let connection = try await GuestConnection.open(
            ends[0],
            standing: nil,
            on: MultiThreadedEventLoopGroup.singleton.next(),
            patience: patience,
            makeConnection: makeConnection,
            onEnd: { _ in }
        )
        return (connection, peer)
    }

    @Test func aGuestOfAnotherVersionIsRefused() async throws {
        await #expect(throws: SandboxError.self) {
            _ = try await Self.connect(greeting: [.hello(version: GuestLink.version + 1)])
        }
    }

    @Test func aGuestThatDoesNotAnswerIsGivenUp() async throws {
        await #expect(throws: SandboxError.self) {
            _ = try await Self.connect(patience: .milliseconds(50), greeting: [])
        }
        let (connection, peer) = try await Self.connect(patience: .milliseconds(50))
        await #expect(throws: SandboxError.self) { try await connection.ask(.killAll) }
        #expect(await peer.isClosed())
    }

    @Test(arguments: [
        GuestMessage.done(RequestNumber(rawValue: 99)),
        .exited(RequestNumber(rawValue: 1), .exited(0)),
        .hello(version: GuestLink.version),
        .stream(StreamNumber(rawValue: 2), .data([1])),
        .stream(StreamNumber(rawValue: 4), .open(port: 1)),
    ])
    func aLieEndsTheConnection(lie: GuestMessage) async throws {
        let (connection, peer) = try await Self.connect()
        peer.send(lie)
        #expect(await peer.isClosed())
        await #expect(throws: SandboxError.self) { try await connection.ask(.killAll) }
    }

    @Test func bytesThatAreNoMessagesEndTheConnection() async throws {
        let (_, peer) = try await Self.connect()
        peer.send([UInt8](repeating: 0xff, count: 1000))
        #expect(await peer.isClosed())
    }

    /// Streams that nobody connects, one after the other: each is reset, and none is kept.
    @Test func streamsWithoutEndAreAnsweredAndForgotten() async throws {
        let (connection, peer) = try await Self.connect()
        for number in 0..<2000 {
            peer.send(.stream(StreamNumber(rawValue: UInt64(2 * number + 1)), .open(port: 9001)))
        }
        #expect(try #require(await connection.streamCount()) <= GuestLink.streamsMax)
        connection.close()
    }

    /// What waits for the Runtime API to be connected is no more than a window.
    @Test func dataBeforeTheConnectionIsBounded() async throws {
        let (connection, peer) = try await Self.connect(makeConnection: {
            try? await Task.sleep(for: .seconds(60))
            return nil
        })
        let stream = StreamNumber(rawValue: 1)
        peer.send(.stream(stream, .open(port: 9001)))
        let piece = GuestMessage.stream(stream, .data(ArraySlice(repeating: 0, count: GuestLink.chunkBytesMax)))
        peer.send(piece, piece)
        #expect(await connection.streamCount() != nil)
        peer.send(piece)
        #expect(await peer.isClosed())
    }

    @Test func processesOfAGuestThatIsGoneAreLost() async throws {
        let (connection, peer) = try await Self.connect()
        let (exits, continuation) = AsyncStream.makeStream(of: ProcessExit.self)
        let output = open("/dev/null", O_WRONLY)
        defer { close(output) }
        let process = ProcessSpecification(
            executable: "/bin/true",
            arguments: ["true"],
            environment: [],
            workingDirectory: "/",
            output: output
        )
        async let started = connection.start(process) { exit in
            continuation.yield(exit)
            continuation.finish()
        }
        await peer.isAsked()
        peer.send(.done(RequestNumber(rawValue: 1)))
        _ = try await started
        shutdown(peer.socket, CInt(SHUT_RDWR))
        #expect(await exits.first { _ in true } == .lost)
    }
}
