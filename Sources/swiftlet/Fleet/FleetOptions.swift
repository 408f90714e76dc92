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

    @Option(help: "A program that managers tell when there should be more or fewer workers. (default: none)")
    var autoscaleHook: String?

    @Option(help: "How often managers look how many workers there should be, in seconds. (default: 60)")
    var autoscaleInterval: Int?

    @Option(help: "The part of the workers' memory that is to be free, in percent. (default: 20)")
    var autoscaleHeadroom: Int?

    @Option(help: "How long fewer workers must have been enough, in seconds. (default: 600)")
    var autoscaleShrinkDelay: Int?

    @Option(help: "The least workers that are wanted. (default: 1)")
    var workersMin: Int?

    @Option(help: "The most workers that are wanted. (default: 1000)")
    var workersMax: Int?

    /// By their keys.
    var values: [String: ConfigContent] {
        let texts = [
            "postgres-schema": postgresSchema, "credentials": credentials, "secrets-key": secretsKey,
            "authority": authority,
            "fleet-listen": fleetListen, "fleet-address": fleetAddress, "zone": zone, "labels": labels,
            "autoscale-hook": autoscaleHook,
        ]
        let numbers = [
            "member-lease": memberLease, "leash": leash, "lease": lease, "drain-timeout": drainTimeout,
            "autoscale-interval": autoscaleInterval, "autoscale-headroom": autoscaleHeadroom,
            "autoscale-shrink-delay": autoscaleShrinkDelay, "workers-min": workersMin, "workers-max": workersMax,
        ]
        return texts.compactMapValues { $0.map { .string($0) } }
            .merging(numbers.compactMapValues { $0.map { .int($0) } }) { $1 }
    }
}
