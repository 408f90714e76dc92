import Crypto
import Foundation
import SwiftASN1
import X509

/// What a host's certificate says, once it is known to be the authority's.
struct PeerCertificate: Hashable, Sendable {
    let fleet: FleetName
    let identity: HostIdentity
    let serial: CertificateSerial
    let validity: CertificateValidity
    let key: Certificate.PublicKey

    /// Reads a certificate without a look at its signature, for one that is known to be good.
    init(_ certificate: Certificate) throws(HostIdentityError) {
        (fleet, identity) = try HostIdentity.parse(uri: try certificate.onlyURI())
        serial = CertificateSerial(bytes: certificate.serialNumber.bytes)
        key = certificate.publicKey
        validity = CertificateValidity(notBefore: certificate.notValidBefore, notAfter: certificate.notValidAfter)
    }
}

extension Certificate {
    /// The one subject alternative name, which is an identifier of a resource. Throws
    /// ``HostIdentityError/Code/untrusted`` if there are others, too: a certificate is for one host.
    func onlyURI() throws(HostIdentityError) -> String {
        guard let names = try? extensions.subjectAlternativeNames, names.count == 1,
            case .uniformResourceIdentifier(let uri)? = names.first
        else { throw HostIdentityError(.untrusted, "the certificate does not name exactly one host") }
        return uri
    }
}

/// The authority as its hosts see it: what its signatures are checked with.
struct TrustedAuthority: Sendable {
    let fleet: FleetName
    let certificate: Certificate
    let key: P256.Signing.PublicKey

    /// Reads the certificate of an authority. Throws ``HostIdentityError/Code/invalidFile`` if it is none.
    init(pem: String, path: String) throws(HostIdentityError) {
        let failure = "failed to read the authority's certificate \(path)"
        guard let documents = try? PEMDocument.parseMultiple(pemString: pem), documents.count == 1,
            let certificate = try? Certificate(pemDocument: documents[0])
        else { throw HostIdentityError(.invalidFile, "\(failure): it does not hold exactly one certificate") }
        try self.init(certificate, failure: failure)
    }

    init(_ certificate: Certificate, failure: String) throws(HostIdentityError) {
        guard let uri = try? certificate.onlyURI(), uri.hasPrefix(HostIdentity.scheme),
            let fleet = try? FleetName(String(uri.dropFirst(HostIdentity.scheme.count))),
            let key = P256.Signing.PublicKey(certificate.publicKey),
            case .isCertificateAuthority? = try? certificate.extensions.basicConstraints
        else { throw HostIdentityError(.invalidFile, "\(failure): it is not one of 'swiftlet ca init'") }
        self.fleet = fleet
        self.certificate = certificate
        self.key = key
    }

    /// Whom a certificate is for, if it is this authority's and good at that moment for one side of a connection.
    ///
    /// The path has one step, from the authority to the host, so what is asked is RFC 5280, section 6.1, for a path of
    /// length one: the signature, the time, the issuer's name, no critical extension that is not understood; and of
    /// this fleet's certificates, that they are for hosts and for that side. There is no other root and no step
    /// between.
    func check(
        _ certificate: Certificate,
        for usage: ExtendedKeyUsage.Usage,
        at now: Date
    ) throws(HostIdentityError) -> PeerCertificate {
        guard certificate.version == .v3, certificate.issuer == self.certificate.subject,
            self.certificate.publicKey.isValidSignature(certificate.signature, for: certificate)
        else { throw HostIdentityError(.untrusted, "the certificate is not of the authority of the fleet \(fleet)") }
        let peer = try PeerCertificate(certificate)
        guard peer.fleet == fleet else {
            throw HostIdentityError(.wrongFleet, "the certificate is for the fleet \(peer.fleet), not \(fleet)")
        }
        guard isForHosts(certificate.extensions, usage) else {
            throw HostIdentityError(.untrusted, "the certificate of \(peer.identity) is not for connections of hosts")
        }
        guard now >= certificate.notValidBefore, now >= self.certificate.notValidBefore else {
            throw HostIdentityError(
                .notYetValid,
                """
                the certificate of \(peer.identity) is good only from \(certificate.notValidBefore.ISO8601Format()) \
                on; compare the clocks
                """
            )
        }
        guard now <= certificate.notValidAfter, now <= self.certificate.notValidAfter else {
            let end = min(certificate.notValidAfter, self.certificate.notValidAfter)
            throw HostIdentityError(
                .expired,
                "the certificate of \(peer.identity) has ended at \(end.ISO8601Format())"
            )
        }
        return peer
    }

    private func isForHosts(_ extensions: Certificate.Extensions, _ usage: ExtendedKeyUsage.Usage) -> Bool {
        let understood: [ASN1ObjectIdentifier] = [
            .X509ExtensionID.basicConstraints, .X509ExtensionID.keyUsage, .X509ExtensionID.extendedKeyUsage,
            .X509ExtensionID.subjectAlternativeName,
        ]
        guard extensions.allSatisfy({ !$0.critical || understood.contains($0.oid) }),
            case .notCertificateAuthority? = try? extensions.basicConstraints,
            let keyUsage = try? extensions.keyUsage, keyUsage.digitalSignature, !keyUsage.keyCertSign,
            let usages = try? extensions.extendedKeyUsage
        else { return false }
        return usages.contains(usage)
    }
}
