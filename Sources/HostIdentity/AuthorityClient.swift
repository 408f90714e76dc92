import NIOCore
import NIOHTTP1
import NIOPosix

/// The authority of `swiftlet ca serve`, as a host of the fleet speaks with it.
///
/// It has a client of its own because the authority is known by its identity, which must be checked before the first
/// byte is sent: any host of the fleet could listen at its address.
package struct AuthorityClient: RenewalAuthority {
    /// What an answer may have, in bytes.
    private static let answerSizeMax = 4 * 1024 * 1024

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    private let host: String
    private let port: Int
    private let timeout: TimeAmount

    /// An authority at an address. A request takes at most `timeout`.
    package init(host: String, port: Int, timeout: Duration = .seconds(30)) {
        self.host = host
        self.port = port
        self.timeout = .nanoseconds(Int64(timeout.components.seconds) * 1_000_000_000)
    }

    package func renew(signingRequest: String, as credentials: HostCredentials) async throws -> String {
        try await send(.POST, "/renew", signingRequest, as: credentials)
    }

    package func revocationList(as credentials: HostCredentials) async throws -> String {
        try await send(.GET, "/revoked", "", as: credentials)
    }

    private func send(
        _ method: HTTPMethod,
        _ path: String,
        _ body: String,
        as credentials: HostCredentials
    ) async throws(HostIdentityError) -> String {
        do {
            let (connection, peer) = try await connect(as: credentials)
            return try await connection.executeThenClose { answers, requests in
                // The identity first: nothing is sent to anybody else.
                _ = try await peer.get()
                let headers: HTTPHeaders = [
                    "host": host, "content-length": "\(body.utf8.count)", "connection": "close",
                ]
                let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
                try await requests.write(.head(head))
                try await requests.write(.body(.byteBuffer(ByteBuffer(string: body))))
                try await requests.write(.end(nil))
                return try await Self.text(of: answers)
            }
        } catch let error as HostIdentityError {
            throw HostIdentityError(error.code, "failed to ask the authority at \(host):\(port): \(error)")
        } catch {
            throw HostIdentityError(.unavailable, "failed to ask the authority at \(host):\(port): \(error)")
        }
    }

    private func connect(as credentials: HostCredentials) async throws -> (Connection, EventLoopFuture<HostIdentity>) {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(timeout)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let peer = credentials.secure(channel, expecting: .authority)
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    let timer = channel.eventLoop.scheduleTask(in: timeout) { HostCredentials.cut(channel) }
                    channel.closeFuture.whenComplete { _ in timer.cancel() }
                    return (try Connection(wrappingChannelSynchronously: channel), peer)
                }
            }
    }

    private static func text(of answers: NIOAsyncChannelInboundStream<HTTPClientResponsePart>) async throws -> String {
        var status = HTTPResponseStatus.internalServerError
        var body = ByteBuffer()
        for try await part in answers {
            switch part {
            case .head(let head): status = head.status
            case .body(var chunk):
                body.writeBuffer(&chunk)
                guard body.readableBytes <= answerSizeMax else {
                    throw HostIdentityError(.unavailable, "the answer has more than \(answerSizeMax) bytes")
                }
            case .end:
                let text = String(buffer: body)
                if status == .ok { return text }
                let code: HostIdentityError.Code = status == .badRequest ? .invalidRequest : .unavailable
                throw HostIdentityError(code, "\(status.code): \(text.prefix(200))")
            }
        }
        throw HostIdentityError(.unavailable, "the connection has ended before the answer")
    }
}

extension AuthorityDirectory {
    /// The authority itself, as the place where its own service's certificate is renewed.
    ///
    /// - Parameter validity: How long the service's certificates are good.
    package func selfRenewal(validity: Duration) -> some RenewalAuthority {
        OwnRenewal(directory: self, validity: validity)
    }

    private struct OwnRenewal: RenewalAuthority {
        let directory: AuthorityDirectory
        let validity: Duration

        func renew(signingRequest: String, as credentials: HostCredentials) async throws -> String {
            let request = try SigningRequest(pem: signingRequest)
            let now = credentials.settings.now()
            return try directory.issue(credentials.identity, request: request, for: validity, at: now).pem
        }

        func revocationList(as credentials: HostCredentials) async throws -> String {
            try directory.signedRevocations()
        }
    }
}
