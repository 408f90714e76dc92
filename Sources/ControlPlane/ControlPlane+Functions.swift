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
        guard let archive = request.code.zipFile else {
            throw .invalidParameterValue("Please provide a source for function code.")
        }
        let known = try await inStore { store throws(MetadataStoreError) in
            try await store.function(named: reference.name)
        }
        guard known == nil else { throw .functionExists(reference.name) }
        // The configuration is checked before the package is stored, which costs most.
        var configuration = try FunctionDefinition(
            request,
            name: reference.name,
            hostArchitecture: dependencies.runtimes.architecture,
            configurationID: RequestID.random().rawValue
        )
        configuration.layers = try await layers(request.layers ?? [])
        let package = try await inCodeStore { store throws(CodeStoreError) in try await store.put(archive.bytes) }
        configuration = configuration.updated(
            code: package,
            architecture: nil,
            configurationID: configuration.configurationID
        )
        try await checkLayers(of: configuration)
        let record = FunctionLifecycle.created(
            reference.name,
            configuration,
            tags: request.tags ?? [:],
            revisionID: RequestID.random().rawValue,
            at: dependencies.now()
        )
        do throws(MetadataStoreError) {
            try await dependencies.store.insert(record)
        } catch {
            throw error.code == .exists ? .functionExists(reference.name) : .service(cause: error)
        }
        finishLater(reference.name)
        return FunctionConfiguration(record, in: dependencies.locality).withStatus(record.status)
    }

    package func getFunction(_ request: GetFunctionRequest) async throws(LambdaError) -> GetFunctionResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        let record = try await record(reference)
        return GetFunctionResponse(
            configuration: configuration(record, reference),
            code: FunctionCodeLocation(
                repositoryType: "S3",
                location: url(of: CodeHash(hexadecimal: record.definition.codeHash))
            ),
            tags: record.tags.isEmpty ? nil : record.tags
        )
    }

    package func getFunctionConfiguration(
        _ request: GetFunctionConfigurationRequest
    ) async throws(LambdaError) -> FunctionConfiguration {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        return configuration(try await record(reference), reference)
    }

    package func listFunctions(_ request: ListFunctionsRequest) async throws(LambdaError) -> ListFunctionsResponse {
        let limit = min(request.maxItems ?? Limits.functionsPerPageMax, Limits.functionsPerPageMax)
        let start = try request.marker.map { marker throws(LambdaError) -> FunctionName in
            try PageMarker(marker).name
        }
        let records = try await inStore { store throws(MetadataStoreError) in
            try await store.functions(after: start, limit: limit + 1)
        }
        let page = records.prefix(limit)
        // With versions asked for, the unpublished one is listed under its own ARN.
        let qualifier: Qualifier? = request.functionVersion == .all ? .latest : nil
        return ListFunctionsResponse(
            nextMarker: records.count > limit ? page.last.map { PageMarker($0.name).text } : nil,
            functions: page.map { FunctionConfiguration($0, in: dependencies.locality, qualifier: qualifier) }
        )
    }

    package func deleteFunction(
        _ request: DeleteFunctionRequest
    ) async throws(LambdaError) -> DeleteFunctionResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        if let qualifier = reference.qualifier {
            guard qualifier != .latest else {
                throw .invalidParameterValue(
                    "$LATEST version cannot be deleted without deleting the function."
                )
            }
            guard qualifier.rawValue.allSatisfy(\.isNumber) else {
                throw .invalidParameterValue("Deletion of aliases is not currently supported.")
            }
            // No version has been published, and deleting one that is not there succeeds.
            _ = try await record(FunctionReference(reference.name))
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
                concurrentExecutions: Limits.concurrentExecutionsDefault,
                unreservedConcurrentExecutions: Limits.concurrentExecutionsDefault
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

    /// The function's record. Throws `ResourceNotFoundException` if there is none, or no such version.
    func record(_ reference: FunctionReference) async throws(LambdaError) -> FunctionRecord {
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.function(named: reference.name)
        }
        guard let record, reference.qualifier == nil || reference.qualifier == .latest else {
            throw .functionNotFound(arn: reference.arn(in: dependencies.locality))
        }
        return record
    }

    private func configuration(_ record: FunctionRecord, _ reference: FunctionReference) -> FunctionConfiguration {
        FunctionConfiguration(record, in: dependencies.locality, qualifier: reference.qualifier)
            .withStatus(record.status)
    }
}
