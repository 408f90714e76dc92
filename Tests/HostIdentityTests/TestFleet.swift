import Crypto
import Foundation
import HostIdentity
import Logging
import NIOCore
import NIOSSL
import TestSupport

/// A fleet with an authority, and hosts as directories with their certificates.
struct TestFleet {
    let directory: TemporaryDirectory
    let authority: AuthorityDirectory

    init(_ name: String = "blue") throws {
        directory = try TemporaryDirectory()
        authority = try AuthorityDirectory.create(
            in: directory.path,
            fleet: FleetName(name),
            at: Date().addingTimeInterval(-30 * 86_400)
        )
    }

    /// Writes the files of a host, as `ca issue` does.
    func write(_ identity: HostIdentity, to host: TemporaryDirectory, from issued: Date = Date(), for life: Duration)
        throws
    {
        let (certificate, key) = try authority.issue(identity, for: life, at: issued)
        try StoredFile.replace("\(host.path)/key.pem", with: key, permissions: 0o600)
        try StoredFile.replace("\(host.path)/authority.pem", with: authority.certificatePEM, permissions: 0o644)
        try StoredFile.replace("\(host.path)/certificate.pem", with: certificate.pem, permissions: 0o644)
    }

    /// A host with a good certificate.
    func host(
        _ identity: String,
        from issued: Date = Date(),
        for life: Duration = .seconds(3600),
        renewal: (any RenewalAuthority)? = nil,
        settings: HostCredentials.Settings = HostCredentials.Settings()
    ) throws -> TestHost {
        let host = try TemporaryDirectory()
        try write(try HostIdentity(identity), to: host, from: issued, for: life)
        return TestHost(
            directory: host,
            credentials: try HostCredentials(
                directory: host.path,
                renewal: renewal,
                settings: settings,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
        )
    }
}

/// A host and its files.
struct TestHost {
    let directory: TemporaryDirectory
    let credentials: HostCredentials
}

/// A peer that follows no rule: it verifies nothing, and shows whatever it is given.
struct LawlessPeer {
    var certificatePEM: String?
    var keyPEM: String?
    var versionMax = TLSVersion.tlsv13

    func context() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.maximumTLSVersion = versionMax
        if let certificatePEM, let keyPEM {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(certificatePEM.utf8))
                .map { .certificate($0) }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem))
        }
        return try NIOSSLContext(configuration: configuration)
    }
}

extension LawlessPeer {
    /// With the certificate of a host of a fleet.
    init(_ fleet: TestFleet, _ identity: String, from issued: Date = Date(), for life: Duration = .seconds(3600)) throws
    {
        let (certificate, key) = try fleet.authority.issue(try HostIdentity(identity), for: life, at: issued)
        certificatePEM = certificate.pem
        keyPEM = key
    }
}
