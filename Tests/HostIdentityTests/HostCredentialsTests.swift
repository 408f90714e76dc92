import Foundation
import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import HostIdentity

/// A clock that a test sets.
final class TestClock: Sendable {
    private let date: Mutex<Date>

    init(_ date: Date = Date()) {
        self.date = Mutex(date)
    }

    var now: Date {
        get { date.withLock { $0 } }
        set { date.withLock { $0 = newValue } }
    }

    var settings: HostCredentials.Settings {
        var settings = HostCredentials.Settings()
        settings.now = { self.now }
        return settings
    }
}

@Suite("Host credentials", .timeLimit(.minutes(10)))
struct HostCredentialsTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func code(opening directory: TemporaryDirectory) -> HostIdentityError.Code? {
        do {
            _ = try HostCredentials(directory: directory.path, logger: logger)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(arguments: [0o644, 0o640, 0o660, 0o604, 0o602] as [UInt32])
    func keyThatOthersCanReadIsRefused(mode: UInt32) throws {
        let host = try TestFleet().host("worker/w1")
        #expect(code(opening: host.directory) == nil)
        chmod("\(host.directory.path)/key.pem", mode)
        #expect(code(opening: host.directory) == .exposedKey)
    }

    @Test(arguments: ["certificate.pem", "key.pem", "authority.pem"])
    func missingAndSpoiltFilesAreNamed(name: String) throws {
        let host = try TestFleet().host("worker/w1")
        let path = "\(host.directory.path)/\(name)"
        for (text, expected) in [("spoilt", HostIdentityError.Code.invalidFile), (nil, .unavailable)] {
            if let text { try StoredFile.replace(path, with: text, permissions: 0o600) } else { unlink(path) }
            let error = #expect(throws: HostIdentityError.self) {
                try HostCredentials(directory: host.directory.path, logger: logger)
            }
            #expect(error?.code == expected)
            #expect(error?.message.contains(path) ?? false)
        }
    }

    @Test func filesOfDifferentHostsDoNotGoTogether() throws {
        let fleet = try TestFleet()
        let one = try fleet.host("worker/w1").directory
        let other = try fleet.host("worker/w2").directory
        try FileManager.default.removeItem(atPath: "\(one.path)/key.pem")
        try FileManager.default.copyItem(atPath: "\(other.path)/key.pem", toPath: "\(one.path)/key.pem")
        #expect(code(opening: one) == .invalidFile)
    }

    @Test func certificateThatNobodyWouldAcceptIsRefusedAtTheStart() throws {
        let fleet = try TestFleet()
        let host = try TemporaryDirectory()
        let identity = try HostIdentity("worker/w1")
        let now = Date()
        try fleet.write(identity, to: host, from: now.addingTimeInterval(-7200), for: .seconds(3600))
        #expect(code(opening: host) == .expired)
        try fleet.write(identity, to: host, from: now.addingTimeInterval(3600), for: .seconds(3600))
        #expect(code(opening: host) == .notYetValid)
        try fleet.write(identity, to: host, for: .seconds(3600))
        #expect(code(opening: host) == nil)
        try fleet.authority.revoke(identity, at: now.addingTimeInterval(10))
        try StoredFile.replace("\(host.path)/revoked", with: fleet.authority.signedRevocations(), permissions: 0o644)
        #expect(code(opening: host) == .revoked)
        let other = try TestFleet()
        try StoredFile.replace("\(host.path)/authority.pem", with: other.authority.certificatePEM, permissions: 0o644)
        unlink("\(host.path)/revoked")
        #expect(code(opening: host) == .untrusted)
    }

