import Crypto
import Foundation
import SwiftASN1
import TestSupport
import Testing
import X509

@testable import HostIdentity

@Suite("Authority")
struct AuthorityTests {
    private let now = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down))

    /// Runs openssl and returns what it prints.
    private func openssl(_ arguments: String...) throws -> (status: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test func opensslFindsTheCertificatesGood() throws {
        let fleet = try TestFleet()
        let host = try fleet.host("worker/w1")
        let path = host.directory.path
        for purpose in ["sslserver", "sslclient"] {
            let done = try openssl(
                "verify",
                "-x509_strict",
                "-purpose",
                purpose,
                "-CAfile",
                "\(path)/authority.pem",
                "\(path)/certificate.pem"
            )
            #expect(done.status == 0, "\(done.text)")
        }
        let text = try openssl("x509", "-noout", "-text", "-in", "\(path)/certificate.pem").text
        #expect(text.contains("URI:swiftlet://blue/worker/w1"))
        #expect(text.contains("X509v3 Basic Constraints: critical\n                CA:FALSE"))
        #expect(text.contains("X509v3 Key Usage: critical\n                Digital Signature\n"))
        #expect(text.contains("TLS Web Server Authentication, TLS Web Client Authentication"))
        #expect(text.contains("Public-Key: (256 bit)"))
        #expect(try openssl("verify", "-CAfile", "\(path)/authority.pem", "\(path)/authority.pem").status == 0)
        let authority = try openssl("x509", "-noout", "-text", "-in", "\(path)/authority.pem").text
        #expect(authority.contains("CA:TRUE, pathlen:0"))
        #expect(authority.contains("URI:swiftlet://blue\n"))
    }

    @Test func certificateLivesAsLongAsItWasTold() throws {
        let fleet = try TestFleet()
        let identity = try HostIdentity("worker/w1")
        let issued = try fleet.authority.issue(identity, for: .seconds(3600), at: now).certificate
        let certificate = try Certificate(pemEncoded: issued.pem)
        #expect(certificate.notValidBefore == now.addingTimeInterval(-300))
        #expect(certificate.notValidAfter == now.addingTimeInterval(3600))
        let peer = try PeerCertificate(certificate)
        #expect(peer.identity == identity)
        #expect(peer.serial == issued.serial)
        #expect(peer.validity == issued.validity)
    }

    @Test func noCertificateOutlivesTheAuthority() throws {
        let authority = try CertificateAuthority(fleet: FleetName("blue"), at: now.addingTimeInterval(-3649 * 86_400))
        let validity = CertificateValidity(from: now, for: .seconds(30 * 86_400))
        let issued = try authority.issue(HostIdentity("worker/w1"), validity: validity).certificate
        #expect(issued.validity.expires == now.addingTimeInterval(86_400))
    }

    @Test func requestGivesTheKeyAndNothingElse() throws {
        let fleet = try TestFleet()
        let (request, key) = try SigningRequest.make(for: HostIdentity("authority/admin"))
        let identity = try HostIdentity("worker/w1")
        let issued = try fleet.authority.issue(
            identity,
            request: SigningRequest(pem: request),
            for: .seconds(60),
            at: now
        )
        let certificate = try Certificate(pemEncoded: issued.pem)
        #expect(try PeerCertificate(certificate).identity == identity)
        #expect(!certificate.subject.description.contains("admin"))
        #expect(
            try Certificate.PublicKey(P256.Signing.PrivateKey(pemRepresentation: key).publicKey)
                == certificate.publicKey
        )
    }

    @Test func requestOfSomebodyElsesKeyIsRefused() throws {
        let mine = P256.Signing.PrivateKey()
        let theirs = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("w1") }
        let request = try CertificateSigningRequest(
            version: .v1,
            subject: name,
            privateKey: Certificate.PrivateKey(mine),
            attributes: CertificateSigningRequest.Attributes(),
            signatureAlgorithm: .ecdsaWithSHA256
        )
        let stolen = try CertificateSigningRequest(
            version: .v1,
            subject: name,
            publicKey: Certificate.PublicKey(theirs.publicKey),
            attributes: CertificateSigningRequest.Attributes(),
            signatureAlgorithm: .ecdsaWithSHA256,
            signature: request.signature
        )
        let large = try CertificateSigningRequest(
            version: .v1,
            subject: name,
            privateKey: Certificate.PrivateKey(P384.Signing.PrivateKey()),
            attributes: CertificateSigningRequest.Attributes(),
            signatureAlgorithm: .ecdsaWithSHA384
        )
        #expect(throws: Never.self) { try SigningRequest(pem: request.serializeAsPEM().pemString) }
        for bad in [try stolen.serializeAsPEM().pemString, try large.serializeAsPEM().pemString, "", "no request"] {
            let error = #expect(throws: HostIdentityError.self) { try SigningRequest(pem: bad) }
            #expect(error?.code == .invalidRequest)
        }
    }

    @Test func secondAuthorityInADirectoryIsRefused() throws {
        let fleet = try TestFleet()
        let before = fleet.authority.certificatePEM
        let error = #expect(throws: HostIdentityError.self) {
            try AuthorityDirectory.create(in: fleet.directory.path, fleet: FleetName("green"), at: now)
        }
        #expect(error?.code == .invalidRequest)
        #expect(try AuthorityDirectory(fleet.directory.path).certificatePEM == before)
    }

    @Test func authorityWithAKeyThatOthersCanReadIsRefused() throws {
        let fleet = try TestFleet()
        chmod("\(fleet.directory.path)/authority-key.pem", 0o640)
        let error = #expect(throws: HostIdentityError.self) { try AuthorityDirectory(fleet.directory.path) }
        #expect(error?.code == .exposedKey)
    }

    @Test func whatWasIssuedIsNotedDownForever() throws {
        let fleet = try TestFleet()
        var serials: [CertificateSerial] = []
        for name in ["w1", "w2", "w1"] {
            let identity = try HostIdentity(role: .worker, name: name)
            serials.append(try fleet.authority.issue(identity, for: .seconds(60), at: now).certificate.serial)
        }
        // A crash in the middle of a line.
        let index = try #require(FileHandle(forWritingAtPath: "\(fleet.directory.path)/issued"))
        try index.seekToEnd()
        try index.write(contentsOf: Data("{\"identity\":\"wor".utf8))
        try index.close()
        let last = try fleet.authority.issue(HostIdentity("worker/w3"), for: .seconds(60), at: now).certificate.serial
        let entries = try AuthorityDirectory(fleet.directory.path).entries()
        #expect(entries.map(\.serial) == serials + [last])
        #expect(entries.map(\.identity) == ["worker/w1", "worker/w2", "worker/w1", "worker/w3"])
        #expect(entries[0].expiresAt == now.addingTimeInterval(60))
    }
}

