import Foundation
package import NIOCore
package import NIOSSL
import SwiftASN1
import X509

/// Whom one side of a connection accepts.
enum PeerExpectation: Sendable {
    case roles(Set<HostRole>)
    case host(HostIdentity)

    /// Throws ``HostIdentityError/Code/wrongRole`` or ``HostIdentityError/Code/wrongName``.
    func check(_ identity: HostIdentity) throws(HostIdentityError) {
        switch self {
        case .roles(let roles):
            guard !roles.contains(identity.role) else { return }
            let expected = roles.map(\.rawValue).sorted().joined(separator: " or ")
            throw HostIdentityError(.wrongRole, "the peer is \(identity), and \(expected) is expected")
        case .host(let host):
            guard identity != host else { return }
            throw HostIdentityError(
                identity.role == host.role ? .wrongName : .wrongRole,
                "the peer is \(identity), and \(host) is expected"
            )
        }
    }
}

// MARK: - Securing connections

extension HostCredentials {
    /// Secures the channel of a connection that was accepted: adds what speaks TLS, with the certificate of this
    /// moment, and closes the channel if the peer is not a host of one of the roles. The channel is registered (see
    /// ``register(_:)``).
    ///
    /// To be called on the channel's event loop, when it is initialised. The result is the peer, or
    /// ``HostIdentityError``, which handlers behind see as `errorCaught`, too. No byte passes in either direction
    /// before the peer is known; what is written until then waits.
    package func secure(
        _ channel: any Channel,
        allowing roles: Set<HostRole>,
        protocols: [String] = []
    ) -> EventLoopFuture<HostIdentity> {
        secure(channel) { record in
            try serverHandler(.roles(roles), protocols, record)
        }
    }

    /// The same of a connection that was made, to one certain host.
    ///
    /// In TLS 1.3, the side that dials is done before the other has seen its certificate. A host that is refused may
    /// therefore see the future succeed, and then `errorCaught` with ``HostIdentityError/Code/refusedByPeer``.
    package func secure(
        _ channel: any Channel,
        expecting host: HostIdentity,
        protocols: [String] = []
    ) -> EventLoopFuture<HostIdentity> {
        secure(channel) { record in
            try clientHandler(.host(host), protocols, record)
        }
    }

    /// The same of a connection that was made, to any host of a role.
    package func secure(
        _ channel: any Channel,
        expecting role: HostRole,
        protocols: [String] = []
    ) -> EventLoopFuture<HostIdentity> {
        secure(channel) { record in
            try clientHandler(.roles([role]), protocols, record)
        }
    }

    private func secure(
        _ channel: any Channel,
        with makeHandler: (HandshakeRecord) throws -> NIOSSLHandler
    ) -> EventLoopFuture<HostIdentity> {
        channel.eventLoop.preconditionInEventLoop()
        let done = channel.eventLoop.makePromise(of: HostIdentity.self)
        let record = HandshakeRecord()
        do {
            let handlers: [any ChannelHandler] = [
                try makeHandler(record),
                HandshakeHandler(record: record, credentials: self, limit: settings.handshakeTimeout, done: done),
            ]
            try channel.pipeline.syncOperations.addHandlers(handlers)
        } catch {
            done.fail(error)
            channel.close(promise: nil)
        }
        return done.futureResult
    }
}

// MARK: - TLS handlers by themselves

extension HostCredentials {
    /// A TLS handler for a connection that was accepted, of which the other side must be a host of one of the roles. It
    /// can be used once. Where the reason of a refusal matters, use ``secure(_:allowing:protocols:)``.
    package func serverHandler(
        allowing roles: Set<HostRole>,
        protocols: [String] = []
    ) throws -> NIOSSLServerHandler {
        try serverHandler(.roles(roles), protocols, HandshakeRecord())
    }

    /// A TLS handler for a connection to a certain host. It can be used once.
    package func clientHandler(
        expecting host: HostIdentity,
        protocols: [String] = []
    ) throws -> NIOSSLClientHandler {
        try clientHandler(.host(host), protocols, HandshakeRecord())
    }

    /// A TLS handler for a connection to any host of a role. It can be used once.
    package func clientHandler(
        expecting role: HostRole,
        protocols: [String] = []
    ) throws -> NIOSSLClientHandler {
        try clientHandler(.roles([role]), protocols, HandshakeRecord())
    }

    /// Who the other side of a channel is. To be called on the channel's event loop, after the handshake. Throws
    /// ``HostIdentityError/Code/noHandshake`` if there was none.
    package static func peer(of channel: any Channel) throws -> HostIdentity {
        try certificate(of: channel).identity
    }

    static func certificate(of channel: any Channel) throws -> PeerCertificate {
        let handler = try? channel.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
        // Only what has been verified: of a session that was taken up again, there would be a certificate and no chain.
        guard let leaf = handler?.peerValidatedCertificateChain?.leaf else {
            throw HostIdentityError(.noHandshake, "failed to tell who the peer is: the connection is not secured")
        }
        return try PeerCertificate(try Certificate(derEncoded: try leaf.toDERBytes()))
    }

    private func serverHandler(
        _ expectation: PeerExpectation,
        _ protocols: [String],
        _ record: HandshakeRecord
    ) throws -> NIOSSLServerHandler {
        NIOSSLServerHandler(
            context: try own.context(protocols: protocols),
            customVerificationCallbackWithMetadata: verification(expectation, of: .clientAuth, record)
        )
    }

    private func clientHandler(
        _ expectation: PeerExpectation,
        _ protocols: [String],
        _ record: HandshakeRecord
    ) throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(
            context: try own.context(protocols: protocols),
            serverHostname: nil,
            customVerificationCallbackWithMetadata: verification(expectation, of: .serverAuth, record)
        )
    }

    /// Decides within the handshake, so that a peer that is not accepted is told by an alert and never gets past it.
    private func verification(
        _ expectation: PeerExpectation,
        of usage: ExtendedKeyUsage.Usage,
        _ record: HandshakeRecord
    ) -> NIOSSLCustomVerificationCallbackWithMetadata {
        { [self] chain, promise in
            do throws(HostIdentityError) {
                guard let leaf = chain.first else {
                    throw HostIdentityError(.untrusted, "the peer has no certificate")
                }
                let own = own
                record.result = .success(try verify(leaf, by: own.authority, expectation, usage))
                let verified = ValidatedCertificateChain([leaf, own.authorityCertificate])
                promise.succeed(.certificateVerified(VerificationMetadata(verified)))
            } catch {
                record.result = .failure(error)
                refused(error)
                promise.succeed(.failed)
            }
        }
    }

    private func verify(
        _ leaf: NIOSSLCertificate,
        by authority: TrustedAuthority,
        _ expectation: PeerExpectation,
        _ usage: ExtendedKeyUsage.Usage
    ) throws(HostIdentityError) -> PeerCertificate {
        guard let bytes = try? leaf.toDERBytes(), let certificate = try? Certificate(derEncoded: bytes) else {
            throw HostIdentityError(.untrusted, "the peer's certificate cannot be read")
        }
        let peer = try authority.check(certificate, for: usage, at: settings.now())
        try checkRevocation(of: peer)
        try expectation.check(peer.identity)
        return peer
    }
}