    @Test func newCertificateServesNewConnectionsAndOldOnesGoOn() async throws {
        let fleet = try TestFleet()
        let clock = TestClock()
        let renewal = fleet.authority.selfRenewal(validity: .seconds(3600))
        let worker = try fleet.host("worker/w1", renewal: renewal, settings: clock.settings)
        let manager = try fleet.host("manager/m1", for: .seconds(86_400), settings: clock.settings)
        let listener = try await Listener(worker.credentials.accepting(.manager))
        let serial = { (loopback: Loopback) async throws in
            let channel = loopback.dialled.channel
            return try await channel.eventLoop.submit { try HostCredentials.certificate(of: channel).serial }.get()
        }
        let old = try await Loopback(to: listener, manager.credentials.dialling("worker/w1"))
        #expect(await old.isEstablished())
        let before = try await serial(old)
        // Nothing is due yet.
        await worker.credentials.look()
        #expect(try fleet.authority.entries().count == 2)
        let key = try String(contentsOfFile: "\(worker.directory.path)/key.pem", encoding: .utf8)

        clock.now.addTimeInterval(2500)
        await worker.credentials.look()
        #expect(try fleet.authority.entries().count == 3)
        #expect(try String(contentsOfFile: "\(worker.directory.path)/key.pem", encoding: .utf8) != key)
        let new = try await Loopback(to: listener, manager.credentials.dialling("worker/w1"))
        #expect(await new.isEstablished())
        #expect(try await serial(new) != before)
        #expect(await old.carries("still here"))

        // The old certificate ends, and with it no connection.
        clock.now.addTimeInterval(2000)
        #expect(await old.carries("and still"))
        try await old.close()
        try await new.close()
        try await listener.close()
        // What is on the disk is whole.
        #expect(throws: Never.self) {
            try HostCredentials(directory: worker.directory.path, settings: clock.settings, logger: logger)
        }
    }

    @Test func certificateThatEndsBreaksNoOpenConnectionAndMakesNoNewOne() async throws {
        let fleet = try TestFleet()
        let clock = TestClock()
        let worker = try fleet.host("worker/w1", settings: clock.settings)
        let manager = try fleet.host("manager/m1", for: .seconds(86_400), settings: clock.settings)
        let listener = try await Listener(worker.credentials.accepting(.manager))
        let open = try await Loopback(to: listener, manager.credentials.dialling("worker/w1"))
        #expect(await open.isEstablished())
        clock.now.addTimeInterval(4000)
        await worker.credentials.look()
        #expect(await open.carries("on and on"))
        let late = try await Loopback(to: listener, manager.credentials.dialling("worker/w1"))
        await late.ends()
        #expect(await refusal(of: late.dialled.peer) == .expired)
        try await open.close()
        try await listener.close()
    }

    @Test func filesThatAnOperatorReplacesAreReadAgain() async throws {
        let fleet = try TestFleet()
        let worker = try fleet.host("worker/w1")
        let before = worker.credentials.expires
        try fleet.write(worker.credentials.identity, to: worker.directory, for: .seconds(7200))
        worker.credentials.reload()
        #expect(worker.credentials.expires > before)
        let good = worker.credentials.expires
        // What is no use leaves everything as it is.
        try StoredFile.replace("\(worker.directory.path)/certificate.pem", with: "spoilt", permissions: 0o644)
        worker.credentials.reload()
        #expect(worker.credentials.expires == good)
        // So does the certificate of somebody else.
        try fleet.write(HostIdentity("worker/w2"), to: worker.directory, for: .seconds(9000))
        worker.credentials.reload()
        #expect(worker.credentials.expires == good)
        #expect(worker.credentials.identity.name == "w1")
    }

    @Test func crashBetweenKeyAndCertificateIsMendedAtTheStart() throws {
        let fleet = try TestFleet()
        let worker = try fleet.host("worker/w1")
        let path = worker.directory.path
        let (issued, key) = try fleet.authority.issue(worker.credentials.identity, for: .seconds(9000), at: Date())
        // As far as a renewal had come.
        try StoredFile.write(issued.pem, to: "\(path)/certificate.pem.new", permissions: 0o644)
        try StoredFile.replace("\(path)/key.pem", with: key, permissions: 0o600)
        let opened = try HostCredentials(directory: path, logger: logger)
        #expect(opened.expires == issued.validity.expires)
        #expect(try String(contentsOfFile: "\(path)/certificate.pem", encoding: .utf8) == issued.pem)
        #expect(throws: Never.self) { try HostCredentials(directory: path, logger: logger) }
    }

    @Test func revocationClosesTheConnectionsOfWhomItConcerns() async throws {
        let fleet = try TestFleet()
        let renewal = fleet.authority.selfRenewal(validity: .seconds(3600))
        let manager = try fleet.host("manager/m1", renewal: renewal)
        let listener = try await Listener(manager.credentials.accepting(.worker))
        let bad = try await Loopback(to: listener, fleet.host("worker/bad").credentials.dialling("manager/m1"))
        let good = try await Loopback(to: listener, fleet.host("worker/good").credentials.dialling("manager/m1"))
        #expect(await bad.isEstablished())
        #expect(await good.isEstablished())
        try fleet.authority.revoke(HostIdentity("worker/bad"), at: Date())
        await manager.credentials.fetchRevocations()
        await bad.ends()
        #expect(await good.carries("unharmed"))
        let again = try await Loopback(to: listener, fleet.host("worker/good").credentials.dialling("manager/m1"))
        #expect(await again.isEstablished())
        // The list outlives the process.
        let directory = manager.directory.path
        let reopened = try HostCredentials(directory: directory, logger: logger)
        #expect(throws: HostIdentityError.self) {
            try reopened.apply(revocations: try TestFleet().authority.signedRevocations())
        }
        try await good.close()
        try await again.close()
        try await listener.close()
    }

    @Test func registeredChannelOfARevokedPeerIsClosedAtOnce() async throws {
        let fleet = try TestFleet()
        let manager = try fleet.host("manager/m1").credentials
        let worker = try fleet.host("worker/w1").credentials
        let loopback = try await Loopback { channel in
            try channel.pipeline.syncOperations.addHandler(manager.serverHandler(allowing: [.worker]))
            return nil
        } dialling: {
            worker.secure($0, expecting: .manager)
        }
        #expect(await loopback.isEstablished())
        manager.register(loopback.accepted.channel)
        try fleet.authority.revoke(worker.identity, at: Date())
        try manager.apply(revocations: fleet.authority.signedRevocations())
        await loopback.ends()
    }

    @Test func olderListIsRefused() throws {
        let fleet = try TestFleet()
        let manager = try fleet.host("manager/m1").credentials
        _ = try fleet.host("worker/w1")
        let first = try fleet.authority.signedRevocations()
        try fleet.authority.revoke(HostIdentity("worker/w1"), at: Date())
        #expect(try manager.apply(revocations: fleet.authority.signedRevocations()))
        #expect(try !manager.apply(revocations: fleet.authority.signedRevocations()))
        let error = #expect(throws: HostIdentityError.self) { try manager.apply(revocations: first) }
        #expect(error?.code == .invalidFile)
    }
}
