import Foundation
import Logging
import NIOCore
import TestSupport
import Testing

@testable import HostIdentity

@Suite("Authority's service", .timeLimit(.minutes(10)))
struct AuthorityServiceTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs the service of a fleet while a closure uses it.
    private func serving(
        _ fleet: TestFleet,
        as identity: String = "authority/a1",
        validity: Duration = .seconds(3600),
        _ body: (AuthorityClient) async throws -> Void
    ) async throws {
        let host = try fleet.host(identity, renewal: fleet.authority.selfRenewal(validity: validity))
        let service = AuthorityService(
            directory: fleet.authority,
            credentials: host.credentials,
            validity: validity,
            logger: logger
        )
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await service.run(host: "127.0.0.1", port: 0) { continuation.yield($0.port ?? 0) }
                } catch is CancellationError {
                    // The end of the test.
                }
                continuation.finish()
            }
            for await port in ports {
                try await body(AuthorityClient(host: "127.0.0.1", port: port))
                break
            }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private func code(of error: (any Error)?) -> HostIdentityError.Code? {
        (error as? HostIdentityError)?.code
    }

    @Test func hostIsRenewedAsItselfWithAnotherKey() async throws {
        let fleet = try TestFleet()
        try await serving(fleet) { client in
            let clock = TestClock(Date().addingTimeInterval(-50))
            let worker = try fleet.host(
                "worker/w1",
                from: clock.now,
                for: .seconds(60),
                renewal: client,
                settings: clock.settings
            )
            let key = try String(contentsOfFile: "\(worker.directory.path)/key.pem", encoding: .utf8)
            let before = worker.credentials.own.peer
            clock.now = Date()
            await worker.credentials.look()
            let after = worker.credentials.own.peer
            #expect(after.identity == before.identity)
            #expect(after.serial != before.serial)
            #expect(after.key != before.key)
            #expect(after.validity.expires > Date().addingTimeInterval(3000))
            #expect(try String(contentsOfFile: "\(worker.directory.path)/key.pem", encoding: .utf8) != key)
            #expect(try fleet.authority.entries().last?.identity == "worker/w1")
            #expect(throws: Never.self) {
                try HostCredentials(directory: worker.directory.path, logger: logger)
            }
        }
    }

    @Test func requestForTheOldKeyOrOfNoUseIsRefused() async throws {
        let fleet = try TestFleet()
        try await serving(fleet) { client in
            let worker = try fleet.host("worker/w1")
            let (request, key) = try SigningRequest.make(for: worker.credentials.identity)
            var content = try CredentialFiles(directory: worker.directory.path).load()
            content.certificate = try await client.renew(signingRequest: request, as: worker.credentials)
            content.key = key
            try CredentialFiles(directory: worker.directory.path).replace(certificate: content.certificate, key: key)
            worker.credentials.reload()
            for bad in [request, "", "no request", String(repeating: "x", count: 20_000)] {
                let error = await #expect(throws: HostIdentityError.self) {
                    try await client.renew(signingRequest: bad, as: worker.credentials)
                }
                // One that is too long may find the connection closed before it was read.
                #expect(error?.code == .invalidRequest || bad.count == 20_000)
            }
        }
    }

    @Test func revokedHostIsNotRenewed() async throws {
        let fleet = try TestFleet()
        try await serving(fleet) { client in
            let worker = try fleet.host("worker/w1", renewal: client)
            let (request, _) = try SigningRequest.make(for: worker.credentials.identity)
            try fleet.authority.revoke(worker.credentials.identity, at: Date())
            let count = try fleet.authority.entries().count
            // The service has not read the list again; the directory has it.
            await #expect(throws: HostIdentityError.self) {
                try await client.renew(signingRequest: request, as: worker.credentials)
            }
            #expect(try fleet.authority.entries().count == count)
            // The list itself tells the host.
            await worker.credentials.fetchRevocations()
            #expect(throws: HostIdentityError.self) {
                try worker.credentials.checkRevocation(of: worker.credentials.own.peer)
            }
        }
    }

    @Test func hostThatAsksTooOftenIsRefused() async throws {
        let fleet = try TestFleet()
        try await serving(fleet) { client in
            let worker = try fleet.host("worker/w1").credentials
            for _ in 0..<RenewalQuota.renewalsMax {
                let (request, _) = try SigningRequest.make(for: worker.identity)
                _ = try await client.renew(signingRequest: request, as: worker)
            }
            let (request, _) = try SigningRequest.make(for: worker.identity)
            let error = await #expect(throws: HostIdentityError.self) {
                try await client.renew(signingRequest: request, as: worker)
            }
            #expect(error?.message.contains("429") ?? false)
        }
    }

    @Test func anotherHostIsNotTakenForTheAuthority() async throws {
        let fleet = try TestFleet()
        try await serving(fleet, as: "worker/rogue") { client in
            let worker = try fleet.host("worker/w1").credentials
            let error = await #expect(throws: HostIdentityError.self) { try await client.revocationList(as: worker) }
            #expect(error?.code == .wrongRole)
        }
    }

    @Test func authorityThatIsAwayLeavesEverythingAsItIs() async throws {
        let fleet = try TestFleet()
        let listener = try await Listener { _ in nil }
        let client = AuthorityClient(host: "127.0.0.1", port: listener.port)
        try await listener.close()
        let clock = TestClock(Date())
        let worker = try fleet.host("worker/w1", renewal: client, settings: clock.settings)
        let before = worker.credentials.own.peer
        clock.now.addTimeInterval(3000)
        await worker.credentials.look()
        #expect(worker.credentials.own.peer == before)
        let error = await #expect(throws: HostIdentityError.self) {
            try await client.revocationList(as: worker.credentials)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("127.0.0.1") ?? false)
    }

    @Test func listIsFetchedAndStored() async throws {
        let fleet = try TestFleet()
        try await serving(fleet) { client in
            let manager = try fleet.host("manager/m1", renewal: client)
            _ = try fleet.host("worker/w1")
            try fleet.authority.revoke(HostIdentity("worker/w1"), at: Date())
            await manager.credentials.look()
            let stored = try String(contentsOfFile: "\(manager.directory.path)/revoked", encoding: .utf8)
            #expect(try stored == fleet.authority.signedRevocations())
        }
    }
}
