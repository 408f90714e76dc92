import ArgumentParser
import Configuration

/// What every role of a fleet can be told on the command line; see ``FleetConfiguration``.
struct FleetOptions: ParsableArguments {
    @Option(help: "The schema with the fleet's tables on the PostgreSQL server. (default: swiftlet)")
    var postgresSchema: String?

    @Option(help: "The directory that 'swiftlet ca issue' has made for this host. (default: DATA/credentials)")
    var credentials: String?

    @Option(help: "The file with the key that all frontends share. (default: DATA/secrets.key)")
    var secretsKey: String?

    @Option(help: "Where this host's certificate is renewed: HOST:PORT of 'swiftlet ca serve'. (default: nowhere)")
    var authority: String?

    @Option(help: "Where the other hosts of the fleet connect. (default: 127.0.0.1:9001; 9002 for workers)")
    var fleetListen: String?

    @Option(help: "Where the other hosts reach this one: HOST:PORT. (default: where it listens)")
    var fleetAddress: String?

    @Option(help: "How long others hear nothing of this host until they take it for dead, in seconds.")
    var memberLease: Int?

    @Option(
        help: "How long a worker goes on while no manager is heard of, in seconds; the same on all hosts. (default: 10)"
    )
    var leash: Int?

    @Option(help: "The availability zone of a worker. (default: default)")
    var zone: String?

    @Option(help: "What is said of a worker, separated by commas. (default: none)")
    var labels: String?

    @Option(help: "How long a worker stays, in seconds. (default: 50400)")
    var lease: Int?

    @Option(help: "How long a worker that leaves waits for what runs, in seconds. (default: 900)")
    var drainTimeout: Int?

    /// By their keys.
    var values: [String: ConfigContent] {
        let texts = [
            "postgres-schema": postgresSchema, "credentials": credentials, "secrets-key": secretsKey,
            "authority": authority,
            "fleet-listen": fleetListen, "fleet-address": fleetAddress, "zone": zone, "labels": labels,
        ]
        let numbers = ["member-lease": memberLease, "leash": leash, "lease": lease, "drain-timeout": drainTimeout]
        return texts.compactMapValues { $0.map { .string($0) } }
            .merging(numbers.compactMapValues { $0.map { .int($0) } }) { $1 }
    }
}
