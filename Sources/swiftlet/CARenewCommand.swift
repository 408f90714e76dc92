import ArgumentParser
import Foundation
import HostIdentity
import Logging

/// `swiftlet ca renew`: renews a certificate that no running service renews, such as an operator's.
struct CARenewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Renew the certificate of this host, or of an operator.",
        discussion: """
            Asks 'swiftlet ca serve' for a certificate of a new key, with the one that is still good. Services that run \
            renew theirs by themselves.
            """
    )

    @Option(help: "The directory with certificate.pem, key.pem and authority.pem.")
    var credentials: String

    @Option(help: "Where the authority listens: HOST:PORT.")
    var authority: ListenAddress

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "swiftlet")
        logger.logLevel = .error
        let credentials = try HostCredentials(
            directory: ServeConfiguration.absolutePath(credentials),
            renewal: AuthorityClient(host: authority.host, port: authority.port),
            logger: logger
        )
        try await credentials.renew()
        print("\(credentials.identity)  until \(credentials.expires.ISO8601Format())")
    }
}
