import CodeStore
import Configuration
import Glibc
import Identity
import LambdaAPI
import Logging
import NIOCore
import Sandbox
import SandboxNamespaces
import ServiceClients
import Worker

/// What `swiftlet serve` can be told.
///
/// ## Configuration keys
/// Each is an option (`--listen`), an environment variable (`SWIFTLET_LISTEN`) and a member of the JSON file (`listen`);
/// a secret is no option.
///
/// | Key | Type | Default | Meaning |
/// |---|---|---|---|
/// | `listen` | `HOST:PORT` | `127.0.0.1:9000` | where the API is served |
/// | `data` | path | `.swiftlet` | functions, code packages and logs |
/// | `runtimes` | paths, colon-separated | `.runtimes:runtimes` | where language runtimes are looked for |
/// | `authentication` | `auto`, `required` or `off` | `auto` | whether requests must be signed by a user; `auto`: unless only this host is listened to |
/// | `tls-certificate` | path | none | a PEM file with the certificate and its chain; with it, clients speak TLS |
/// | `tls-key` | path | none | a PEM file with the certificate's private key |
/// | `function-domain` | domain | `localhost` | what the host names of functions' URLs end with |
/// | `account-id` | 12 digits | `000000000000` | the account in ARNs |
/// | `region` | text | `us-east-1` | the region in ARNs |
/// | `s3-endpoint` | URL | none | where packages in S3 are fetched and failed events put, such as `https://s3.us-east-1.amazonaws.com` |
/// | `s3-access-key-id` | text | `aws-access-key-id` | the access key for it and for the bucket of packages; none for public objects |
/// | `s3-secret-access-key` | text, secret | `aws-secret-access-key` | the key's secret |
/// | `sqs-endpoint` | URL | none | where destinations and dead letters in SQS are sent |
/// | `sns-endpoint` | URL | none | the same for SNS |
/// | `events-endpoint` | URL | none | the same for EventBridge |
/// | `aws-access-key-id` | text | none | the access key that requests to these services are signed with |
/// | `aws-secret-access-key` | text, secret | none | the key's secret |
/// | `code-bucket` | text | none | the bucket that packages are kept in; without one they are in `data` |
/// | `code-bucket-prefix` | text | `packages/` | what the packages' keys begin with |
/// | `code-bucket-endpoint` | URL | `s3-endpoint` | the server that has the bucket |
/// | `code-bucket-region` | text | `region` | the bucket's region |
/// | `code-cache-max` | MB, at least 64 | 10 % of the disk, 1024 to 10240 | what unpacked packages of the bucket may take on the disk |
/// | `retry-delay` | seconds, 0 to 3600 | `60` | how long it is until the first retry of a failed event; twice as long until the second |
/// | `memory-budget` | MB, at least 128 | 3/4 of the host's memory | the sum of all environments' memory sizes |
/// | `idle-timeout` | seconds, at least 1 | `600` | how long an idle environment is kept |
/// | `sandbox` | `namespaces` or `microvm` | `namespaces` | what isolates functions: namespaces of the host's kernel, or a virtual machine each |
/// | `guest-images` | path | `guests` in `data` | what virtual machines start from, as `swiftlet image` has made it |
/// | `machines` | `auto`, `firecracker`, `qemu` or `qemu-emulation` | `auto` | what runs virtual machines; `auto`: the best that works |
/// | `waiting-sandboxes` | 0 to 256 | `16` | the most sandboxes that wait for functions of one runtime |
/// | `concurrency` | 1 to 1,000,000 | `1000` | how many invokes the account may run at once |
/// | `request-rate` | 0 to 100,000 | `10` | invokes per second for each unit of concurrency; 0 for no limit |
/// | `scale-up` | 1 to 1,000,000 | `1000` | environments that a function may start at once and every 10 s |
/// | `network` | `isolated` or `internet` | `isolated` | what functions can reach that are attached to no VPC |
/// | `internet-subnets` | subnet IDs, comma-separated | none | the subnets whose functions can reach the internet |
/// | `network-resolvers` | addresses, comma-separated | the host's | where functions with a network resolve names |
/// | `network-allow` | CIDRs, comma-separated | none | private addresses that functions with a network can reach |
/// | `event-loops` | 1 to 256 | half the CPUs | threads that serve requests; the other CPUs are for functions |
/// | `api-rates` | `off` or `lambda` | `off` | whether management operations may be called only as fast as Lambda allows |
/// | `request-timeout` | seconds, at least 1 | `60` | how long a request may take to arrive, and a third of what a connection is kept without one |
/// | `shutdown-timeout` | seconds, at least 1 | `30` | how long a shutdown waits for what is under way |
/// | `log-size-max` | MB, at least 16 | `4096` | what all function logs may take on the disk |
/// | `log-level` | level | `info` | the least severe line of the service's own log |
struct ServeConfiguration: Sendable {
    var host: String
    var port: Int
    var dataDirectory: String
    var runtimeDirectories: [String]
    var locality: Locality
    /// Where packages in S3 are fetched; `nil` where none are.
    var s3: S3Settings?
    /// Where packages are kept; `nil` where that is the data directory.
    var codeBucket: CodeBucketConfiguration?
    /// Where destinations of events are.
    var services: ServiceEndpoints
    /// How long it is until the first retry of a failed event.
    var retryDelay: Duration
    var memoryBudget: ByteCount
    var idleTimeout: Duration
    var sandboxes: [SandboxKind]
    /// The directory with what virtual machines start from.
    var guestImages: String
    var machines: MachineChoice
    var waitingSandboxesMax: Int
    var concurrency: Int
    var requestRate: Int
    var scaleUpLimit: Int
    var networkPolicy: NetworkPolicy
    /// How functions reach what they may; `nil` where none may reach anything.
    var network: NetworkConfiguration?
    var eventLoopCount: Int
    /// The files of the certificate; `nil` if clients speak no TLS.
    var tls: (certificate: String, key: String)?
    var functionDomain: String
    /// Whether requests must be signed by a user.
    var requiresSignatures: Bool
    var hasAPIRates: Bool
    var requestTimeout: Duration
    var shutdownTimeout: Duration
    var logSizeMax: ByteCount
    var logLevel: Logger.Level

