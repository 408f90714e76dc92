import Crypto
import SwiftASN1
import X509

/// A signing request (PKCS#10, RFC 2986): a public key, and the proof that whoever asks has the private one.
package struct SigningRequest: Sendable {
    let key: P256.Signing.PublicKey

    /// Reads a request. Throws ``HostIdentityError/Code/invalidRequest`` unless it is one for a key on P-256 and signed
    /// with that key.
    package init(pem: String) throws(HostIdentityError) {
        guard let request = try? CertificateSigningRequest(pemEncoded: pem) else {
            throw HostIdentityError(.invalidRequest, "failed to read the signing request: it is none in PEM")
        }
        guard let key = P256.Signing.PublicKey(request.publicKey) else {
            throw HostIdentityError(.invalidRequest, "failed to read the signing request: its key is not on P-256")
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw HostIdentityError(
                .invalidRequest,
                "failed to read the signing request: it is not signed with its key"
            )
        }
        self.key = key
    }

    /// A new key and the request for a certificate of it, both as PEM.
    static func make(for identity: HostIdentity) throws -> (request: String, keyPEM: String) {
        let key = P256.Signing.PrivateKey()
        let request = try CertificateSigningRequest(
            version: .v1,
            subject: try DistinguishedName { CommonName(identity.name) },
            privateKey: Certificate.PrivateKey(key),
            attributes: CertificateSigningRequest.Attributes(),
            signatureAlgorithm: .ecdsaWithSHA256
        )
        return (try request.serializeAsPEM().pemString + "\n", key.pemRepresentation + "\n")
    }
}
