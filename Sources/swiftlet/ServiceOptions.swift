import ArgumentParser
import Configuration
import SystemPackage

/// What every role of the service can be told on the command line; see ``ServeConfiguration``.
struct ServiceOptions: ParsableArguments {
    @Option(help: "Where to listen. (default: 127.0.0.1:9000)")
    var listen: String?

    @Option(help: "The directory that holds functions, code and logs. (default: .swiftlet)")
    var data: String?

    @Option(help: "Directories with language runtimes, separated by colons. (default: .runtimes:runtimes)")
    var runtimes: String?

    @Option(help: "Whether requests must be signed by a user: auto, required or off. (default: auto)")
    var authentication: String?

    @Option(help: "A PEM file with the certificate and its chain; with it, clients speak TLS. (default: none)")
    var tlsCertificate: String?

    @Option(help: "A PEM file with the certificate's private key. (default: none)")
    var tlsKey: String?

    @Option(help: "What the host names of functions' URLs end with. (default: localhost)")
    var functionDomain: String?

    @Option(name: .customLong("account-id"), help: "The account that functions belong to. (default: 000000000000)")
    var accountID: String?

    @Option(help: "The region that functions are in. (default: us-east-1)")
    var region: String?

    @Option(
        name: .customLong("s3-endpoint"),
        help: "Where packages in S3 are fetched and failed events put. (default: nowhere)"
    )
    var s3Endpoint: String?

    @Option(
        name: .customLong("s3-access-key-id"),
        help: "The access key for S3; its secret is told in SWIFTLET_S3_SECRET_ACCESS_KEY. (default: none)"
    )
    var s3AccessKeyID: String?

    @Option(help: "Where destinations and dead letters in SQS are sent. (default: nowhere)")
    var sqsEndpoint: String?

    @Option(help: "Where destinations and dead letters in SNS are sent. (default: nowhere)")
    var snsEndpoint: String?

    @Option(help: "Where destinations in EventBridge are sent. (default: nowhere)")
    var eventsEndpoint: String?

    @Option(
        name: .customLong("aws-access-key-id"),
        help: "The access key for these services; its secret is told in SWIFTLET_AWS_SECRET_ACCESS_KEY. (default: none)"
    )
    var awsAccessKeyID: String?

    @Option(help: "The bucket that packages are kept in. (default: none; they are in the data directory)")
    var codeBucket: String?

    @Option(help: "What the packages' keys begin with. (default: packages/)")
    var codeBucketPrefix: String?

    @Option(help: "The server that has the bucket of packages. (default: s3-endpoint)")
    var codeBucketEndpoint: String?

    @Option(help: "The region of the bucket of packages. (default: region)")
    var codeBucketRegion: String?

    @Option(help: "What unpacked packages of the bucket may take on the disk, in MB. (default: 10 %, 1024 to 10240)")
    var codeCacheMax: Int?

    @Option(help: "How long it is until the first retry of a failed event, in seconds. (default: 60)")
    var retryDelay: Int?

    @Option(help: "The most memory that all execution environments may have, in MB. (default: 3/4 of the host's)")
    var memoryBudget: Int?

    @Option(help: "How long an idle execution environment is kept, in seconds. (default: 600)")
    var idleTimeout: Int?

    @Option(
        help: """
            What isolates functions: namespaces, or microvm for a virtual machine each; or both with a comma between, the first \
            for functions that choose none by their tag swiftlet:sandbox. (default: namespaces)
            """
    )
    var sandbox: String?

    @Option(help: "What virtual machines start from, as 'swiftlet image' has made it. (default: guests below data)")
    var guestImages: String?

    @Option(help: "What runs virtual machines: auto, firecracker, qemu or qemu-emulation. (default: auto)")
    var machines: String?

    @Option(help: "The most sandboxes that wait for functions of one runtime; 0 for none. (default: 16)")
    var waitingSandboxes: Int?

    @Option(help: "How many invokes may run at once. (default: 1000)")
    var concurrency: Int?