    init(reader: ConfigReader) async throws {
        let values = ConfigurationValues(reader: reader)
        (host, port) = try Self.address(try await values.text("listen", default: "127.0.0.1:9000"))
        tls = try await Self.tls(values)
        functionDomain = try await values.text("function-domain", default: "localhost").lowercased()
        guard functionDomain.wholeMatch(of: /[a-z0-9-]+(\.[a-z0-9-]+)*/) != nil else {
            throw ConfigurationError(key: "function-domain", "'\(functionDomain)' is not a domain")
        }
        let authentication = try await values.text("authentication", default: "auto")
        switch authentication {
        case "auto": requiresSignatures = !Self.isLoopback(host)
        case "required": requiresSignatures = true
        case "off": requiresSignatures = false
        default:
            throw ConfigurationError(
                key: "authentication",
                "'\(authentication)' is none of auto, required and off"
            )
        }
        dataDirectory = Self.absolutePath(try await values.text("data", default: ".swiftlet"))
        runtimeDirectories = try await values.text("runtimes", default: ".runtimes:runtimes")
            .split(separator: ":").map { Self.absolutePath(String($0)) }

        let accountID = try await values.text("account-id", default: "000000000000")
        guard accountID.utf8.count == 12, accountID.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw ConfigurationError(key: "account-id", "'\(accountID)' is not twelve digits")
        }
        let region = try await values.text("region", default: "us-east-1")
        guard region.wholeMatch(of: /[a-z]{2}(-[a-z]+)+-\d/) != nil else {
            throw ConfigurationError(key: "region", "'\(region)' is not the name of a region, such as us-east-1")
        }
        locality = Locality(accountID: accountID, region: region)

