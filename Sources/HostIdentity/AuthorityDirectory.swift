package import Foundation
import Glibc
import X509

/// The directory of a fleet's authority.
///
/// | File | What it holds |
/// |---|---|
/// | `authority.pem` | the authority's certificate, which every host has |
/// | `authority-key.pem` | its key: whoever has it is the authority |
/// | `issued` | what was issued, one JSON object a line, only ever appended to |
/// | `revoked` | the signed list of the revoked |
///
/// Several processes may work with one directory at once.
package struct AuthorityDirectory: Sendable {
    /// One certificate that was issued.
    package struct Entry: Codable, Hashable, Sendable {
        /// `ROLE/NAME`.
        package let identity: String
        package let serial: CertificateSerial
        /// In seconds since 1970.
        package let issued: Int
        /// In seconds since 1970.
        package let expires: Int

        /// When the certificate was made.
        package var issuedAt: Date { Date(timeIntervalSince1970: TimeInterval(issued)) }
        /// When it ends.
        package var expiresAt: Date { Date(timeIntervalSince1970: TimeInterval(expires)) }
    }

    private struct Files {
        let certificate: String
        let key: String
        let issued: String
        let revoked: String
        let lock: String

        init(_ directory: String) {
            certificate = "\(directory)/authority.pem"
            key = "\(directory)/authority-key.pem"
            issued = "\(directory)/issued"
            revoked = "\(directory)/revoked"
            lock = "\(directory)/lock"
        }
    }

    package let fleet: FleetName
    /// The authority's certificate.
    package let certificatePEM: String
    private let files: Files
    private let authority: CertificateAuthority

    /// Makes the authority of a new fleet in a directory that is there already. Throws
    /// ``HostIdentityError/Code/invalidRequest`` if there is one in it: a second key would end the first one's fleet.
    package static func create(
        in directory: String,
        fleet: FleetName,
        at now: Date
    ) throws -> AuthorityDirectory {
        let files = Files(directory)
        let authority = try CertificateAuthority(fleet: fleet, at: now)
        try locked(files) {
            for path in [files.certificate, files.key] where access(path, F_OK) == 0 {
                throw HostIdentityError(
                    .invalidRequest,
                    "failed to make an authority: \(path) is there already; name another directory"
                )
            }
            try StoredFile.replace(
                files.revoked,
                with: authority.sign(RevocationList(fleet: fleet)),
                permissions: 0o644
            )
            try StoredFile.replace(files.key, with: authority.keyPEM, permissions: 0o600)
            // Last: a directory with a certificate is whole.
            try StoredFile.replace(files.certificate, with: authority.certificatePEM, permissions: 0o644)
        }
        return try AuthorityDirectory(directory)
    }

    /// Opens the directory. Throws ``HostIdentityError``: with ``HostIdentityError/Code/unavailable`` if there is no
    /// authority in it.
    package init(_ directory: String) throws(HostIdentityError) {
        files = Files(directory)
        guard access(files.certificate, F_OK) == 0 else {
            throw HostIdentityError(
                .unavailable,
                "there is no authority in \(directory); make one with 'swiftlet ca init', or name another directory"
            )
        }
        certificatePEM = try StoredFile.text(of: files.certificate)
        authority = try CertificateAuthority(
            certificatePEM: certificatePEM,
            keyPEM: try StoredFile.key(of: files.key),
            path: files.certificate
        )
        fleet = authority.fleet
    }

    /// Issues a certificate with a key of its own, and notes it down.
    package func issue(
        _ identity: HostIdentity,
        for duration: Duration,
        at now: Date
    ) throws -> (certificate: IssuedCertificate, keyPEM: String) {
        try locked { revocations in
            let issued = try authority.issue(identity, validity: validity(identity, duration, now, revocations))
            try note(issued.certificate)
            return issued
        }
    }

    /// Issues a certificate for the key of a request, and notes it down.
    package func issue(
        _ identity: HostIdentity,
        request: SigningRequest,
        for duration: Duration,
        at now: Date
    ) throws -> IssuedCertificate {
        try locked { revocations in
            let validity = validity(identity, duration, now, revocations)
            let issued = try authority.issue(identity, request: request, validity: validity)
            try note(issued)
            return issued
        }
    }

    /// Issues a certificate in place of one that a host has, for another key. Throws
    /// ``HostIdentityError/Code/revoked`` if that one is revoked, and ``HostIdentityError/Code/invalidRequest`` if the
    /// request is for the same key.
    func renew(
        _ peer: PeerCertificate,
        request: SigningRequest,
        for duration: Duration,
        at now: Date
    ) throws -> IssuedCertificate {
        try locked { revocations in
            guard !revocations.revokes(peer) else {
                throw HostIdentityError(.revoked, "failed to renew the certificate of \(peer.identity): it is revoked")
            }
            guard Certificate.PublicKey(request.key) != peer.key else {
                throw HostIdentityError(
                    .invalidRequest,
                    "failed to renew the certificate of \(peer.identity): the request is for the old key"
                )
            }
            let validity = validity(peer.identity, duration, now, revocations)
            let issued = try authority.issue(peer.identity, request: request, validity: validity)
            try note(issued)
            return issued
        }
    }

    /// Revokes all certificates that a host has until now. Throws ``HostIdentityError/Code/invalidName`` if it never
    /// had one.
    package func revoke(_ identity: HostIdentity, at now: Date) throws {
        try locked { revocations in
            guard try entries().contains(where: { $0.identity == identity.description }) else {
                throw HostIdentityError(.invalidName, "failed to revoke \(identity): no certificate was issued for it")
            }
            var list = revocations
            list.revoke(identity, at: now)
            try store(list)
        }
    }

    /// Revokes one certificate. Throws ``HostIdentityError/Code/invalidName`` if it was not issued here.
    package func revoke(_ serial: CertificateSerial) throws {
        try locked { revocations in
            guard try entries().contains(where: { $0.serial == serial }) else {
                throw HostIdentityError(.invalidName, "failed to revoke \(serial): no such certificate was issued")
            }
            var list = revocations
            list.revoke(serial)
            try store(list)
        }
    }

    /// What was issued, the oldest first.
    package func entries() throws(HostIdentityError) -> [Entry] {
        guard access(files.issued, F_OK) == 0 else { return [] }
        let decoder = JSONDecoder()
        var entries: [Entry] = []
        for line in try StoredFile.text(of: files.issued).split(separator: "\n") {
            guard let entry = try? decoder.decode(Entry.self, from: Data(line.utf8)) else {
                // A line that a crash has cut off was of a certificate that nobody has got.
                continue
            }
            entries.append(entry)
        }
        return entries
    }

    /// Whether a certificate that was issued is revoked.
    package func isRevoked(_ entry: Entry, by list: RevocationList) -> Bool {
        guard let identity = try? HostIdentity(entry.identity) else { return false }
        return list.serials.contains(entry.serial) || list.identities[identity].map { entry.issuedAt <= $0 } ?? false
    }

    /// The list of the revoked.
    package func revocations() throws -> RevocationList {
        try RevocationList(signed: try signedRevocations(), by: authority.trusted.key)
    }

    /// The list of the revoked with the authority's signature, as hosts fetch it.
    package func signedRevocations() throws(HostIdentityError) -> String {
        try StoredFile.text(of: files.revoked)
    }

    // MARK: - Changes

    /// A host that was revoked a moment ago gets a certificate that is not revoked with the others.
    private func validity(
        _ identity: HostIdentity,
        _ duration: Duration,
        _ now: Date,
        _ revocations: RevocationList
    ) -> CertificateValidity {
        CertificateValidity(from: max(now, revocations.earliestIssue(of: identity) ?? now), for: duration)
    }

    private func store(_ list: RevocationList) throws {
        try StoredFile.replace(files.revoked, with: try authority.sign(list), permissions: 0o644)
    }

    /// Before anybody gets the certificate: what is not known cannot be revoked.
    private func note(_ issued: IssuedCertificate) throws {
        let entry = Entry(
            identity: issued.identity.description,
            serial: issued.serial,
            issued: Int(issued.validity.issued.timeIntervalSince1970),
            expires: Int(issued.validity.expires.timeIntervalSince1970)
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let file = open(files.issued, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw StoredFile.failure("write", files.issued) }
        defer { close(file) }
        // A line break on both sides: a line that was cut off spoils no other.
        try StoredFile.append(
            "\n" + String(decoding: try encoder.encode(entry), as: UTF8.self) + "\n",
            to: file,
            files.issued
        )
    }

    private func locked<Value>(_ body: (RevocationList) throws -> Value) throws -> Value {
        try Self.locked(files) { try body(try revocations()) }
    }

    /// One at a time, of all processes.
    private static func locked<Value>(_ files: Files, _ body: () throws -> Value) throws -> Value {
        let file = open(files.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw StoredFile.failure("open", files.lock) }
        defer { close(file) }
        guard flock(file, LOCK_EX) == 0 else { throw StoredFile.failure("lock", files.lock) }
        return try body()
    }
}