    @Option(help: "Invokes per second for each unit of concurrency; 0 for no limit. (default: 10)")
    var requestRate: Int?

    @Option(help: "How many environments a function may start at once, and every 10 seconds. (default: 1000)")
    var scaleUp: Int?

    @Option(help: "What functions can reach that are attached to no VPC: isolated or internet. (default: isolated)")
    var network: String?

    @Option(help: "The subnets whose functions can reach the internet, separated by commas. (default: none)")
    var internetSubnets: String?

    @Option(help: "Where functions with a network resolve names, separated by commas. (default: as the host does)")
    var networkResolvers: String?

    @Option(help: "Private addresses (CIDR) that functions with a network can reach, too. (default: none)")
    var networkAllow: String?

    @Option(help: "How many threads serve requests. (default: half the CPUs)")
    var eventLoops: Int?

    @Option(help: "Whether management operations are held to Lambda's rates: off or lambda. (default: off)")
    var apiRates: String?

    @Option(help: "How long a request may take to arrive, in seconds. (default: 60)")
    var requestTimeout: Int?

    @Option(help: "How long a shutdown waits for what is under way, in seconds. (default: 30)")
    var shutdownTimeout: Int?

    @Option(help: "What all function logs may take on the disk, in MB; the oldest go first. (default: 4096)")
    var logSizeMax: Int?

    @Option(help: "The least severe log level to print: debug, info, notice, warning or error. (default: info)")
    var logLevel: String?

    @Option(help: "A JSON configuration file.")
    var config: String?

    /// All that is configured: the command line comes first, then the environment, then the file.
    ///
    /// - Parameter more: Further options, by their keys.
    func reader(and more: [String: ConfigContent] = [:]) async throws -> ConfigReader {
        let texts = [
            "listen": listen, "data": data, "runtimes": runtimes, "account-id": accountID, "region": region,
            "log-level": logLevel, "network": network, "internet-subnets": internetSubnets,
            "network-resolvers": networkResolvers, "network-allow": networkAllow, "s3-endpoint": s3Endpoint,
            "s3-access-key-id": s3AccessKeyID, "sqs-endpoint": sqsEndpoint, "sns-endpoint": snsEndpoint,
            "events-endpoint": eventsEndpoint, "aws-access-key-id": awsAccessKeyID, "authentication": authentication,
            "api-rates": apiRates, "tls-certificate": tlsCertificate, "tls-key": tlsKey,
            "function-domain": functionDomain, "code-bucket": codeBucket, "code-bucket-prefix": codeBucketPrefix,
            "code-bucket-endpoint": codeBucketEndpoint, "code-bucket-region": codeBucketRegion,
            "sandbox": sandbox, "guest-images": guestImages, "machines": machines,
        ]
        let numbers = [
            "memory-budget": memoryBudget, "idle-timeout": idleTimeout, "event-loops": eventLoops,
            "request-timeout": requestTimeout, "shutdown-timeout": shutdownTimeout, "log-size-max": logSizeMax,
            "waiting-sandboxes": waitingSandboxes, "retry-delay": retryDelay,
            "code-cache-max": codeCacheMax, "concurrency": concurrency, "request-rate": requestRate,
            "scale-up": scaleUp,
        ]
        let contents = texts.compactMapValues { $0.map { ConfigContent.string($0) } }
            .merging(numbers.compactMapValues { $0.map { ConfigContent.int($0) } }) { $1 }
            .merging(more) { $1 }
        let given = contents.map { key, content in
            (AbsoluteConfigKey([key]), ConfigValue(content, isSecret: false))
        }
        let environment = EnvironmentVariablesProvider()
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "command line", values: Dictionary(uniqueKeysWithValues: given)),
            environment.prefixKeys(with: "swiftlet"),
        ]
        let fromEnvironment = try environment.environmentValue(forName: "SWIFTLET_CONFIG")
        if let file = config ?? fromEnvironment {
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(file)))
            } catch {
                throw ConfigurationError(key: "config", "failed to read \(file): \(error)")
            }
        }
        return ConfigReader(providers: providers)
    }
}
