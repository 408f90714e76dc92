import Crypto
package import Foundation
import SwiftASN1
import X509

/// A certificate that the authority has made.
package struct IssuedCertificate: Hashable, Sendable {
    package let identity: HostIdentity
    package let serial: CertificateSerial
    package let validity: CertificateValidity
    package let pem: String
}

/// The authority of a fleet: one key that signs the certificates of its hosts. It does no input and no output, reads no
/// clock, and remembers nothing.
package struct CertificateAuthority: Sendable {
    /// How long the authority's own certificate is good.
    package static let life = Duration.seconds(10 * 365 * 86_400)

    package let fleet: FleetName
    private let certificate: Certificate
    private let key: P256.Signing.PrivateKey

    /// A new authority with a key of its own.
    package init(fleet: FleetName, at now: Date) throws {
        key = P256.Signing.PrivateKey()
        let signer = Certificate.PrivateKey(key)
        let name = try DistinguishedName {
            OrganizationName(fleet.text)
            CommonName("Swiftlet authority of \(fleet)")
        }
        let identifier = SubjectKeyIdentifier(hash: signer.publicKey)
        let validity = CertificateValidity(from: now, for: Self.life)
        certificate = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: signer.publicKey,
            notValidBefore: validity.notBefore,
            notValidAfter: validity.expires,
            issuer: name,
            subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectAlternativeNames([.uniformResourceIdentifier(fleet.uri)])
                identifier
            },
            issuerPrivateKey: signer
        )
        self.fleet = fleet
    }

    /// An authority that was made before. Throws ``HostIdentityError/Code/invalidFile`` if the texts are not a
    /// certificate of an authority and its key.
    package init(certificatePEM: String, keyPEM: String, path: String) throws(HostIdentityError) {
        let trusted = try TrustedAuthority(pem: certificatePEM, path: path)
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: keyPEM),
            key.publicKey.rawRepresentation == trusted.key.rawRepresentation
        else {
            throw HostIdentityError(.invalidFile, "failed to read the authority's key: it is not that of \(path)")
        }
        fleet = trusted.fleet
        certificate = trusted.certificate
        self.key = key
    }

    /// The authority's certificate, which every host has.
    package var certificatePEM: String {
        get throws { try certificate.serializeAsPEM().pemString + "\n" }
    }

    /// The key. Whoever has it is the authority.
    package var keyPEM: String { key.pemRepresentation + "\n" }

    /// What checks this authority's certificates.
    var trusted: TrustedAuthority {
        get throws { try TrustedAuthority(certificate, failure: "failed to read the authority's certificate") }
    }

    /// Makes a certificate with a key of its own, which is returned as PEM and kept nowhere.
    package func issue(
        _ identity: HostIdentity,
        validity: CertificateValidity
    ) throws -> (certificate: IssuedCertificate, keyPEM: String) {
        let key = P256.Signing.PrivateKey()
        let certificate = try issue(identity, for: Certificate.PublicKey(key.publicKey), validity: validity)
        return (certificate, key.pemRepresentation + "\n")
    }

    /// Makes a certificate for the key of a signing request (PKCS#10, RFC 2986). Only the key is taken from the
    /// request: whom it is for is decided here. Throws ``HostIdentityError/Code/invalidRequest`` if it is no good
    /// request.
    package func issue(
        _ identity: HostIdentity,
        request: SigningRequest,
        validity: CertificateValidity
    ) throws -> IssuedCertificate {
        try issue(identity, for: Certificate.PublicKey(request.key), validity: validity)
    }

    /// Signs a list of revoked certificates.
    package func sign(_ revocations: RevocationList) throws -> String {
        try revocations.signed(by: key)
    }

    private func issue(
        _ identity: HostIdentity,
        for publicKey: Certificate.PublicKey,
        validity: CertificateValidity
    ) throws -> IssuedCertificate {
        let signer = Certificate.PrivateKey(key)
        let serial = Certificate.SerialNumber()
        let leaf = try Certificate(
            version: .v3,
            serialNumber: serial,
            publicKey: publicKey,
            notValidBefore: validity.notBefore,
            notValidAfter: min(validity.expires, certificate.notValidAfter),
            issuer: certificate.subject,
            subject: try DistinguishedName {
                OrganizationName(fleet.text)
                OrganizationalUnitName(identity.role.rawValue)
                CommonName(identity.name)
            },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames([.uniformResourceIdentifier(identity.uri(in: fleet))])
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: signer.publicKey).keyIdentifier)
            },
            issuerPrivateKey: signer
        )
        return IssuedCertificate(
            identity: identity,
            serial: CertificateSerial(bytes: serial.bytes),
            validity: CertificateValidity(notBefore: leaf.notValidBefore, notAfter: leaf.notValidAfter),
            pem: try leaf.serializeAsPEM().pemString + "\n"
        )
    }
}
