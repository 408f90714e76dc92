import Crypto
package import Foundation

/// The certificates that are good no longer, though their lives are not over.
///
/// It is no certificate revocation list of RFC 5280: those hold serial numbers only, and whoever has stolen a host's
/// key may have renewed its certificate under numbers that nobody knows. This one names hosts, too.
package struct RevocationList: Equatable, Sendable {
    /// Grows with every change, so that nobody can bring back an older list.
    package private(set) var number = 0
    package let fleet: FleetName
    package private(set) var serials: Set<CertificateSerial> = []
    /// The hosts whose certificates issued until a moment are revoked, with that moment in whole seconds.
    package private(set) var identities: [HostIdentity: Date] = [:]

    /// The list that revokes nothing.
    package init(fleet: FleetName) {
        self.fleet = fleet
    }

    /// Revokes one certificate.
    package mutating func revoke(_ serial: CertificateSerial) {
        guard serials.insert(serial).inserted else { return }
        number += 1
    }

    /// Revokes all certificates of a host that were issued until a moment.
    package mutating func revoke(_ identity: HostIdentity, at moment: Date) {
        let moment = Date(timeIntervalSince1970: moment.timeIntervalSince1970.rounded(.down))
        identities[identity] = max(moment, identities[identity] ?? moment)
        number += 1
    }

    /// Whether a certificate is revoked.
    func revokes(_ certificate: PeerCertificate) -> Bool {
        if serials.contains(certificate.serial) { return true }
        return identities[certificate.identity].map { certificate.validity.issued <= $0 } ?? false
    }

    /// The earliest moment of issue at which a host's new certificate is not revoked with its old ones.
    func earliestIssue(of identity: HostIdentity) -> Date? {
        identities[identity]?.addingTimeInterval(1)
    }
}

// MARK: - Its signed form

extension RevocationList {
    /// What a signature of a list begins with. A certificate never does, so the one's signature is none of the other.
    private static let context = Data("swiftlet revocation list 1\n".utf8)

    private struct Content: Codable {
        let fleet: String
        let number: Int
        let serials: [CertificateSerial]
        /// In seconds since 1970.
        let identities: [String: Int]
    }

    private struct Envelope: Codable {
        let list: Data
        let signature: Data
    }

    /// The list with the authority's signature, as it is stored and sent.
    func signed(by key: P256.Signing.PrivateKey) throws -> String {
        let content = Content(
            fleet: fleet.text,
            number: number,
            serials: serials.sorted { $0.text < $1.text },
            identities: Dictionary(
                uniqueKeysWithValues: identities.map { ($0.description, Int($1.timeIntervalSince1970)) }
            )
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let list = try encoder.encode(content)
        let signature = try key.signature(for: Self.context + list).derRepresentation
        return String(decoding: try encoder.encode(Envelope(list: list, signature: signature)), as: UTF8.self) + "\n"
    }

    /// Reads a signed list. Throws ``HostIdentityError/Code/invalidFile`` if it is not one of that authority.
    init(signed text: String, by key: P256.Signing.PublicKey) throws(HostIdentityError) {
        let decoder = JSONDecoder()
        guard let envelope = try? decoder.decode(Envelope.self, from: Data(text.utf8)),
            let signature = try? P256.Signing.ECDSASignature(derRepresentation: envelope.signature)
        else { throw HostIdentityError(.invalidFile, "failed to read the list of the revoked: it is no such list") }
        guard key.isValidSignature(signature, for: Self.context + envelope.list) else {
            throw HostIdentityError(
                .invalidFile,
                "failed to read the list of the revoked: the signature is not the authority's"
            )
        }
        do {
            let content = try decoder.decode(Content.self, from: envelope.list)
            fleet = try FleetName(content.fleet)
            number = content.number
            serials = Set(content.serials)
            for (identity, moment) in content.identities {
                identities[try HostIdentity(identity)] = Date(timeIntervalSince1970: TimeInterval(moment))
            }
        } catch {
            throw HostIdentityError(.invalidFile, "failed to read the list of the revoked: \(error)")
        }
    }
}
