import Crypto
import Foundation
import NIOCore
import NIOSSL
import SwiftASN1
import TestSupport
import Testing
import X509

@testable import HostIdentity

/// Why a future has failed.
func refusal(of future: EventLoopFuture<HostIdentity>?) async -> HostIdentityError.Code? {
    do {
        _ = try await future?.get()
        return nil
    } catch {
        return (error as? HostIdentityError)?.code
    }
}

@Suite("Handshake", .timeLimit(.minutes(10)))
struct HandshakeTests {
    @Test func hostsOfOneFleetKnowEachOther() async throws {
        let fleet = try TestFleet()
        let worker = try fleet.host("worker/w1")
        let manager = try fleet.host("manager/m1")
        let loopback = try await Loopback(
            accepting: worker.credentials.accepting(.manager, .frontend),
            dialling: manager.credentials.dialling("worker/w1")
        )
        #expect(await loopback.isEstablished())
        #expect(try await loopback.accepted.peer?.get() == HostIdentity("manager/m1"))
        #expect(try await loopback.dialled.peer?.get() == HostIdentity("worker/w1"))
        for channel in [loopback.accepted.channel, loopback.dialled.channel] {
            let seen = try await channel.eventLoop.submit {
                let handler = try channel.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
                return (try HostCredentials.peer(of: channel), handler.tlsVersion)
            }.get()
            #expect(seen.0.name.hasSuffix("1"))
            #expect(seen.1 == .tlsv13)
        }
        try await loopback.close()
    }

    @Test func anyHostOfARoleWillDo() async throws {
        let fleet = try TestFleet()
        let loopback = try await Loopback(
            accepting: fleet.host("manager/m7").credentials.accepting(.worker),
            dialling: fleet.host("worker/w1").credentials.dialling(any: .manager)
        )
        #expect(await loopback.isEstablished())
        try await loopback.close()
    }

    @Test func handlersByThemselvesRefuseTheSame() async throws {
        let fleet = try TestFleet()
        let worker = try fleet.host("worker/w1").credentials
        let manager = try fleet.host("manager/m1").credentials
        for (roles, host, isGood) in [
            (Set([HostRole.manager]), "worker/w1", true), ([.frontend], "worker/w1", false),
            ([.manager], "worker/w2", false),
        ] {
            let loopback = try await Loopback { channel in
                try channel.pipeline.syncOperations.addHandler(worker.serverHandler(allowing: roles))
                return nil
            } dialling: { channel in
                let handler = try manager.clientHandler(expecting: try HostIdentity(host))
                try channel.pipeline.syncOperations.addHandler(handler)
                return nil
            }
            #expect(await loopback.isEstablished() == isGood)
            try await loopback.close()
        }
    }

    @Test func hostOfAnotherRoleIsRefused() async throws {
        let fleet = try TestFleet()
        let loopback = try await Loopback(
            accepting: fleet.host("worker/w1").credentials.accepting(.manager, .frontend),
            dialling: fleet.host("worker/w2").credentials.dialling("worker/w1")
        )
        #expect(await loopback.isEstablished() == false)
        try await loopback.close()
        #expect(await refusal(of: loopback.accepted.peer) == .wrongRole)
        // The dialler was done before the other side has seen its certificate; it hears of the refusal all the same.
        #expect(loopback.dialled.end.codes.first == .refusedByPeer)
        #expect(loopback.accepted.end.text + loopback.dialled.end.text == "")
    }

    @Test(arguments: [
        ("worker/w2", HostIdentityError.Code.wrongName), ("manager/w1", .wrongRole), ("frontend/w2", .wrongRole),
    ])
    func hostOfAnotherNameIsRefused(expected: String, code expectedCode: HostIdentityError.Code) async throws {
        let fleet = try TestFleet()
        let loopback = try await Loopback(
            accepting: fleet.host("worker/w1").credentials.accepting(.manager),
            dialling: fleet.host("manager/m1").credentials.dialling(expected)
        )
        #expect(await loopback.isEstablished() == false)
        try await loopback.close()
        #expect(await refusal(of: loopback.dialled.peer) == expectedCode)
        #expect(await refusal(of: loopback.accepted.peer) == .refusedByPeer)
        #expect(loopback.accepted.end.text + loopback.dialled.end.text == "")
    }

    @Test func fleetsDoNotMix() async throws {
        for name in ["blue", "green"] {
            let loopback = try await Loopback(
                accepting: TestFleet().host("worker/w1").credentials.accepting(.manager),
                dialling: TestFleet(name).host("manager/m1").credentials.dialling("worker/w1")
            )
            #expect(await loopback.isEstablished() == false)
            try await loopback.close()
            #expect(await refusal(of: loopback.dialled.peer) == .untrusted)
            #expect(loopback.accepted.end.text + loopback.dialled.end.text == "")
        }
    }

    enum Flaw: String, CaseIterable {
        case noCertificate, otherAuthority, selfSigned, expired, notYetValid, revokedSerial, revokedHost, tls12,
            plainText
        case dnsName, twoNames, noUsage, otherFleetSameKey

        /// What this side makes of it. A listener that cannot even offer what this side asks for says so first.
        func code(on side: HostRole) -> HostIdentityError.Code {
            switch self {
            case .noCertificate, .tls12: side == .worker ? .refusedByPeer : .noHandshake
            case .plainText: .noHandshake
            case .expired: .expired
            case .notYetValid: .notYetValid
            case .revokedSerial, .revokedHost: .revoked
            case .otherFleetSameKey: .wrongFleet
            default: .untrusted
            }
        }
    }

