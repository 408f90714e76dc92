import Foundation
package import Logging
package import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization
import Telemetry

/// The service of `swiftlet ca serve`, which renews the certificates of hosts and gives out the list of the revoked.
///
/// | Request | Answer |
/// |---|---|
/// | `POST /renew` with a signing request in PEM | a certificate in PEM, for the host that asks and for nobody else |
/// | `GET /revoked` | the signed list of the revoked |
///
/// Both sides prove who they are, as in every connection between hosts. A connection is good for one request.
package final class AuthorityService: Sendable {
    /// What a request's body may have, in bytes. A signing request has a few hundred.
    static let bodySizeMax = 16 * 1024
    /// How many connections there may be at once, so that strangers cannot use up the process's descriptors.
    private static let connectionsMax = 500
    /// How long a connection may live.
    private static let connectionTime = TimeAmount.seconds(30)

    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    private struct Request {
        let method: HTTPMethod
        let path: String
        let body: String
    }

    private struct Answer {
        let status: HTTPResponseStatus
        let body: String
    }

    private let directory: AuthorityDirectory
    private let credentials: HostCredentials
    private let validity: Duration
    private let quota: Mutex<RenewalQuota>
    private let connections = Atomic(0)
    private let logger: Logger

    /// A service for the hosts of a directory's fleet.
    ///
    /// - Parameters:
    ///   - credentials: What the service proves itself by; of the role `authority`.
    ///   - validity: How long the certificates are good that it issues.
    package init(directory: AuthorityDirectory, credentials: HostCredentials, validity: Duration, logger: Logger) {
        self.directory = directory
        self.credentials = credentials
        self.validity = validity
        self.logger = logger
        quota = Mutex(RenewalQuota(life: validity))
    }

    /// Serves until the task is cancelled. Throws if the address cannot be listened on. `onListening` hears the address
    /// with the port that was chosen.
    package func run(
        host: String,
        port: Int,
        onListening: @Sendable (SocketAddress) -> Void = { _ in }
    ) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture { try self.initialise(channel) }
            }
        if let address = listener.channel.localAddress { onListening(address) }
        try await listener.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await (connection, peer) in connections {
                    group.addTask { await self.serve(connection, peer) }
                }
            }
        }
    }

    private func initialise(_ channel: any Channel) throws -> (Connection, EventLoopFuture<HostIdentity>) {
        let count = connections.add(1, ordering: .relaxed).newValue
        channel.closeFuture.whenComplete { _ in self.connections.subtract(1, ordering: .relaxed) }
        guard count <= Self.connectionsMax else { throw HostIdentityError(.tooMany, "too many connections") }
        let peer = credentials.secure(channel, allowing: Set(HostRole.allCases))
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
        let timer = channel.eventLoop.scheduleTask(in: Self.connectionTime) { HostCredentials.cut(channel) }
        channel.closeFuture.whenComplete { _ in timer.cancel() }
        return (try Connection(wrappingChannelSynchronously: channel), peer)
    }

    private func serve(_ connection: Connection, _ peer: EventLoopFuture<HostIdentity>) async {
        do {
            try await connection.executeThenClose { requests, answers in
                _ = try await peer.get()
                let channel = connection.channel
                let asking = try await channel.eventLoop.submit { try HostCredentials.certificate(of: channel) }.get()
                let answer = answer(to: try await Self.request(in: requests), of: asking)
                let headers: HTTPHeaders = [
                    "content-length": "\(answer.body.utf8.count)", "content-type": "text/plain; charset=utf-8",
                    "connection": "close",
                ]
                try await answers.write(
                    .head(HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers))
                )
                try await answers.write(.body(.byteBuffer(ByteBuffer(string: answer.body))))
                try await answers.write(.end(nil))
                answers.finish()
            }
        } catch {
            logger.debug("connection to the authority ended early", metadata: [LogKey.error: "\(error)"])
        }
    }

    private static func request(
        in parts: NIOAsyncChannelInboundStream<HTTPServerRequestPart>
    ) async throws(HostIdentityError) -> Request {
        var head: HTTPRequestHead?
        var body = ByteBuffer()
        do {
            for try await part in parts {
                switch part {
                case .head(let received): head = received
                case .body(var chunk):
                    body.writeBuffer(&chunk)
                    guard body.readableBytes <= bodySizeMax else {
                        throw HostIdentityError(.invalidRequest, "the request has more than \(bodySizeMax) bytes")
                    }
                case .end:
                    guard let head else { break }
                    return Request(method: head.method, path: head.uri, body: String(buffer: body))
                }
            }
        } catch {
            throw HostIdentityError(.noHandshake, "the connection has ended: \(error)")
        }
        throw HostIdentityError(.noHandshake, "the connection has ended before its request")
    }

    private func answer(to request: Request, of peer: PeerCertificate) -> Answer {
        do {
            switch (request.method, request.path) {
            case (.GET, "/revoked"): return Answer(status: .ok, body: try directory.signedRevocations())
            case (.POST, "/renew"): return Answer(status: .ok, body: try renew(request.body, of: peer))
            case (_, "/revoked"), (_, "/renew"):
                return Answer(status: .methodNotAllowed, body: "\(request.path) does not know \(request.method)\n")
            default: return Answer(status: .notFound, body: "there is no \(request.path) here\n")
            }
        } catch let error as HostIdentityError where error.code == .invalidRequest {
            return Answer(status: .badRequest, body: "\(error)\n")
        } catch let error as HostIdentityError where error.code == .revoked {
            return Answer(status: .forbidden, body: "\(error)\n")
        } catch let error as HostIdentityError where error.code == .tooMany {
            return Answer(status: .tooManyRequests, body: "\(error)\n")
        } catch {
            logger.error("the authority has failed", metadata: [LogKey.error: "\(error)"])
            return Answer(status: .internalServerError, body: "the authority has failed; its log says why\n")
        }
    }

    /// The host that asks is the one that gets the certificate, whatever name stands in its request.
    private func renew(_ text: String, of peer: PeerCertificate) throws -> String {
        let request = try SigningRequest(pem: text)
        let now = credentials.settings.now()
        let identity = peer.identity
        guard quota.withLock({ $0.take(identity, at: now) }) else {
            throw HostIdentityError(
                .tooMany,
                "\(identity) has had \(RenewalQuota.renewalsMax) renewals in a short time"
            )
        }
        let issued = try directory.renew(peer, request: request, for: validity, at: now)
        logger.notice(
            "certificate renewed",
            metadata: [
                LogKey.hostIdentity: "\(identity)", LogKey.item: "\(issued.serial)",
                LogKey.expires: "\(issued.validity.expires.ISO8601Format())",
            ]
        )
        return issued.pem
    }
}
