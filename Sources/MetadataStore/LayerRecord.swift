package import LambdaAPI

/// One version of a layer as the store keeps it. All but its policy never changes.
package struct LayerVersionRecord: Codable, Sendable, Equatable {
    /// The layer's name and the version's number are the record's key.
    package var name: LayerName
    /// From 1 on; no number of a layer is ever given out twice.
    package var version: Int
    package var definition: LayerVersionDefinition
    /// Who else may use the version; nil if nobody was ever named, or nobody is any more.
    package var policy: LayerPolicy?

    package init(
        name: LayerName,
        version: Int,
        definition: LayerVersionDefinition,
        policy: LayerPolicy? = nil
    ) {
        self.name = name
        self.version = version
        self.definition = definition
        self.policy = policy
    }
}

/// What is published as a version of a layer.
package struct LayerVersionDefinition: Codable, Sendable, Equatable {
    /// The archive's SHA-256, 32 bytes as 64 hexadecimal digits.
    package var codeHash: String
    /// The size of the zip archive in bytes.
    package var codeSize: Int
    package var description: String
    /// Nil if the user gave none, which reads differently from an empty list.
    package var compatibleRuntimes: [String]?
    package var compatibleArchitectures: [String]?
    package var licenseInfo: String?
    package var created: Timestamp

    package init(
        codeHash: String,
        codeSize: Int,
        description: String,
        compatibleRuntimes: [String]?,
        compatibleArchitectures: [String]?,
        licenseInfo: String?,
        created: Timestamp
    ) {
        self.codeHash = codeHash
        self.codeSize = codeSize
        self.description = description
        self.compatibleRuntimes = compatibleRuntimes
        self.compatibleArchitectures = compatibleArchitectures
        self.licenseInfo = licenseInfo
        self.created = created
    }
}

/// The resource policy of a layer's version.
package struct LayerPolicy: Codable, Sendable, Equatable {
    /// Whom one statement allows to get the version.
    package struct Statement: Codable, Sendable, Equatable {
        package var id: String
        /// An account's number, the ARN of an account's root, or `*`.
        package var principal: String
        package var organizationID: String?

        package init(id: String, principal: String, organizationID: String?) {
            self.id = id
            self.principal = principal
            self.organizationID = organizationID
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

/// What a version must be compatible with to be listed: all that is given.
package struct LayerFilter: Sendable, Equatable {
    package var runtime: String?
    package var architecture: String?

    package init(runtime: String? = nil, architecture: String? = nil) {
        self.runtime = runtime
        self.architecture = architecture
    }

    /// Whether the version says that it is compatible; one that says nothing is not.
    package func matches(_ definition: LayerVersionDefinition) -> Bool {
        let isOfRuntime = runtime.map { definition.compatibleRuntimes?.contains($0) == true } ?? true
        let isOfArchitecture = architecture.map { definition.compatibleArchitectures?.contains($0) == true } ?? true
        return isOfRuntime && isOfArchitecture
    }
}

/// A layer's version as a function refers to it: with all that is needed to run the function, so that it runs even when
/// the version is deleted.
package struct FunctionLayer: Codable, Sendable, Equatable {
    /// The ARN of the version.
    package var arn: String
    /// The archive's SHA-256, 32 bytes as 64 hexadecimal digits.
    package var codeHash: String
    /// The size of the zip archive in bytes.
    package var codeSize: Int

    package init(arn: String, codeHash: String, codeSize: Int) {
        self.arn = arn
        self.codeHash = codeHash
        self.codeSize = codeSize
    }
}
