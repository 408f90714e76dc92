import ArgumentParser
import Foundation
import HostIdentity
import Logging
import NIOCore
import ServiceLifecycle
import Telemetry
import UnixSignals

/// `swiftlet ca serve`: renews certificates.
struct CAServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Renew the certificates of hosts, and tell them which are revoked.",
        discussion: """
            A host gets a certificate for itself and for nobody else, and only while the one it has is good. The first \
            certificate of a host is issued with 'swiftlet ca issue'.
            """
    )

    @OptionGroup var directory: CACommand.Directory

    @Option(help: "Where to listen: HOST:PORT.")
    var listen: ListenAddress

    @Option(help: "How long the certificates are good that are issued: a number with s, m, h or d.")
    var valid: LifeTime = .standard

    @Option(help: "The least severe log level to print: debug, info, notice, warning or error.")
    var logLevel = "info"

    func run() async throws {
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw ValidationError("'\(logLevel)' is no log level")
        }
        let authority = try directory.open()
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "swiftlet")
        logger.logLevel = level
        DescriptorLimit.raise(logger: logger)
        let credentials = try makeCredentials(authority, logger: logger)
        let service = AuthorityService(
            directory: authority,
            credentials: credentials,
            validity: valid.duration,
            logger: logger
        )
        var group = ServiceGroupConfiguration(
            services: [
                CredentialsService(credentials: credentials),
                ListeningService(service: service, address: listen, logger: logger),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumCancellationDuration = .seconds(10)
        try await ServiceGroup(configuration: group).run()
    }

    /// The authority issues itself what its service proves itself by, anew at each start: its key is at hand.
    private func makeCredentials(_ authority: AuthorityDirectory, logger: Logger) throws -> HostCredentials {
        let path = "\(directory.path)/service"
        try DataDirectory.make(path)
        let identity = try HostIdentity(role: .authority, name: "authority")
        let (certificate, key) = try authority.issue(identity, for: valid.duration, at: Date())
        try StoredFile.replace("\(path)/key.pem", with: key, permissions: 0o600)
        try StoredFile.replace("\(path)/authority.pem", with: authority.certificatePEM, permissions: 0o644)
        try StoredFile.replace("\(path)/certificate.pem", with: certificate.pem, permissions: 0o644)
        var settings = HostCredentials.Settings()
        // Its list is in a file next to it; what was revoked a moment ago is refused.
        settings.revocationInterval = .seconds(1)
        settings.interval = .seconds(1)
        return try HostCredentials(
            directory: path,
            renewal: authority.selfRenewal(validity: valid.duration),
            settings: settings,
            logger: logger
        )
    }
}

/// The listener.
private struct ListeningService: Service {
    let service: AuthorityService
    let address: ListenAddress
    let logger: Logger

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown {
                try await service.run(host: address.host, port: address.port) { bound in
                    let text = "\(bound.ipAddress ?? address.host):\(bound.port ?? address.port)"
                    logger.notice("the authority listens", metadata: [LogKey.address: "\(text)"])
                }
            }
        } catch is CancellationError {
            // The end that was asked for.
        }
    }
}