@Suite("Revocation list")
struct RevocationListTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func certificate(_ authority: CertificateAuthority, _ identity: String, at moment: Date) throws
        -> PeerCertificate
    {
        let validity = CertificateValidity(from: moment, for: .seconds(3600))
        let issued = try authority.issue(HostIdentity(identity), validity: validity).certificate
        return try PeerCertificate(Certificate(pemEncoded: issued.pem))
    }

    @Test func revokedHostLosesWhatItHadAndGetsNewOnes() throws {
        let fleet = try FleetName("blue")
        let authority = try CertificateAuthority(fleet: fleet, at: now)
        var list = RevocationList(fleet: fleet)
        list.revoke(try HostIdentity("worker/w1"), at: now)
        #expect(list.revokes(try certificate(authority, "worker/w1", at: now.addingTimeInterval(-1000))))
        #expect(list.revokes(try certificate(authority, "worker/w1", at: now)))
        #expect(!list.revokes(try certificate(authority, "worker/w1", at: now.addingTimeInterval(1))))
        #expect(!list.revokes(try certificate(authority, "worker/w2", at: now)))
        #expect(!list.revokes(try certificate(authority, "manager/w1", at: now)))
    }

    @Test func hostThatWasRevokedInThisSecondCanBeIssuedAnother() throws {
        let fleet = try TestFleet()
        let identity = try HostIdentity("worker/w1")
        _ = try fleet.authority.issue(identity, for: .seconds(3600), at: now)
        try fleet.authority.revoke(identity, at: now)
        let issued = try fleet.authority.issue(identity, for: .seconds(3600), at: now).certificate
        let peer = try PeerCertificate(Certificate(pemEncoded: issued.pem))
        #expect(try !fleet.authority.revocations().revokes(peer))
        let entries = try fleet.authority.entries()
        let list = try fleet.authority.revocations()
        #expect(entries.map { fleet.authority.isRevoked($0, by: list) } == [true, false])
    }

    @Test func numberGrowsWithEveryChange() throws {
        var list = RevocationList(fleet: try FleetName("blue"))
        let serial = try CertificateSerial("0a")
        list.revoke(serial)
        list.revoke(serial)
        #expect(list.number == 1)
        list.revoke(try HostIdentity("worker/w1"), at: now)
        list.revoke(try HostIdentity("worker/w1"), at: now.addingTimeInterval(-60))
        #expect(list.number == 3)
        #expect(try list.identities == [HostIdentity("worker/w1"): now])
    }

    @Test func listIsReadAsItWasSigned() throws {
        let key = P256.Signing.PrivateKey()
        var list = RevocationList(fleet: try FleetName("blue"))
        for number in 0..<20 {
            list.revoke(CertificateSerial(bytes: [UInt8(number), 7]))
            list.revoke(try HostIdentity(role: .worker, name: "w\(number)"), at: now.addingTimeInterval(Double(number)))
        }
        #expect(try RevocationList(signed: list.signed(by: key), by: key.publicKey) == list)
    }

    @Test func changedOrForeignListIsRefused() throws {
        let key = P256.Signing.PrivateKey()
        var list = RevocationList(fleet: try FleetName("blue"))
        list.revoke(try HostIdentity("worker/w1"), at: now)
        let text = try list.signed(by: key)
        #expect(throws: HostIdentityError.self) {
            try RevocationList(signed: text, by: P256.Signing.PrivateKey().publicKey)
        }
        let empty = try RevocationList(fleet: FleetName("blue")).signed(by: key)
        let content = { (text: String) in try #require(text.split(separator: "\"").dropFirst(3).first) }
        let mixed = text.replacing(try content(text), with: try content(empty))
        for bad in [mixed, "", "{}", "null", String(text.dropLast(20))] {
            #expect(throws: HostIdentityError.self) { try RevocationList(signed: bad, by: key.publicKey) }
        }
    }

    @Test func whatNeverExistedCannotBeRevoked() throws {
        let fleet = try TestFleet()
        #expect(throws: HostIdentityError.self) { try fleet.authority.revoke(HostIdentity("worker/w1"), at: now) }
        #expect(throws: HostIdentityError.self) { try fleet.authority.revoke(CertificateSerial("0a")) }
        #expect(try fleet.authority.revocations().number == 0)
    }
}