        let credentials = try await Self.credentials("aws", values)
        let s3Credentials = try await Self.credentials("s3", values)
        s3 = try await Self.endpoint("s3-endpoint", values).map { endpoint in
            S3Settings(endpoint: endpoint, region: region, credentials: s3Credentials ?? credentials)
        }
        codeBucket = try await CodeBucketConfiguration(
            values,
            s3: s3,
            region: region,
            credentials: s3Credentials ?? credentials
        )
        guard s3Credentials == nil || s3 != nil || codeBucket != nil else {
            throw ConfigurationError(key: "s3-endpoint", "it is needed where an access key for S3 is given")
        }
        services = ServiceEndpoints(
            sqs: try await Self.endpoint("sqs-endpoint", values),
            sns: try await Self.endpoint("sns-endpoint", values),
            eventBridge: try await Self.endpoint("events-endpoint", values),
            s3: s3?.endpoint,
            region: region,
            credentials: credentials
        )
        services.s3Credentials = s3?.credentials
        retryDelay = .seconds(try await values.number("retry-delay", default: 60, in: 0...3600))
        let hostMemoryMegabytes = (sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))) >> 20
        memoryBudget = .mebibytes(
            try await values.number("memory-budget", default: hostMemoryMegabytes * 3 / 4, in: 128...(1 << 30))
        )
        idleTimeout = .seconds(try await values.number("idle-timeout", default: 600, in: 1...86_400))
        sandboxes = try await Self.sandboxes(values)
        guestImages = Self.absolutePath(try await values.text("guest-images", default: "\(dataDirectory)/guests"))
        machines = try await Self.choice("machines", default: .auto, values)
        waitingSandboxesMax = try await values.number("waiting-sandboxes", default: 16, in: 0...256)
        concurrency = try await values.number(
            "concurrency",
            default: Limits.concurrentExecutionsDefault,
            in: 1...1_000_000
        )
        requestRate = try await values.number(
            "request-rate",
            default: Limits.requestsPerSecondPerConcurrency,
            in: 0...100_000
        )
        scaleUpLimit = try await values.number("scale-up", default: Limits.scaleUpPerPeriod, in: 1...1_000_000)
        networkPolicy = try await Self.networkPolicy(values)
        let resolvers = try await Self.addresses("network-resolvers", values, isSingle: true)
        let allowed = try await Self.addresses("network-allow", values, isSingle: false)
        network =
            networkPolicy.connectsAnything ? NetworkConfiguration(resolvers: resolvers, allowed: allowed) : nil
        eventLoopCount = try await values.number("event-loops", default: max(1, System.coreCount / 2), in: 1...256)
        let rates = try await values.text("api-rates", default: "off")
        guard ["off", "lambda"].contains(rates) else {
            throw ConfigurationError(key: "api-rates", "'\(rates)' is neither off nor lambda")
        }
        hasAPIRates = rates == "lambda"
        requestTimeout = .seconds(try await values.number("request-timeout", default: 60, in: 1...3600))
        shutdownTimeout = .seconds(try await values.number("shutdown-timeout", default: 30, in: 1...3600))
        logSizeMax = .mebibytes(try await values.number("log-size-max", default: 4096, in: 16...(1 << 30)))

        let level = try await values.text("log-level", default: "info")
        guard let logLevel = Logger.Level(rawValue: level) else {
            throw ConfigurationError(
                key: "log-level",
                "'\(level)' is not a level; use debug, info, notice, warning or error"
            )
        }
        self.logLevel = logLevel
    }

    /// One of a few words.
    /// One or more kinds, of which the first is for functions that do not choose.
    private static func sandboxes(_ values: ConfigurationValues) async throws -> [SandboxKind] {
        let text = try await values.text("sandbox", default: SandboxKind.namespaces.rawValue)
        var kinds: [SandboxKind] = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let kind = SandboxKind(rawValue: String(name)), !kinds.contains(kind) else {
                let known = SandboxKind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ConfigurationError(key: "sandbox", "'\(text)' is not a list of some of \(known)")
            }
            kinds.append(kind)
        }
        return kinds
    }

    private static func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ key: String,
        default fallback: Value,
        _ values: ConfigurationValues
    ) async throws -> Value {
        let text = try await values.text(key, default: fallback.rawValue)
        guard let value = Value(rawValue: text) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw ConfigurationError(key: key, "'\(text)' is none of \(known)")
        }
        return value
    }

    private static func tls(_ values: ConfigurationValues) async throws -> (certificate: String, key: String)? {
        let certificate = try await values.text("tls-certificate", default: "")
        let key = try await values.text("tls-key", default: "")
        guard certificate.isEmpty == key.isEmpty else {
            let missing = certificate.isEmpty ? "tls-certificate" : "tls-key"
            throw ConfigurationError(key: missing, "tls-certificate and tls-key are given together")
        }
        return certificate.isEmpty ? nil : (absolutePath(certificate), absolutePath(key))
    }

    /// Whether only this host can reach the service.
    var isLoopback: Bool { Self.isLoopback(host) }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.wholeMatch(of: /127(\.\d{1,3}){3}/) != nil
    }

    /// The address of a service, nil if none is given.
    static func endpoint(_ key: String, _ values: ConfigurationValues) async throws -> String? {
        let endpoint = try await values.text(key, default: "")
        guard !endpoint.isEmpty else { return nil }
        guard endpoint.wholeMatch(of: /https?:\/\/[^\/?#@]+/) != nil else {
            throw ConfigurationError(
                key: key,
                "'\(endpoint)' is not scheme, host and port, such as http://127.0.0.1:9100"
            )
        }
        return endpoint
    }

    /// An access key and its secret, nil if neither is given.
    private static func credentials(_ name: String, _ values: ConfigurationValues) async throws -> Credentials? {
        let keyID = try await values.text("\(name)-access-key-id", default: "")
        let secret = try await values.secret("\(name)-secret-access-key")
        guard keyID.isEmpty == (secret == nil) else {
            let key = "\(name)-secret-access-key"
            throw ConfigurationError(key: key, "it and \(name)-access-key-id are given together")
        }
        return secret.map { Credentials(accessKeyID: keyID, secretAccessKey: $0) }
    }

    private static func networkPolicy(_ values: ConfigurationValues) async throws -> NetworkPolicy {
        let name = try await values.text("network", default: "isolated")
        let networks: [String: SandboxNetwork] = ["isolated": .isolated, "internet": .internet]
        guard let unattached = networks[name] else {
            throw ConfigurationError(key: "network", "'\(name)' is not a network; use isolated or internet")
        }
        let subnets = try await values.list("internet-subnets")
        for subnet in subnets where subnet.wholeMatch(of: /subnet-[0-9a-z]+/) == nil {
            throw ConfigurationError(key: "internet-subnets", "'\(subnet)' is not the ID of a subnet")
        }
        return NetworkPolicy(unattached: unattached, internetSubnetIDs: Set(subnets))
    }

    private static func addresses(
        _ key: String,
        _ values: ConfigurationValues,
        isSingle: Bool
    ) async throws -> [IPv4Range] {
        try await values.list(key).map { text in
            guard let range = IPv4Range(text), !isSingle || range.prefix == 32 else {
                let form = isSingle ? "an IPv4 address" : "an IPv4 address or range, such as 10.1.0.0/16"
                throw ConfigurationError(key: key, "'\(text)' is not \(form)")
            }
            return range
        }
    }

    /// Reads `HOST:PORT`, with an address of IPv6 in brackets.
    static func address(_ text: String, key: String = "listen") throws -> (host: String, port: Int) {
        guard let colon = text.lastIndex(of: ":"), colon > text.startIndex,
            let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
        else {
            throw ConfigurationError(key: key, "'\(text)' is not HOST:PORT")
        }
        let host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        return (String(isBracketed ? host.dropFirst().dropLast() : host), port)
    }

    static func absolutePath(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        guard let directory = getcwd(nil, 0) else { return path }
        defer { free(directory) }
        return "\(String(cString: directory))/\(path)"
    }
}

