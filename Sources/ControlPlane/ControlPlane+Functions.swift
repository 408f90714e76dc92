import CodeStore
package import LambdaAPI
import MetadataStore

extension ControlPlane {
    package func createFunction(
        _ request: CreateFunctionRequest
    ) async throws(LambdaError) -> FunctionConfiguration {
        let reference = try reference(request.functionName)
        guard reference.qualifier == nil else {
            // The model allows one, but what is created is always the unpublished version.
            throw .invalidParameterValue("A function is created without a qualifier: \(request.functionName)")
        }
        try UnsupportedFeatures(request).check(.createFunction)
        try ConfigurationRules.checkTags(request.tags ?? [:])
        let source = PackageSource(request.code)
        try check(source, for: "function code")
        try await checkSignature(request.codeSigningConfigArn, of: reference.name)
        try await checkCapacityProvider(request.capacityProviderConfig)
        try await checkRole(request.role)
        let known = try await inStore { store throws(MetadataStoreError) in
            try await store.function(named: reference.name)
        }
        guard known == nil else { throw .functionExists(reference.name) }
        // The configuration is checked before the package is stored, which costs most.
        var definition = try FunctionDefinition(
            request,
            name: reference.name,
            hostArchitecture: dependencies.runtimes.architecture,
            configurationID: RequestID.random().rawValue
        )
        try checkSandbox(request.tags ?? [:], definition)
        definition.layers = try await layers(request.layers ?? [])
        let package = try await store(source)
        definition = definition.updated(
            code: package,
            architecture: nil,
            configurationID: definition.configurationID
        )
        try await checkLayers(of: definition)
        var record = FunctionLifecycle.created(
            reference.name,
            definition,
            tags: request.tags ?? [:],
            revisionID: RequestID.random().rawValue,
            at: dependencies.now()
        )
        record.attachments.codeSigningConfigARN = request.codeSigningConfigArn
        let publication = request.publish == true ? publication(of: record) : nil
        do throws(MetadataStoreError) {
            try await dependencies.store.insert(
                publication?.record ?? record,
                versions: publication.map { [$0.value] } ?? []
            )
        } catch {
            throw error.code == .exists ? .functionExists(reference.name) : .service(cause: error)
        }
        finishLater(reference.name)
        guard let version = publication?.value else { return configuration(record, qualifier: nil) }
        finishLater(version)
        // The ARN names the function, not the version.
        return configuration(version, qualifier: nil)
    }

    package func getFunction(_ request: GetFunctionRequest) async throws(LambdaError) -> GetFunctionResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        let target = try await target(reference)
        let definition = target.version?.definition ?? target.record.definition
        return GetFunctionResponse(
            configuration: configuration(target, qualifier: reference.qualifier),
            code: FunctionCodeLocation(
                repositoryType: "S3",
                location: url(of: CodeHash(hexadecimal: definition.codeHash)),
                sourceKMSKeyArn: definition.sourceKMSKeyARN
            ),
            tags: target.record.tags.isEmpty ? nil : target.record.tags,
            concurrency: target.record.concurrency.reserved.map { Concurrency(reservedConcurrentExecutions: $0) }
        )
    }

    package func getFunctionConfiguration(
        _ request: GetFunctionConfigurationRequest
    ) async throws(LambdaError) -> FunctionConfiguration {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        return configuration(try await target(reference), qualifier: reference.qualifier)
    }

    package func listFunctions(_ request: ListFunctionsRequest) async throws(LambdaError) -> ListFunctionsResponse {
        let limit = min(request.maxItems ?? Limits.functionsPerPageMax, Limits.functionsPerPageMax)
        let start = try request.marker.map { marker throws(LambdaError) in try PageMarker(marker) }
        if request.functionVersion == .all {
            return try await listAllVersions(after: start, limit: limit)
        }
        let records = try await inStore { store throws(MetadataStoreError) in
            try await store.functions(after: start?.name, limit: limit + 1)
        }
        let page = records.prefix(limit)
        return ListFunctionsResponse(
            nextMarker: records.count > limit ? page.last.map { PageMarker($0.name).text } : nil,
            functions: page.map { FunctionConfiguration($0, in: dependencies.locality) }
        )
    }

    /// Every function with all its versions, each under its own ARN, the unpublished one first.
    private func listAllVersions(
        after start: PageMarker?,
        limit: Int
    ) async throws(LambdaError) -> ListFunctionsResponse {
        var page: [(marker: PageMarker, configuration: FunctionConfiguration)] = []
        func append(versionsOf name: FunctionName, after number: Int) async throws(LambdaError) {
            let versions = try await inStore { store throws(MetadataStoreError) in
                try await store.versions(of: name, after: number, limit: limit + 1 - page.count)
            }
            for version in versions {
                let qualifier = Qualifier(version.version.rawValue)
                let shown = FunctionConfiguration(version, in: dependencies.locality, qualifier: qualifier)
                page.append((PageMarker(name, version: version.number), shown))
            }
        }
        if let start, let number = start.version {
            try await append(versionsOf: start.name, after: number)
        }
        let records = try await inStore { store throws(MetadataStoreError) in
            try await store.functions(after: start?.name, limit: limit + 1)
        }
        for record in records where page.count <= limit {
            let shown = FunctionConfiguration(record, in: dependencies.locality, qualifier: .latest)
            page.append((PageMarker(record.name, version: 0), shown))
            if page.count <= limit, record.lastVersion > 0 { try await append(versionsOf: record.name, after: 0) }
        }
        return ListFunctionsResponse(
            nextMarker: page.count > limit ? page[limit - 1].marker.text : nil,
            functions: page.prefix(limit).map(\.configuration)
        )
    }

    package func deleteFunction(
        _ request: DeleteFunctionRequest
    ) async throws(LambdaError) -> DeleteFunctionResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        if let qualifier = reference.qualifier {
            try await deleteVersion(qualifier, of: reference.name)
            return DeleteFunctionResponse(statusCode: 204)
        }
        let wasThere = try await inStore { store throws(MetadataStoreError) in
            try await store.delete(reference.name)
        }
        guard wasThere else { throw .functionNotFound(arn: reference.arn(in: dependencies.locality)) }
        return DeleteFunctionResponse(statusCode: 204)
    }

    package func getAccountSettings(
        _ request: GetAccountSettingsRequest
    ) async throws(LambdaError) -> GetAccountSettingsResponse {
        let usage = try await inStore { store throws(MetadataStoreError) in try await store.usage() }
        let layers = try await inStore { store throws(MetadataStoreError) in try await store.layersCodeSize() }
        return GetAccountSettingsResponse(
            accountLimit: AccountLimit(
                totalCodeSize: Limits.codeStorageMax.bytes,
                codeSizeUnzipped: Limits.unzippedSizeMax.bytes,
                codeSizeZipped: Limits.zipSizeMax.bytes,
                concurrentExecutions: dependencies.accountConcurrency,
                unreservedConcurrentExecutions: dependencies.accountConcurrency - usage.claimedConcurrency
            ),
            accountUsage: AccountUsage(
                totalCodeSize: usage.codeSize + layers,
                functionCount: usage.functionCount
            )
        )
    }
}

extension ControlPlane {
    /// Reads a function's name as a request has it.
    func reference(_ name: String, qualifier: String? = nil) throws(LambdaError) -> FunctionReference {
        try FunctionReference(name, qualifier: qualifier, in: dependencies.locality)
    }

    private func configuration(_ target: Target, qualifier: Qualifier?) -> FunctionConfiguration {
        target.version.map { configuration($0, qualifier: qualifier) }
            ?? configuration(target.record, qualifier: qualifier)
    }
}
