import Foundation
import NIOCore
import NIOSSL
import NIOTLS

/// What has become known of the peer of one connection, for the connection's own event loop.
final class HandshakeRecord {
    /// Whom the peer has proven to be, or why it was not accepted; nil before its certificate was seen.
    var result: Result<PeerCertificate, HostIdentityError>?
}

/// Stands next to the TLS handler: tells how the handshake has ended, with the reason, and gives it a deadline.
final class HandshakeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let record: HandshakeRecord
    private let credentials: HostCredentials
    private let limit: TimeAmount
    private let done: EventLoopPromise<HostIdentity>
    private var timer: Scheduled<Void>?
    private var isDone = false

    init(
        record: HandshakeRecord,
        credentials: HostCredentials,
        limit: TimeAmount,
        done: EventLoopPromise<HostIdentity>
    ) {
        self.record = record
        self.credentials = credentials
        self.limit = limit
        self.done = done
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let promise = done
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: limit) {
            promise.fail(HostIdentityError(.timeout, "failed to secure the connection: the peer has taken too long"))
            HostCredentials.cut(channel)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        fail(HostIdentityError(.noHandshake, "failed to secure the connection: it has ended"))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted? = event as? TLSUserEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        // A session that was taken up again would come here without a look at its certificate. None can be; see
        // `OwnCertificate.context`.
        guard case .success(let peer)? = record.result else {
            fail(HostIdentityError(.noHandshake, "failed to secure the connection: nobody has seen a certificate"))
            return HostCredentials.cut(context.channel)
        }
        guard credentials.add(context.channel, peer) else {
            fail(HostIdentityError(.revoked, "failed to secure the connection: \(peer.identity) was revoked meanwhile"))
            return HostCredentials.cut(context.channel)
        }
        timer?.cancel()
        isDone = true
        done.succeed(peer.identity)
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let error = meaning(of: error)
        fail(error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(HostIdentityError(.noHandshake, "failed to secure the connection: it has ended"))
        context.fireChannelInactive()
    }

    private func fail(_ error: any Error) {
        guard !isDone else { return }
        isDone = true
        timer?.cancel()
        done.fail(error)
    }

    /// The reason behind an error of the TLS handler.
    private func meaning(of error: any Error) -> any Error {
        if case .failure(let refusal)? = record.result { return refusal }
        if let alert = Self.alert(in: error) {
            return HostIdentityError(
                .refusedByPeer,
                "the peer has refused the connection of \(credentials.identity), and its log says why: \(alert)"
            )
        }
        guard !isDone else { return error }
        return HostIdentityError(.noHandshake, "failed to secure the connection: \(error)")
    }

    /// The alert by which the peer has ended the connection, if it has. NIOSSL keeps the codes to itself, so that their
    /// names in its description must do.
    private static func alert(in error: any Error) -> String? {
        let cause: BoringSSLError? =
            if case .handshakeFailed(let cause)? = error as? NIOSSLError { cause } else { error as? BoringSSLError }
        guard case .sslError(let stack)? = cause else { return nil }
        let words = stack.flatMap { $0.description.split { !($0.isLetter || $0.isNumber || $0 == "_") } }
        return words.first { $0.contains("_ALERT_") }.map { String($0) }
    }
}
