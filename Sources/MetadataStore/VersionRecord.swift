package import LambdaAPI

/// A published version: a function's code and configuration as they were at one moment, under a number of its own.
package struct VersionRecord: Codable, Sendable, Equatable {
    /// The function's name; with the number the record's key.
    package var functionName: FunctionName
    /// From 1 on; never given out again, even after the version is deleted.
    package var number: Int
    /// Changes with every change of the record, which is of its status only.
    package var revisionID: String
    /// Never changes. Its configuration identifier is the version's own.
    package var definition: FunctionDefinition
    /// The version's description, which may be other than the definition's.
    package var description: String
    package var status: FunctionStatus
    /// When the version was published.
    package var lastModified: Timestamp

    package init(
        functionName: FunctionName,
        number: Int,
        revisionID: String,
        definition: FunctionDefinition,
        description: String,
        status: FunctionStatus,
        lastModified: Timestamp
    ) {
        self.functionName = functionName
        self.number = number
        self.revisionID = revisionID
        self.definition = definition
        self.description = description
        self.status = status
        self.lastModified = lastModified
    }

    /// The version as it stands in ARNs.
    package var version: FunctionVersion { FunctionVersion(String(number)) }
}

/// A name that stands for one version of a function, or for two in a proportion.
package struct AliasRecord: Codable, Sendable, Equatable {
    /// A second version and its share of the invokes.
    package struct Routing: Codable, Sendable, Equatable {
        package var version: FunctionVersion
        /// From 0 to 1.
        package var weight: Double

        package init(version: FunctionVersion, weight: Double) {
            self.version = version
            self.weight = weight
        }
    }

    /// Changes with every change of the alias.
    package var revisionID: String
    /// The version that gets what the routing leaves.
    package var version: FunctionVersion
    package var description: String
    package var routing: Routing?

    package init(revisionID: String, version: FunctionVersion, description: String, routing: Routing?) {
        self.revisionID = revisionID
        self.version = version
        self.description = description
        self.routing = routing
    }

    /// The versions that invokes of the alias may run.
    package var versions: [FunctionVersion] { [version] + (routing.map { [$0.version] } ?? []) }

    /// Whether invokes of the alias may run this version.
    package func refers(to version: FunctionVersion) -> Bool {
        versions.contains(version)
    }

    /// The version of one invoke. Source: `spec/control-plane.md` section 4, alias weights.
    ///
    /// - Parameter draw: At random from 0 up to 1, which it never is.
    package func version(for draw: Double) -> FunctionVersion {
        guard let routing, draw < routing.weight else { return version }
        return routing.version
    }
}

/// A function's reserved and provisioned concurrency. Source: `spec/control-plane.md` section 6.
package struct ConcurrencySettings: Codable, Sendable, Equatable {
    /// Environments that are to be kept initialised.
    package struct Provisioned: Codable, Sendable, Equatable {
        package var count: Int
        package var lastModified: Timestamp

        package init(count: Int, lastModified: Timestamp) {
            self.count = count
            self.lastModified = lastModified
        }
    }

    /// What all versions of the function together may use at once, and no other function may; nil if nothing is reserved.
    package var reserved: Int?
    /// Provisioned concurrency by version number or alias.
    package var provisioned: [String: Provisioned]

    package init(reserved: Int? = nil, provisioned: [String: Provisioned] = [:]) {
        self.reserved = reserved
        self.provisioned = provisioned
    }

    /// All that is provisioned.
    package var provisionedTotal: Int { provisioned.values.reduce(0) { $0 + $1.count } }

    /// What the function takes away from the functions that have nothing reserved.
    package var claimed: Int { reserved ?? provisionedTotal }
}

extension FunctionRecord {
    /// How many environments of each version are to be kept initialised: those of an alias are of the versions that it
    /// stands for, in its proportion.
    package var provisionedByVersion: [FunctionVersion: Int] {
        var counts: [FunctionVersion: Int] = [:]
        for (qualifier, provisioned) in concurrency.provisioned {
            guard let alias = aliases[qualifier] else {
                counts[FunctionVersion(qualifier), default: 0] += provisioned.count
                continue
            }
            let rest = alias.routing.map { Int((Double(provisioned.count) * $0.weight).rounded()) } ?? 0
            counts[alias.version, default: 0] += provisioned.count - rest
            if let routing = alias.routing, rest > 0 { counts[routing.version, default: 0] += rest }
        }
        return counts.filter { $0.value > 0 }
    }
}
