import ArgumentParser
import Foundation
import HostIdentity

/// `swiftlet ca`: the certificates by which the hosts of a fleet know each other.
struct CACommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca",
        abstract: "Issue and revoke the certificates that the hosts of a fleet prove themselves by.",
        discussion: """
            A fleet has one authority: a directory with a key, which should be on a host that does nothing else. It issues \
            one certificate for each host, which says its role (frontend, manager, worker, operator or authority) and its \
            name. These certificates are not for clients of the API; see 'swiftlet cert'.
            """,
        subcommands: [Init.self, Issue.self, Revoke.self, List.self, CAServeCommand.self, CARenewCommand.self]
    )

    /// Where the authority is.
    struct Directory: ParsableArguments {
        @Option(help: "The directory of the authority.")
        var directory: String

        var path: String { ServeConfiguration.absolutePath(directory) }

        func open() throws -> AuthorityDirectory {
            try AuthorityDirectory(path)
        }
    }

    struct Init: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make the authority of a new fleet.")

        @OptionGroup var directory: Directory

        @Option(help: "The fleet's name; every certificate holds it.")
        var fleet: String

        func run() throws {
            let fleet = try FleetName(fleet)
            try DataDirectory.make(directory.path)
            _ = try AuthorityDirectory.create(in: directory.path, fleet: fleet, at: Date())
            print(
                """
                The authority of the fleet \(fleet) is in \(directory.path). Whoever can read authority-key.pem there can be \
                any host of the fleet: keep a copy where nobody else gets at it, and none on a host of the fleet.
                """
            )
        }
    }

    struct Issue: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Issue a certificate for a host, with a new key.",
            discussion: """
                Writes certificate.pem, key.pem and authority.pem, which the host needs. With --request, the key is the \
                host's own and never leaves it: only certificate.pem and authority.pem are written.
                """
        )

        @Argument(help: "The host's role: frontend, manager, worker, operator or authority.")
        var role: String

        @Argument(help: "The host's name.")
        var name: String

        @OptionGroup var directory: Directory

        @Option(help: "The directory that the files are written to.")
        var out: String

        @Option(help: "How long the certificate is good: a number with s, m, h or d.")
        var valid: LifeTime = .standard

        @Option(help: "A file with a signing request (PKCS#10, PEM) of the host's own key, on P-256.")
        var request: String?

        func run() throws {
            let identity = try CACommand.identity(role, name)
            let authority = try directory.open()
            let path = ServeConfiguration.absolutePath(out)
            try DataDirectory.make(path)
            let issued: IssuedCertificate
            if let request {
                let text = try String(contentsOf: URL(filePath: request), encoding: .utf8)
                let request = try SigningRequest(pem: text)
                issued = try authority.issue(identity, request: request, for: valid.duration, at: Date())
            } else {
                let (certificate, key) = try authority.issue(identity, for: valid.duration, at: Date())
                // The key first: a host that sees the new certificate finds its key.
                try StoredFile.replace("\(path)/key.pem", with: key, permissions: 0o600)
                issued = certificate
            }
            try StoredFile.replace("\(path)/authority.pem", with: authority.certificatePEM, permissions: 0o644)
            try StoredFile.replace("\(path)/certificate.pem", with: issued.pem, permissions: 0o644)
            print("\(identity)  \(issued.serial)  until \(issued.validity.expires.ISO8601Format())")
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke all certificates that a host has until now, or one certificate.",
            discussion: """
                Hosts hear of it from 'swiftlet ca serve' within a minute, and close the connections of whom it concerns. \
                If a key was stolen, revoke its host and not one certificate: the thief may have renewed it. A host that was \
                revoked can be issued another certificate afterwards.
                """
        )

        @Argument(help: "The host's role.")
        var role: String?

        @Argument(help: "The host's name.")
        var name: String?

        @Option(help: "The serial number of one certificate.")
        var serial: String?

        @OptionGroup var directory: Directory

        func validate() throws {
            guard (role != nil && name != nil) != (serial != nil), (role == nil) == (name == nil) else {
                throw ValidationError("name a host (ROLE NAME) or one certificate (--serial)")
            }
        }

        func run() throws {
            let authority = try directory.open()
            if let serial {
                let serial = try CertificateSerial(serial)
                try authority.revoke(serial)
                print("revoked \(serial)")
            } else if let role, let name {
                let identity = try CACommand.identity(role, name)
                try authority.revoke(identity, at: Date())
                print("revoked \(identity)")
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the certificates that were issued.")

        @Flag(help: "Print JSON: one object a line.")
        var json = false

        @OptionGroup var directory: Directory

        /// What a line of JSON holds.
        private struct Line: Encodable {
            let identity: String
            let serial: CertificateSerial
            let issued: String
            let expires: String
            let state: String
        }

        func run() throws {
            let authority = try directory.open()
            let revocations = try authority.revocations()
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for entry in try authority.entries() {
                let line = Line(
                    identity: entry.identity,
                    serial: entry.serial,
                    issued: entry.issuedAt.ISO8601Format(),
                    expires: entry.expiresAt.ISO8601Format(),
                    state: state(of: entry, authority, revocations)
                )
                print(
                    json
                        ? String(decoding: try encoder.encode(line), as: UTF8.self)
                        : "\(line.identity)  \(line.serial)  \(line.issued)  \(line.expires)  \(line.state)"
                )
            }
        }

        private func state(
            of entry: AuthorityDirectory.Entry,
            _ authority: AuthorityDirectory,
            _ revocations: RevocationList
        ) -> String {
            if entry.expiresAt < Date() { return "ended" }
            return authority.isRevoked(entry, by: revocations) ? "revoked" : "good"
        }
    }

    /// The host that two arguments name.
    fileprivate static func identity(_ role: String, _ name: String) throws -> HostIdentity {
        guard let role = HostRole(rawValue: role) else {
            let roles = HostRole.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("'\(role)' is no role; the roles are \(roles)")
        }
        return try HostIdentity(role: role, name: name)
    }
}

/// How long a certificate is good, on the command line: `90s`, `10m`, `24h`, `30d`.
struct LifeTime: ExpressibleByArgument, CustomStringConvertible {
    static let standard = LifeTime(duration: CertificateValidity.standard, description: "24h")

    let duration: Duration
    let description: String

    private init(duration: Duration, description: String) {
        self.duration = duration
        self.description = description
    }

    init?(argument: String) {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }), let count = Int(argument.dropLast()), count > 0 else {
            return nil
        }
        let (seconds, isTooMuch) = count.multipliedReportingOverflow(by: unit)
        guard !isTooMuch, Duration.seconds(seconds) <= CertificateValidity.durationMax else { return nil }
        self.init(duration: .seconds(seconds), description: argument)
    }

    var defaultValueDescription: String { description }
}

/// `HOST:PORT` on the command line.
struct ListenAddress: ExpressibleByArgument {
    let host: String
    let port: Int

    init?(argument: String) {
        guard let (host, port) = try? ServeConfiguration.address(argument) else { return nil }
        self.host = host
        self.port = port
    }
}
