import LambdaAPI
import RuntimeAPI
import Telemetry

/// The environment variables of a function's processes. Source: `spec/runtime-api.md` section 6.
///
/// Later layers win: the runtime's defaults, then the user's variables, then what the service reserves for itself.
struct EnvironmentVariables {
    /// Those of the service that are the same in all environments.
    static let sameForAll = ["AWS_LAMBDA_RUNTIME_API": address]

    private(set) var values: [String: String]

    /// Those that a runtime is started with while its function is not known.
    init(startedWith defaults: [String: String]) {
        values = defaults.merging(Self.sameForAll) { $1 }
    }

    /// - Parameters:
    ///   - initializationType: What the environment is initialised for.
    ///   - defaults: The runtime's own variables.
    ///   - logGroup: The log group that the function is told of.
    ///   - logStream: The environment's log stream in it.
    ///   - credentials: What the function's AWS clients sign with.
    ///   - metadataToken: What a request to the metadata endpoint must bear.
    ///
    /// Processes that are initialised for a snapshot have the names and keys of no environment: keys they ask for.
    init(
        function: InvocableFunction,
        initializationType: InitializationType,
        defaults: [String: String],
        logGroup: String,
        logStream: String,
        credentials: EnvironmentCredentials,
        metadataToken: String
    ) {
        values = defaults
        values.merge(function.environment) { $1 }
        let reserved = [
            "_HANDLER": function.handler,
            "AWS_REGION": function.locality.region,
            "AWS_DEFAULT_REGION": function.locality.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.name.rawValue,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version.rawValue,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": String(function.memoryMegabytes),
            "AWS_LAMBDA_INITIALIZATION_TYPE": initializationType.rawValue,
            "AWS_LAMBDA_RUNTIME_API": Self.address,
            "AWS_LAMBDA_METADATA_API": Self.address,
            "AWS_LAMBDA_METADATA_TOKEN": metadataToken,
            "LAMBDA_TASK_ROOT": "/var/task",
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
        ]
        values.merge(reserved) { $1 }
        let own =
            if initializationType == .snapStart {
                [
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://\(Self.address)\(Self.credentialsPath)",
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN": credentials.authorizationToken,
                ]
            } else {
                [
                    "AWS_ACCESS_KEY_ID": credentials.accessKeyID,
                    "AWS_SECRET_ACCESS_KEY": credentials.secretAccessKey,
                    "AWS_SESSION_TOKEN": credentials.sessionToken,
                    "AWS_LAMBDA_LOG_GROUP_NAME": logGroup,
                    "AWS_LAMBDA_LOG_STREAM_NAME": logStream,
                ]
            }
        values.merge(own) { $1 }
        if function.logging.format == .json {
            values["AWS_LAMBDA_LOG_FORMAT"] = function.logging.format.rawValue
            values["AWS_LAMBDA_LOG_LEVEL"] = function.logging.applicationLevel?.rawValue
        }
        values.merge(Self.sameForAll) { $1 }
    }

    /// `KEY=value` each, in the order of the keys.
    var list: [String] { Self.list(values) }

    /// The variables of external extensions, which lack what is for runtimes only.
    var ofExtensions: [String] {
        Self.list(values.filter { !Self.ofRuntimesOnly.contains($0.key) })
    }

    /// Where the Runtime API gives access keys out.
    private static let credentialsPath = "/2021-04-23/credentials"

    private static let address = "127.0.0.1:\(RuntimeAPIServer.port)"

    private static let ofRuntimesOnly: Set<String> = [
        "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT",
        "_LAMBDA_TELEMETRY_LOG_FD",
    ]

    private static func list(_ values: [String: String]) -> [String] {
        values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }
}

/// Access keys for one execution environment, in the form of a role's temporary ones.
///
/// They identify nobody yet: they let AWS clients inside functions sign requests, which this service accepts from anybody.
struct EnvironmentCredentials {
    let accessKeyID: String
    let secretAccessKey: String
    let sessionToken: String
    /// What a request for the keys must bear, where processes have to ask for them.
    var authorizationToken: String

    /// How long clients may keep keys that they have asked for, before they ask again; the keys stay the same.
    private static let givenOutMilliseconds = 6 * 3_600_000

    /// The keys as the Runtime API gives them out.
    var givenOut: RuntimeAPISettings.Credentials {
        RuntimeAPISettings.Credentials(
            authorizationToken: authorizationToken,
            accessKeyID: accessKeyID,
            secretAccessKey: secretAccessKey,
            sessionToken: sessionToken,
            expiration: { Timestamp(milliseconds: Timestamp.now().milliseconds + Self.givenOutMilliseconds) }
        )
    }

    /// New random keys; each environment has its own.
    static func random() -> EnvironmentCredentials {
        // Alphabets of powers of two: each random number gives many letters, and asking the system for one takes time.
        let capitals = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        return EnvironmentCredentials(
            accessKeyID: "ASIA" + randomText(16, of: capitals),
            secretAccessKey: randomText(40, of: letters),
            sessionToken: randomText(256, of: letters),
            authorizationToken: randomText(64, of: capitals)
        )
    }

    private static func randomText(_ count: Int, of alphabet: [UInt8]) -> String {
        var generator = SystemRandomNumberGenerator()
        let bits = alphabet.count.trailingZeroBitCount
        var text: [UInt8] = []
        while text.count < count {
            var random: UInt64 = generator.next()
            for _ in 0..<min(UInt64.bitWidth / bits, count - text.count) {
                text.append(alphabet[Int(random & UInt64(alphabet.count - 1))])
                random >>= UInt64(bits)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
