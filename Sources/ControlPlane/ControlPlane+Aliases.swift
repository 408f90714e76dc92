package import LambdaAPI
import MetadataStore

extension ControlPlane {
    package func createAlias(_ request: CreateAliasRequest) async throws(LambdaError) -> AliasConfiguration {
        let name = try reference(request.functionName).name
        return try await change(name) { record throws(LambdaError) in
            guard record.aliases[request.name] == nil else {
                throw .resourceConflict("Alias already exists: \(aliasARN(request.name, of: name))")
            }
            let alias = AliasRecord(
                revisionID: RequestID.random().rawValue,
                version: FunctionVersion(request.functionVersion),
                description: request.description ?? "",
                routing: try AliasRules.routing(request.routingConfig, version: request.functionVersion)
            )
            try await checkVersions(of: alias, in: record)
            return RecordChange(
                record: record.with(alias, named: request.name),
                value: configuration(alias, named: request.name, of: name)
            )
        }
    }

    package func getAlias(_ request: GetAliasRequest) async throws(LambdaError) -> AliasConfiguration {
        let name = try reference(request.functionName).name
        guard let alias = try await record(FunctionReference(name)).aliases[request.name] else {
            throw .resourceNotFound("Cannot find alias arn: \(aliasARN(request.name, of: name))")
        }
        return configuration(alias, named: request.name, of: name)
    }

    package func updateAlias(_ request: UpdateAliasRequest) async throws(LambdaError) -> AliasConfiguration {
        let name = try reference(request.functionName).name
        return try await change(name) { record throws(LambdaError) in
            guard var alias = record.aliases[request.name] else {
                throw .resourceNotFound("Alias not found: \(aliasARN(request.name, of: name))")
            }
            if let revisionID = request.revisionId, revisionID != alias.revisionID { throw .preconditionFailed }
            alias.revisionID = RequestID.random().rawValue
            alias.description = request.description ?? alias.description
            if let version = request.functionVersion { alias.version = FunctionVersion(version) }
            if let routing = request.routingConfig {
                alias.routing = try AliasRules.routing(routing, version: alias.version.rawValue)
            }
            try AliasRules.check(alias)
            try await checkVersions(of: alias, in: record)
            if record.concurrency.provisioned[request.name] != nil {
                try checkProvisionable(alias, named: request.name, in: record)
            }
            return RecordChange(
                record: record.with(alias, named: request.name),
                value: configuration(alias, named: request.name, of: name)
            )
        }
    }

    package func deleteAlias(_ request: DeleteAliasRequest) async throws(LambdaError) {
        let name = try reference(request.functionName).name
        try await change(name) { record throws(LambdaError) in
            var next = record
            next.aliases[request.name] = nil
            next.concurrency.provisioned[request.name] = nil
            next.attachments.removeAll(of: request.name)
            return RecordChange(record: next, value: ())
        }
    }

    package func listAliases(_ request: ListAliasesRequest) async throws(LambdaError) -> ListAliasesResponse {
        let name = try reference(request.functionName).name
        let record = try await record(FunctionReference(name))
        let wanted = request.functionVersion.map { FunctionVersion($0) }
        let page = try NamedPage(
            of: record.aliases.filter { wanted == nil || $0.value.refers(to: wanted ?? .latest) },
            after: request.marker,
            limit: min(request.maxItems ?? Limits.functionsPerPageMax, Limits.functionsPerPageMax)
        )
        return ListAliasesResponse(
            nextMarker: page.nextMarker,
            aliases: page.items.map { configuration($0.value, named: $0.name, of: name) }
        )
    }

    private func aliasARN(_ alias: String, of name: FunctionName) -> String {
        dependencies.locality.functionARN(name, qualifier: Qualifier(alias))
    }

    private func configuration(_ alias: AliasRecord, named name: String, of function: FunctionName)
        -> AliasConfiguration
    {
        AliasConfiguration(
            aliasArn: aliasARN(name, of: function),
            name: name,
            functionVersion: alias.version.rawValue,
            description: alias.description,
            routingConfig: alias.routing.map {
                AliasRoutingConfiguration(additionalVersionWeights: [$0.version.rawValue: $0.weight])
            },
            revisionId: alias.revisionID
        )
    }

    private func checkVersions(of alias: AliasRecord, in record: FunctionRecord) async throws(LambdaError) {
        for version in alias.versions where version != .latest {
            guard try await publishedVersion(version, of: record.name) != nil else {
                let qualifier = Qualifier(version.rawValue)
                throw .functionNotFound(arn: dependencies.locality.functionARN(record.name, qualifier: qualifier))
            }
        }
    }
}

/// What Lambda checks of an alias beyond the service model. Source: `spec/control-plane.md` section 2, alias routing.
enum AliasRules {
    /// The routing that a request asks for; an empty one is none.
    static func routing(
        _ configuration: AliasRoutingConfiguration?,
        version: String
    ) throws(LambdaError) -> AliasRecord.Routing? {
        let weights = configuration?.additionalVersionWeights ?? [:]
        guard weights.count <= 1 else {
            throw .invalidParameterValue("Number of items in AdditionalVersionWeights cannot be greater than 1")
        }
        guard let (other, weight) = weights.first else { return nil }
        let routing = AliasRecord.Routing(version: FunctionVersion(other), weight: weight)
        try check(
            AliasRecord(revisionID: "", version: FunctionVersion(version), description: "", routing: routing)
        )
        return routing
    }

    /// Throws `InvalidParameterValueException` for two versions that cannot be used together.
    static func check(_ alias: AliasRecord) throws(LambdaError) {
        guard let routing = alias.routing else { return }
        guard alias.version != .latest, routing.version != .latest else {
            throw .invalidParameterValue("$LATEST is not supported for an alias pointing to more than 1 version")
        }
        guard alias.version != routing.version else {
            throw .invalidParameterValue(
                "Invalid function version \(routing.version). Function version \(routing.version) is already included "
                    + "in routing configuration."
            )
        }
    }
}

extension FunctionRecord {
    fileprivate func with(_ alias: AliasRecord, named name: String) -> FunctionRecord {
        var next = self
        next.aliases[name] = alias
        return next
    }
}
