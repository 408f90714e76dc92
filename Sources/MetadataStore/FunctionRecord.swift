package import LambdaAPI

/// A function as the store keeps it.
package struct FunctionRecord: Codable, Sendable, Equatable {
    /// The function's name; the record's key.
    package var name: FunctionName
    /// Counts the writes of the record, whatever they changed; a write names the one that it replaces.
    package var generation: Int
    /// Changes with every change of code, configuration or state; what the API shows as `RevisionId`.
    package var revisionID: String
    /// Code and configuration as the API shows them.
    package var definition: FunctionDefinition
    /// What invokes run while an update of ``definition`` is in progress; nil at all other times.
    package var definitionBeforeUpdate: FunctionDefinition?
    /// Where the function is in its life.
    package var status: FunctionStatus
    /// Key-value pairs that mean something to the user.
    package var tags: [String: String]
    /// When code or configuration last changed.
    package var lastModified: Timestamp
    /// The highest version number that was ever given out; no number is used twice. 0 if there was none.
    package var lastVersion: Int
    /// The aliases by their names.
    package var aliases: [String: AliasRecord]
    /// What is reserved and provisioned.
    package var concurrency: ConcurrencySettings
    /// What is attached to the function beside code and configuration.
    package var attachments: FunctionAttachments

    package init(
        name: FunctionName,
        revisionID: String,
        definition: FunctionDefinition,
        status: FunctionStatus,
        tags: [String: String],
        lastModified: Timestamp
    ) {
        self.name = name
        generation = 0
        lastVersion = 0
        aliases = [:]
        concurrency = ConcurrencySettings()
        attachments = FunctionAttachments()
        self.revisionID = revisionID
        self.definition = definition
        self.status = status
        self.tags = tags
        self.lastModified = lastModified
    }
}

/// A function's code and configuration: all that decides how an invoke of it runs.
package struct FunctionDefinition: Codable, Sendable, Equatable {
    /// Identifies this state of code and configuration, among all that the function ever had.
    package var configurationID: String
    /// The package's SHA-256, 32 bytes as 64 hexadecimal digits.
    package var codeHash: String
    /// The size of the zip archive in bytes.
    package var codeSize: Int
    package var runtime: String
    package var handler: String
    package var role: String
    package var description: String
    package var timeoutSeconds: Int
    package var memoryMegabytes: Int
    package var ephemeralStorageMegabytes: Int
    /// Nil if the user gave none, which reads differently from an empty set.
    package var environment: [String: String]?
    package var architecture: String
    package var tracingMode: String
    /// The logging configuration as the user gave it.
    package var logging: LoggingSettings
    /// The layers in the order in which they are laid over each other; nil if there are none.
    package var layers: [FunctionLayer]?
    /// What it is attached to; nil if it never was to anything, which reads differently from being detached.
    package var network: NetworkSettings?
    /// Where events go that could not be processed; nil if nowhere.
    package var deadLetterTargetARN: String?
    /// The key that the user wants the environment's variables encrypted with. It is kept and shown, nothing else.
    package var kmsKeyARN: String?
    /// The key that the user wants the package encrypted with. It is kept and shown, nothing else.
    package var sourceKMSKeyARN: String?
    /// File systems that the user wants mounted. They are kept and shown, nothing else.
    package var fileSystems: [FileSystemConfig]?
    /// Whether versions are to start from snapshots; nil if the user never said.
    package var snapStart: SnapStartApplyOn?
    /// Set for functions whose executions are durable.
    package var durable: DurableConfig?
    /// Set for functions that run on a capacity provider.
    package var capacityProvider: CapacityProviderConfig?

    /// How a function's log is written.
    package struct LoggingSettings: Codable, Sendable, Equatable {
        package var format: String
        package var applicationLevel: String?
        package var systemLevel: String?
        package var group: String

        package init(format: String, applicationLevel: String?, systemLevel: String?, group: String) {
            self.format = format
            self.applicationLevel = applicationLevel
            self.systemLevel = systemLevel
            self.group = group
        }
    }

    /// The VPC that a function is attached to: subnets and security groups, or neither.
    package struct NetworkSettings: Codable, Sendable, Equatable {
        package var subnetIDs: [String]
        package var securityGroupIDs: [String]
        package var allowsIPv6: Bool

        package init(subnetIDs: [String], securityGroupIDs: [String], allowsIPv6: Bool) {
            self.subnetIDs = subnetIDs
            self.securityGroupIDs = securityGroupIDs
            self.allowsIPv6 = allowsIPv6
        }
    }

    package init(
        configurationID: String,
        codeHash: String,
        codeSize: Int,
        runtime: String,
        handler: String,
        role: String,
        description: String,
        timeoutSeconds: Int,
        memoryMegabytes: Int,
        ephemeralStorageMegabytes: Int,
        environment: [String: String]?,
        architecture: String,
        tracingMode: String,
        logging: LoggingSettings
    ) {
        self.configurationID = configurationID
        self.codeHash = codeHash
        self.codeSize = codeSize
        self.runtime = runtime
        self.handler = handler
        self.role = role
        self.description = description
        self.timeoutSeconds = timeoutSeconds
        self.memoryMegabytes = memoryMegabytes
        self.ephemeralStorageMegabytes = ephemeralStorageMegabytes
        self.environment = environment
        self.architecture = architecture
        self.tracingMode = tracingMode
        self.logging = logging
    }
}

/// Where a function is in its life, as the API shows it. Source: `spec/invoke.md` section 6.
package struct FunctionStatus: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable {
        case pending = "Pending"
        case active = "Active"
        case failed = "Failed"
    }

    package enum Update: String, Codable, Sendable {
        case inProgress = "InProgress"
        case successful = "Successful"
        case failed = "Failed"
    }

    /// A reason with its code, from the model's enumeration of them.
    package struct Reason: Codable, Sendable, Equatable {
        package var code: String
        package var text: String

        package init(code: String, text: String) {
            self.code = code
            self.text = text
        }
    }

    package var state: State
    package var stateReason: Reason?
    /// Nil until the function has been active once.
    package var lastUpdate: Update?
    package var lastUpdateReason: Reason?
    /// Whether environments start from a snapshot; nil, as in records of earlier releases, if they do not.
    package var isOptimized: Bool?

    package init(
        state: State,
        stateReason: Reason? = nil,
        lastUpdate: Update? = nil,
        lastUpdateReason: Reason? = nil
    ) {
        self.state = state
        self.stateReason = stateReason
        self.lastUpdate = lastUpdate
        self.lastUpdateReason = lastUpdateReason
    }
}
