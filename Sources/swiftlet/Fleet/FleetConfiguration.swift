import Configuration
import Foundation
import HostIdentity
import Logging
import ManagerRole
import MetadataStorePostgres
import NIOCore
import Placement

/// What a role of a fleet can be told beside what ``ServeConfiguration`` has.
///
/// ## Configuration keys
/// | Key | Type | Default | Meaning |
/// |---|---|---|---|
/// | `postgres` | URL or key-value pairs, secret | required | the PostgreSQL server and database that the fleet shares |
/// | `postgres-schema` | `a-z`, `0-9`, `_` | `swiftlet` | the schema with its tables |
/// | `credentials` | path | `DATA/credentials` | the directory that `swiftlet ca issue` has made for this host and role |
/// | `secrets-key` | path | `DATA/secrets.key` | the key of users' secrets and of signed addresses; the same file on all frontends |
/// | `authority` | `HOST:PORT` | none | where the certificate is renewed; without one, somebody replaces its files |
/// | `fleet-listen` | `HOST:PORT` | `127.0.0.1:9001` for managers, `:9002` for workers | where the other hosts of the fleet connect |
/// | `fleet-address` | `HOST:PORT` | what is listened to | where the others reach it |
/// | `member-lease` | seconds, 1 to 3600 | `5` for managers, `15` for frontends, `30` for workers | how long others hear nothing of a member until they take it for dead |
/// | `leash` | seconds, 3 to 3600 | `10` | how long a worker whose managers are not heard of goes on with what it runs; the same on all hosts |
/// | `zone` | text | `default` | the availability zone of a worker |
/// | `labels` | texts, comma-separated | none | what an operator says of a worker |
/// | `lease` | seconds, 60 to 31,536,000 | `50400` | how long a worker stays; near its end it finishes what runs, and leaves |
/// | `drain-timeout` | seconds, 1 to 3600 | `900` | how long a worker that leaves waits for what runs |
/// | `autoscale-hook` | path | none | the program that managers tell when there should be more or fewer workers |
/// | `autoscale-interval` | seconds, 1 to 3600 | `60` | how often it is looked how many workers there should be |
/// | `autoscale-headroom` | percent, 0 to 90 | `20` | the part of the workers' memory that is to be free |
/// | `autoscale-shrink-delay` | seconds, 0 to 86,400 | `600` | how long fewer workers must have been enough |
/// | `workers-min`, `workers-max` | 1 to 100,000 | `1`, `1000` | the bounds of what is wanted |
struct FleetConfiguration: Sendable {
    let postgres: PostgresSettings
    let credentialsDirectory: String
    /// The file with the key that all frontends share.
    let secretsKey: String
    /// Where certificates are renewed; nil if nowhere.
    let authority: AuthorityClient?
    let listenHost: String
    let listenPort: Int
    /// Where the others reach this host; nil if that is where it listens.
    let address: String?
    let memberLease: Duration
    /// How long after a heartbeat that was answered a worker goes on by itself.
    let leash: TimeAmount
    let zone: String
    let labels: [String]
    let lease: Duration
    let drainTimeout: Duration
    /// How a manager decides how many workers there should be.
    let capacity: FleetCapacity.Settings