/// A value that the configuration does not allow; says which key it is and where to set it.
struct ConfigurationError: Error, CustomStringConvertible {
    let description: String

    init(key: String, _ message: String) {
        let variable = "SWIFTLET_" + key.uppercased().replacing("-", with: "_")
        description = "configuration key '\(key)' (--\(key), \(variable)): \(message)"
    }
}

/// Reads values of a type and range; what is there and does not fit is an error, never the default.
struct ConfigurationValues {
    let reader: ConfigReader

    func text(_ key: String, default fallback: String) async throws -> String {
        do {
            return try await reader.fetchString(forKey: ConfigKey([key])) ?? fallback
        } catch {
            throw ConfigurationError(key: key, "the value is not text: \(error)")
        }
    }

    /// A text that is told to nobody. It is no option of the command line, which every user of the host can read.
    func secret(_ key: String) async throws -> String? {
        do {
            return try await reader.fetchString(forKey: ConfigKey([key]), isSecret: true)
        } catch {
            throw ConfigurationError(key: key, "the value is not text")
        }
    }

    /// The parts of a text between commas.
    func list(_ key: String) async throws -> [String] {
        try await text(key, default: "").split(separator: ",").map { part in
            String(part.drop { $0 == " " })
        }
    }

    func number(_ key: String, default fallback: Int, in range: ClosedRange<Int>) async throws -> Int {
        let value: Int
        do {
            value = try await reader.fetchInt(forKey: ConfigKey([key])) ?? fallback
        } catch {
            throw ConfigurationError(key: key, "the value is not a whole number: \(error)")
        }
        guard range.contains(value) else {
            throw ConfigurationError(key: key, "\(value) is not between \(range.lowerBound) and \(range.upperBound)")
        }
        return value
    }
}