    @Test(arguments: Flaw.allCases, [HostRole.worker, .manager])
    func peerThatProvesNothingIsRefused(flaw: Flaw, side: HostRole) async throws {
        let fleet = try TestFleet()
        let host = try fleet.host("manager/m1")
        let lawless = try peer(with: flaw, in: fleet)
        if flaw == .revokedSerial || flaw == .revokedHost {
            try host.credentials.apply(revocations: try fleet.authority.signedRevocations())
        }
        let plain: Securing = { _ in nil }
        let tls = side == .worker ? lawless.accepting : lawless.dialling
        let securing = flaw == .plainText ? plain : tls
        let loopback =
            side == .worker
            ? try await Loopback(accepting: securing, dialling: host.credentials.dialling("worker/w1"))
            : try await Loopback(accepting: host.credentials.accepting(.worker), dialling: securing)
        let good = side == .worker ? loopback.dialled : loopback.accepted
        let bad = side == .worker ? loopback.accepted : loopback.dialled
        #expect(await loopback.isEstablished() == false)
        try await loopback.close()
        #expect(await refusal(of: good.peer) == flaw.code(on: side))
        #expect(good.end.text == "")
        // What a peer without TLS hears is the TLS of this side, and nothing that its application has said.
        #expect(!bad.end.text.contains("from the"))
    }

    private func peer(with flaw: Flaw, in fleet: TestFleet) throws -> LawlessPeer {
        let now = Date()
        switch flaw {
        case .noCertificate, .plainText:
            return LawlessPeer()
        case .otherAuthority:
            return try LawlessPeer(TestFleet(), "worker/w1")
        case .expired:
            return try LawlessPeer(fleet, "worker/w1", from: now.addingTimeInterval(-7200), for: .seconds(3600))
        case .notYetValid:
            return try LawlessPeer(fleet, "worker/w1", from: now.addingTimeInterval(7200), for: .seconds(3600))
        case .revokedSerial:
            let peer = try LawlessPeer(fleet, "worker/w1")
            try fleet.authority.revoke(try #require(try fleet.authority.entries().last).serial)
            return peer
        case .revokedHost:
            let peer = try LawlessPeer(fleet, "worker/w1")
            try fleet.authority.revoke(try HostIdentity("worker/w1"), at: now)
            return peer
        case .tls12:
            var peer = try LawlessPeer(fleet, "worker/w1")
            peer.versionMax = .tlsv12
            return peer
        case .selfSigned, .dnsName, .twoNames, .noUsage, .otherFleetSameKey:
            return try forged(flaw, in: fleet)
        }
    }

    /// A certificate that nobody would issue; but for one that signs itself, with the authority's own key.
    private func forged(_ flaw: Flaw, in fleet: TestFleet) throws -> LawlessPeer {
        let authority = try Certificate(pemEncoded: fleet.authority.certificatePEM)
        let text = try String(contentsOfFile: "\(fleet.directory.path)/authority-key.pem", encoding: .utf8)
        let key = P256.Signing.PrivateKey()
        let signer = flaw == .selfSigned ? key : try P256.Signing.PrivateKey(pemRepresentation: text)
        let name = GeneralName.uniformResourceIdentifier("swiftlet://blue/worker/w1")
        let names: [GeneralName] =
            switch flaw {
            case .dnsName: [.dnsName("w1")]
            case .twoNames: [name, .uniformResourceIdentifier("swiftlet://blue/manager/m1")]
            case .otherFleetSameKey: [.uniformResourceIdentifier("swiftlet://green/worker/w1")]
            default: [name]
            }
        let certificate = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(key.publicKey),
            notValidBefore: Date().addingTimeInterval(-60),
            notValidAfter: Date().addingTimeInterval(3600),
            issuer: authority.subject,
            subject: try DistinguishedName { CommonName("w1") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage(flaw == .noUsage ? [.codeSigning] : [.serverAuth, .clientAuth])
                SubjectAlternativeNames(names)
            },
            issuerPrivateKey: Certificate.PrivateKey(signer)
        )
        return LawlessPeer(certificatePEM: try certificate.serializeAsPEM().pemString, keyPEM: key.pemRepresentation)
    }

    @Test func authorityIsNoHost() throws {
        let fleet = try TestFleet()
        let trusted = try TrustedAuthority(pem: fleet.authority.certificatePEM, path: "")
        let error = #expect(throws: HostIdentityError.self) {
            try trusted.check(trusted.certificate, for: .serverAuth, at: Date())
        }
        #expect(error?.code == .untrusted)
    }

    @Test func silentPeerDoesNotWaitForever() async throws {
        let fleet = try TestFleet()
        var settings = HostCredentials.Settings()
        settings.handshakeTimeout = .milliseconds(1)
        let host = try fleet.host("manager/m1", settings: settings)
        let listener = try await Listener(host.credentials.accepting(.worker))
        let silent = try await Loopback(to: listener) { channel in
            // It does not even say its greeting.
            try channel.pipeline.syncOperations.addHandler(Silence())
            return nil
        }
        await silent.ends()
        #expect(await refusal(of: silent.accepted.peer) == .timeout)
        try await listener.close()
    }

    @Test func peerOfAPlainChannelIsUnknown() async throws {
        let loopback = try await Loopback(accepting: { _ in nil }, dialling: { _ in nil })
        let channel = loopback.dialled.channel
        await #expect(throws: HostIdentityError.self) {
            try await channel.eventLoop.submit { try HostCredentials.peer(of: channel) }.get()
        }
        try await loopback.close()
    }
}

/// Swallows what is written.
private final class Silence: ChannelOutboundHandler, Sendable {
    typealias OutboundIn = ByteBuffer

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        promise?.succeed()
    }
}