    init(_ role: HostRole, reader: ConfigReader, dataDirectory: String) async throws {
        let values = ConfigurationValues(reader: reader)
        guard let server = try await values.secret("postgres"), !server.isEmpty else {
            throw ConfigurationError(
                key: "postgres",
                "a fleet needs a PostgreSQL server; name it in SWIFTLET_POSTGRES, such as postgresql://user@host/database"
            )
        }
        let schema = try await values.text("postgres-schema", default: "swiftlet")
        postgres = try Self.postgres(server, schema: schema)
        credentialsDirectory = ServeConfiguration.absolutePath(
            try await values.text("credentials", default: "\(dataDirectory)/credentials")
        )
        secretsKey = ServeConfiguration.absolutePath(
            try await values.text("secrets-key", default: "\(dataDirectory)/secrets.key")
        )
        let authority = try await values.text("authority", default: "")
        self.authority =
            try authority.isEmpty
            ? nil
            : {
                let (host, port) = try ServeConfiguration.address(authority, key: "authority")
                return AuthorityClient(host: host, port: port)
            }()
        let standardPort = role == .worker ? 9002 : 9001
        (listenHost, listenPort) = try ServeConfiguration.address(
            try await values.text("fleet-listen", default: "127.0.0.1:\(standardPort)"),
            key: "fleet-listen"
        )
        let address = try await values.text("fleet-address", default: "")
        if address.isEmpty {
            guard role == .frontend || !["0.0.0.0", "::"].contains(listenHost) else {
                throw ConfigurationError(
                    key: "fleet-address",
                    "it is needed where fleet-listen names all addresses: say where the others reach this host"
                )
            }
            self.address = nil
        } else {
            _ = try ServeConfiguration.address(address, key: "fleet-address")
            self.address = address
        }
        let standardLease =
            switch role {
            case .manager: 5
            case .worker: 30
            case .frontend, .operator, .authority: 15
            }
        memberLease = .seconds(try await values.number("member-lease", default: standardLease, in: 1...3600))
        leash = .seconds(Int64(try await values.number("leash", default: 10, in: 3...3600)))
        zone = try await values.text("zone", default: "default")
        labels = try await values.list("labels")
        lease = .seconds(try await values.number("lease", default: 50_400, in: 60...31_536_000))
        drainTimeout = .seconds(try await values.number("drain-timeout", default: 900, in: 1...3600))
        capacity = try await Self.capacity(values)
    }

    /// A database, and the schema in it.
    static func postgres(_ server: String, schema: String) throws -> PostgresSettings {
        guard schema.wholeMatch(of: /[a-z_][a-z0-9_]{0,62}/) != nil else {
            throw ConfigurationError(key: "postgres-schema", "'\(schema)' is not made of a-z, 0-9 and _")
        }
        return PostgresSettings(address: server, schema: schema)
    }

    private static func capacity(_ values: ConfigurationValues) async throws -> FleetCapacity.Settings {
        var settings = FleetCapacity.Settings()
        settings.interval = .seconds(try await values.number("autoscale-interval", default: 60, in: 1...3600))
        settings.policy.headroom =
            Double(try await values.number("autoscale-headroom", default: 20, in: 0...90)) / 100
        settings.policy.shrinkMargin = min(settings.policy.shrinkMargin, 0.95 - settings.policy.headroom)
        settings.policy.shrinkDelay = try await values.number("autoscale-shrink-delay", default: 600, in: 0...86_400)
        settings.policy.workersMin = try await values.number("workers-min", default: 1, in: 1...100_000)
        settings.policy.workersMax = try await values.number("workers-max", default: 1000, in: 1...100_000)
        guard settings.policy.workersMin <= settings.policy.workersMax else {
            throw ConfigurationError(key: "workers-max", "it is less than workers-min")
        }
        let hook = try await values.text("autoscale-hook", default: "")
        guard !hook.isEmpty else { return settings }
        let path = ServeConfiguration.absolutePath(hook)
        guard access(path, X_OK) == 0 else {
            throw ConfigurationError(key: "autoscale-hook", "\(path) is not a program that can be run")
        }
        settings.hook = path
        return settings
    }

    /// What this host proves itself by. Throws if it is another role's.
    func credentials(of role: HostRole, logger: Logger) throws -> HostCredentials {
        let credentials: HostCredentials
        do {
            credentials = try HostCredentials(directory: credentialsDirectory, renewal: authority, logger: logger)
        } catch {
            throw ConfigurationError(
                key: "credentials",
                "\(error); have them made with: swiftlet ca issue \(role) NAME --out \(credentialsDirectory)"
            )
        }
        guard credentials.identity.role == role else {
            throw ConfigurationError(
                key: "credentials",
                "\(credentialsDirectory) is for \(credentials.identity), and this is a \(role)"
            )
        }
        return credentials
    }

    /// How long after its last heartbeat that was answered managers take what a worker runs for over: longer than the worker goes
    /// on, by as much as clocks may differ in speed.
    var fence: TimeAmount { .nanoseconds(Int64(WorkerLife.fence(ofLeash: Int(leash.nanoseconds)))) }

    /// How long a connection between hosts may be silent: so that there is time for another within the leash.
    var silenceMax: TimeAmount { .nanoseconds(leash.nanoseconds / 10 * 6) }

    /// Where the others reach a host that listens on a port.
    func advertised(port: Int) -> String {
        if let address { return address }
        return listenHost.contains(":") ? "[\(listenHost)]:\(port)" : "\(listenHost):\(port)"
    }
}
