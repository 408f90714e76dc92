import Crypto
import Foundation
import NIOSSL
import SwiftASN1
import X509

/// What this host proves itself by in new connections.
struct OwnCertificate: Sendable {
    let peer: PeerCertificate
    let authority: TrustedAuthority
    private let chain: [NIOSSLCertificate]
    let authorityCertificate: NIOSSLCertificate
    private let key: NIOSSLPrivateKey

    /// Checks what was read. Throws the code that a peer would have for it, or ``HostIdentityError/Code/invalidFile``.
    init(_ content: CredentialFiles.Content, files: CredentialFiles, at now: Date) throws(HostIdentityError) {
        authority = try TrustedAuthority(pem: content.authority, path: files.authority)
        guard let certificate = try? Certificate(pemEncoded: content.certificate) else {
            throw HostIdentityError(.invalidFile, "failed to read \(files.certificate): it is no certificate in PEM")
        }
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: content.key) else {
            throw HostIdentityError(.invalidFile, "failed to read \(files.key): it is no key on P-256 in PEM")
        }
        guard key.publicKey.rawRepresentation == P256.Signing.PublicKey(certificate.publicKey)?.rawRepresentation
        else {
            throw HostIdentityError(.invalidFile, "\(files.key) is not the key of \(files.certificate)")
        }
        peer = try authority.check(certificate, for: .clientAuth, at: now)
        do {
            chain = [try NIOSSLCertificate(bytes: Array(content.certificate.utf8), format: .pem)]
            authorityCertificate = try NIOSSLCertificate(bytes: Array(content.authority.utf8), format: .pem)
            self.key = try NIOSSLPrivateKey(bytes: Array(content.key.utf8), format: .pem)
        } catch {
            throw HostIdentityError(.invalidFile, "failed to read \(files.certificate): \(error)")
        }
    }

    /// What one connection is made with.
    ///
    /// A context is never used twice. NIOSSL's servers give out session tickets, and a session that is taken up again
    /// is not verified again: a peer could come back with the ticket of a certificate that was revoked or has ended.
    /// Tickets are good only in the context that has made them, so none is good here. Connections between hosts are few
    /// and long.
    func context(protocols: [String]) throws -> NIOSSLContext {
        // The two sides differ in what they verify, which is set here, and in nothing else.
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateChain = chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(key)
        configuration.minimumTLSVersion = .tlsv13
        configuration.maximumTLSVersion = .tlsv13
        // The peer's certificate is required; what is asked of it stands in `HostCredentials.verify`.
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([authorityCertificate])
        configuration.renegotiationSupport = .none
        configuration.applicationProtocols = protocols
        return try NIOSSLContext(configuration: configuration)
    }
}
