import Glibc
import LambdaAPI
import NIOCore
import NIOPosix
import Testing

@testable import RuntimeAPI

/// A Runtime API on a loopback port, and what its delegate was told, in order.
final class RunningServer: Sendable {
    /// A call of the delegate.
    enum Call: Equatable {
        case ready
        case responded(String)
        case failed(String)
        case exceeded
        case initialisationFailed(String)
        case invalidResponseMode
        case extensionsRegistered
        case everybodyReady
        case streamBegan(String?)
        case streamReceived(String)
        case streamEnded(String?)
        case streamBroke
        case subscribed(TelemetrySubscription)
    }

    private final class Delegate: RuntimeAPIDelegate {
        let calls: AsyncStream<Call>.Continuation

        init(calls: AsyncStream<Call>.Continuation) {
            self.calls = calls
        }

        func runtimeBecameReady() { calls.yield(.ready) }
        func environmentBecameReady() { calls.yield(.everybodyReady) }
        func extensionsRegistered() { calls.yield(.extensionsRegistered) }
        func runtimeUsedInvalidResponseMode() { calls.yield(.invalidResponseMode) }
        func telemetrySubscribed(_ subscription: TelemetrySubscription) { calls.yield(.subscribed(subscription)) }
        func runtimeResponded(_ response: RuntimeDocument) { calls.yield(.responded(String(buffer: response.body))) }
        func runtimeFailed(_ error: RuntimeDocument) { calls.yield(.failed(String(buffer: error.body))) }
        func runtimeExceededResponseSize() { calls.yield(.exceeded) }
        func runtimeFailedToInitialise(_ error: RuntimeDocument) {
            calls.yield(.initialisationFailed(String(buffer: error.body)))
        }

        func responseStreamBegan(contentType: String?) { calls.yield(.streamBegan(contentType)) }
        func responseStreamReceived(_ chunk: ByteBuffer) -> Bool {
            calls.yield(.streamReceived(String(buffer: chunk)))
            // One that says so holds the stream up until it is resumed.
            return String(buffer: chunk) != "hold"
        }
        func responseStreamEnded(_ error: RuntimeDocument?) {
            calls.yield(.streamEnded(error.map { "\($0.errorType ?? "") \(String(buffer: $0.body))" }))
        }
        func responseStreamBroke() { calls.yield(.streamBroke) }
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let server: NIOLoopBound<RuntimeAPIServer>
    private let delegate: NIOLoopBound<Delegate>
    private let calls: AsyncStream<Call>
    private let port: in_port_t

    /// - Parameters:
    ///   - isTemplate: Whether the function starts from a snapshot, and this is to be it; nil for one that does not.
    ///   - standing: That of the server of which the processes are copies.
    init(
        responseBytesMax: Int = 1 << 20,
        isTemplate: Bool? = nil,
        restoring standing: RuntimeAPIStanding? = nil
    ) async throws {
        let (descriptor, port) = try Self.listeningSocket()
        self.port = port
        let (calls, continuation) = AsyncStream.makeStream(of: Call.self)
        self.calls = calls
        let eventLoop = group.next()
        (server, delegate) = try await eventLoop.flatSubmit {
            let delegate = Delegate(calls: continuation)
            var settings = RuntimeAPISettings(
                responseBytesMax: responseBytesMax,
                functionName: "f",
                functionVersion: "$LATEST",
                handler: "app.handler",
                accountID: "000000000000",
                metadataToken: "token",
                availabilityZoneID: "use1-az1"
            )
            if let isTemplate {
                settings.startsFromSnapshot = true
                settings.isTemplate = isTemplate
                settings.credentials = RuntimeAPISettings.Credentials(
                    authorizationToken: "secret",
                    accessKeyID: "key",
                    secretAccessKey: "secret key",
                    sessionToken: "session",
                    expiration: { Timestamp(milliseconds: 0) }
                )
            }
            let server = RuntimeAPIServer(
                eventLoop: eventLoop,
                settings: settings,
                delegate: delegate,
                restoring: standing
            )
            let bound = (NIOLoopBound(server, eventLoop: eventLoop), NIOLoopBound(delegate, eventLoop: eventLoop))
            return server.serve(on: descriptor).map { bound }
        }.get()
    }

