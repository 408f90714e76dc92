package import LambdaAPI

/// What is attached to a function and to its versions and aliases beside code and configuration: it can change at any
/// time without a new version, and goes with the function.
///
/// Whatever is kept by qualifier is kept under the name of an alias, the number of a version, or ``unqualified``.
package struct FunctionAttachments: Codable, Sendable, Equatable {
    /// Stands for the function as a whole, which for what is attached is the same as its unpublished version.
    package static let unqualified = Qualifier.latest.rawValue

    /// Who may invoke it, by qualifier; no policy is empty.
    package var policies: [String: FunctionPolicy]
    /// Its URLs, by qualifier.
    package var urls: [String: FunctionURLRecord]
    /// How asynchronous invokes of it are tried, by qualifier.
    package var eventInvokeConfigs: [String: EventInvokeRecord]
    /// When its runtime is updated, by version.
    package var runtimeManagement: [String: RuntimeManagementRecord]
    /// How many environments a capacity provider keeps for it, by version.
    package var scaling: [String: FunctionScalingConfig]
    /// Whether it may invoke itself in a loop; nil if the user never said.
    package var recursiveLoop: RecursiveLoop?
    /// The configuration that its packages are signed by.
    package var codeSigningConfigARN: String?

    /// Nothing.
    package init() {
        policies = [:]
        urls = [:]
        eventInvokeConfigs = [:]
        runtimeManagement = [:]
        scaling = [:]
    }

    /// What an alias or version leaves behind when it is deleted. Its URL stays, for nobody any more, as on AWS.
    package mutating func removeAll(of qualifier: String) {
        policies[qualifier] = nil
        eventInvokeConfigs[qualifier] = nil
        runtimeManagement[qualifier] = nil
        scaling[qualifier] = nil
    }
}

/// The resource policy of a function, a version or an alias.
package struct FunctionPolicy: Codable, Sendable, Equatable {
    /// One statement, as IAM writes it.
    package struct Statement: Codable, Sendable, Equatable {
        /// Nil for a statement of a whole policy that has none.
        package var id: String?
        /// The statement as a JSON object.
        package var json: String

        package init(id: String?, json: String) {
            self.id = id
            self.json = json
        }
    }

    /// Changes with every change of the policy.
    package var revisionID: String
    /// In the order in which they were added; never empty.
    package var statements: [Statement]

    package init(revisionID: String, statements: [Statement]) {
        self.revisionID = revisionID
        self.statements = statements
    }
}

/// The URL of a function or an alias.
package struct FunctionURLRecord: Codable, Sendable, Equatable {
    /// The first label of the host name; unique among all URLs there ever were.
    package var id: String
    package var authType: FunctionUrlAuthType
    package var cors: Cors?
    package var invokeMode: InvokeMode
    package var created: Timestamp
    package var lastModified: Timestamp

    package init(id: String, authType: FunctionUrlAuthType, invokeMode: InvokeMode, created: Timestamp) {
        self.id = id
        self.authType = authType
        self.invokeMode = invokeMode
        self.created = created
        lastModified = created
    }
}

/// How asynchronous invokes are tried and where their outcome goes. What is nil was not set.
package struct EventInvokeRecord: Codable, Sendable, Equatable {
    package var maximumRetryAttempts: Int?
    package var maximumEventAgeInSeconds: Int?
    package var destinations: DestinationConfig?
    package var lastModified: Timestamp

    package init(
        maximumRetryAttempts: Int?,
        maximumEventAgeInSeconds: Int?,
        destinations: DestinationConfig?,
        lastModified: Timestamp
    ) {
        self.maximumRetryAttempts = maximumRetryAttempts
        self.maximumEventAgeInSeconds = maximumEventAgeInSeconds
        self.destinations = destinations
        self.lastModified = lastModified
    }
}

/// When the runtime of a version is updated.
package struct RuntimeManagementRecord: Codable, Sendable, Equatable {
    package var updateRuntimeOn: UpdateRuntimeOn
    /// The runtime's version that a manual update asks for.
    package var runtimeVersionARN: String?

    package init(updateRuntimeOn: UpdateRuntimeOn, runtimeVersionARN: String?) {
        self.updateRuntimeOn = updateRuntimeOn
        self.runtimeVersionARN = runtimeVersionARN
    }
}
