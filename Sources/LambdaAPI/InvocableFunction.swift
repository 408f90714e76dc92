/// One function version exactly as an invoke sees it: what to run, with which limits, under which name.
///
/// Immutable. Every change of code or configuration makes a new value with another ``ConfigurationID``, so an
/// execution environment, which belongs to one such value for life, can never run anything else.
package final class InvocableFunction: Sendable {
    /// Identifies one state of a function version's code and configuration.
    package struct ConfigurationID: Hashable, Sendable, CustomStringConvertible {
        /// Unique among all configurations that this process has seen.
        package let rawValue: String

        /// Wraps an identifier; the revision of the function's record is one.
        package init(_ rawValue: String) {
            self.rawValue = rawValue
        }

        /// A configuration with what a function has chosen beside it.
        package init(_ rawValue: String, in sandbox: SandboxKind?) {
            self.rawValue = sandbox.map { "\(rawValue)+\($0)" } ?? rawValue
        }

        package var description: String { rawValue }
    }

    /// Which code and configuration this is.
    package let configurationID: ConfigurationID
    /// The account and region it lives in.
    package let locality: Locality
    /// The function's name.
    package let name: FunctionName
    /// The version; never an alias.
    package let version: FunctionVersion
    /// The runtime's identifier, such as `python3.11`.
    package let runtime: String
    /// The entry point within the code, as the runtime understands it.
    package let handler: String
    /// How long one invoke may take, 1 to 900 seconds.
    package let timeoutSeconds: Int
    /// The memory limit in MB, which also sets the share of CPU.
    package let memoryMegabytes: Int
    /// The size of `/tmp` in MB.
    package let ephemeralStorageMegabytes: Int
    /// The user's environment variables.
    package let environment: [String: String]
    /// The SHA-256 of the code package, in lower-case hexadecimal.
    package let codeHash: String
    /// The SHA-256 of each layer's archive, in lower-case hexadecimal; of two layers that hold the same path, the later
    /// one counts.
    package let layerHashes: [String]
    /// How its log is written.
    package let logging: FunctionLogging
    /// The subnets that it is attached to; empty if it is attached to no VPC.
    package let subnetIDs: [String]
    /// Whether its environments are to start from a snapshot of one that has initialised.
    package let startsFromSnapshot: Bool
    /// What it is to run in; nil for what the service prefers.
    package let sandbox: SandboxKind?

    /// Names the function, whatever its version, in the lineage of traces: 8 hexadecimal digits.
    package let lineageID: String

    /// Describes a function version; see the properties.
    package init(
        configurationID: ConfigurationID,
        locality: Locality,
        name: FunctionName,
        version: FunctionVersion,
        runtime: String,
        handler: String,
        timeoutSeconds: Int,
        memoryMegabytes: Int,
        ephemeralStorageMegabytes: Int,
        environment: [String: String],
        codeHash: String,
        layerHashes: [String] = [],
        logging: FunctionLogging? = nil,
        subnetIDs: [String] = [],
        startsFromSnapshot: Bool = false,
        sandbox: SandboxKind? = nil
    ) {
        self.configurationID = configurationID
        self.locality = locality
        self.name = name
        self.version = version
        self.runtime = runtime
        self.handler = handler
        self.timeoutSeconds = timeoutSeconds
        self.memoryMegabytes = memoryMegabytes
        self.ephemeralStorageMegabytes = ephemeralStorageMegabytes
        self.environment = environment
        self.codeHash = codeHash
        self.layerHashes = layerHashes
        self.logging = logging ?? .standard(for: name)
        self.subnetIDs = subnetIDs
        self.startsFromSnapshot = startsFromSnapshot
        self.sandbox = sandbox
        lineageID = Self.lineageID(of: locality.functionARN(name))
    }

    /// The 32-bit FNV-1a hash of an ARN.
    private static func lineageID(of arn: String) -> String {
        let hash = arn.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// Names a version and the state of its configuration, whatever else there was or will be of the same name.
    package struct Identity: Hashable, Sendable, CustomStringConvertible {
        package let name: FunctionName
        package let version: FunctionVersion
        package let configurationID: ConfigurationID

        /// Names a version.
        package init(_ name: FunctionName, _ version: FunctionVersion, _ configurationID: ConfigurationID) {
            self.name = name
            self.version = version
            self.configurationID = configurationID
        }

        /// Reads what ``description`` has written; nil for anything else.
        package init?(_ text: String) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3 else { return nil }
            self.init(FunctionName(parts[0]), FunctionVersion(parts[1]), ConfigurationID(parts[2]))
        }

        package var description: String { "\(name):\(version):\(configurationID)" }
    }

    package var identity: Identity { Identity(name, version, configurationID) }

    /// The most memory that an environment of this function may use.
    package var memory: ByteCount { .mebibytes(memoryMegabytes) }
}