    func connect() throws -> RawClient {
        try RawClient(port: port)
    }

    /// The next call of the delegate; waits for it. That everybody is ready follows from the runtime's being so where
    /// there are no extensions, and is passed over unless asked for.
    func nextCall(includingReadiness: Bool = false) async -> Call? {
        var iterator = calls.makeAsyncIterator()
        while let call = await iterator.next() {
            if includingReadiness || call != .everybodyReady { return call }
        }
        return nil
    }

    var standing: RuntimeAPIStanding? {
        get async {
            let server = server
            return try? await group.next().submit { server.value.standing }.get()
        }
    }

    func perform(_ body: @escaping @Sendable (RuntimeAPIServer) -> Void) async {
        let server = server
        try? await group.next().submit { body(server.value) }.get()
    }

    func deliver(_ event: InvocationEvent) async -> Bool {
        let server = server
        return (try? await group.next().submit { server.value.deliver(event) }.get()) ?? false
    }

    func stop() async throws {
        let (server, delegate) = (server, delegate)
        try await group.next().submit {
            server.value.close()
            _ = delegate.value
        }.get()
        try await group.shutdownGracefully()
    }

    private static func listeningSocket() throws -> (CInt, in_port_t) {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && listen(descriptor, 16) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        guard descriptor >= 0, result else { throw SocketError(errno) }
        return (descriptor, address.sin_port)
    }
}

/// An error of a test's socket.
struct SocketError: Error, CustomStringConvertible {
    let description: String

    init(_ errno: CInt) {
        description = String(cString: strerror(errno))
    }
}

/// A client that sends the bytes it is given and reads HTTP responses with a Content-Length.
final class RawClient: Sendable {
    struct Response {
        var status: Int
        var headers: [String: String]
        var body: String
    }

    private let descriptor: CInt

    /// `port` is in network byte order.
    init(port: in_port_t) throws {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        // A server that never answers fails the test instead of hanging it.
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        address.sin_port = port
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw SocketError(errno) }
    }

    deinit {
        close(descriptor)
    }

    /// Ends the connection as a process that dies does.
    func hangUp() {
        shutdown(descriptor, CInt(SHUT_RDWR))
    }

    func send(_ text: String) {
        _ = Glibc.send(descriptor, text, text.utf8.count, CInt(MSG_NOSIGNAL))
    }

    /// Reads one response; throws if none comes.
    func receive() throws -> Response {
        var head: [UInt8] = []
        while !head.ends(with: "\r\n\r\n") {
            head.append(contentsOf: try read(1))
        }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.last.map { String($0.drop { $0 == " " }) }
        }
        let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        var body: [UInt8] = []
        while body.count < length {
            body.append(contentsOf: try read(length - body.count))
        }
        return Response(status: status, headers: headers, body: String(decoding: body, as: UTF8.self))
    }

    /// Reads one response of which only the status matters.
    func expectStatus(_ status: Int, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let response = try receive()
        #expect(response.status == status, sourceLocation: sourceLocation)
    }

    /// Whether the peer ends the connection.
    func isClosedByPeer() -> Bool {
        var byte: UInt8 = 0
        while true {
            let count = recv(descriptor, &byte, 1, 0)
            guard count > 0 else { return count == 0 || errno == ECONNRESET }
        }
    }

    private func read(_ count: Int) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let received = recv(descriptor, &buffer, count, 0)
        guard received > 0 else { throw SocketError(received == 0 ? ECONNRESET : errno) }
        return Array(buffer[..<received])
    }
}

extension [UInt8] {
    fileprivate func ends(with suffix: String) -> Bool {
        self.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }
}
