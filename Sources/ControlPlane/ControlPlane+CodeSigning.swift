package import LambdaAPI
import MetadataStore

// Code signing configurations. Source: `spec/control-plane.md` sections 1, 2 and 7.
//
// Signatures themselves are of AWS Signer and cannot be checked without it, so every package counts as unsigned: one that
// a configuration enforces signatures for is refused, and one that it only warns about is taken.
extension ControlPlane {
    package func createCodeSigningConfig(
        _ request: CreateCodeSigningConfigRequest
    ) async throws(LambdaError) -> CreateCodeSigningConfigResponse {
        try ConfigurationRules.checkTags(request.tags ?? [:])
        let id = "csc-" + String(RequestID.random().rawValue.filter { $0 != "-" }.prefix(17))
        let config = CodeSigningConfig(
            codeSigningConfigId: id,
            codeSigningConfigArn: dependencies.locality.codeSigningConfigARN(id),
            description: request.description ?? "",
            allowedPublishers: request.allowedPublishers,
            codeSigningPolicies: CodeSigningPolicies(
                untrustedArtifactOnDeployment: request.codeSigningPolicies?.untrustedArtifactOnDeployment ?? .warn
            ),
            lastModified: dependencies.now().functionText
        )
        try await inStore { store throws(MetadataStoreError) in
            try await store.insert(CodeSigningConfigRecord(config: config, tags: request.tags ?? [:]))
        }
        return CreateCodeSigningConfigResponse(codeSigningConfig: config)
    }

    package func getCodeSigningConfig(
        _ request: GetCodeSigningConfigRequest
    ) async throws(LambdaError) -> GetCodeSigningConfigResponse {
        let record = try await codeSigningConfig(request.codeSigningConfigArn)
        return GetCodeSigningConfigResponse(codeSigningConfig: record.config)
    }

    package func updateCodeSigningConfig(
        _ request: UpdateCodeSigningConfigRequest
    ) async throws(LambdaError) -> UpdateCodeSigningConfigResponse {
        let missing = LambdaError.codeSigningConfigNotFound(request.codeSigningConfigArn)
        let record = try await changeResource(
            CodeSigningConfigRecord.self,
            request.codeSigningConfigArn,
            missing: missing
        ) { record in
            record.config.description = request.description ?? record.config.description
            record.config.allowedPublishers = request.allowedPublishers ?? record.config.allowedPublishers
            record.config.codeSigningPolicies = request.codeSigningPolicies ?? record.config.codeSigningPolicies
            record.config.lastModified = dependencies.now().functionText
        }
        return UpdateCodeSigningConfigResponse(codeSigningConfig: record.config)
    }

    package func deleteCodeSigningConfig(
        _ request: DeleteCodeSigningConfigRequest
    ) async throws(LambdaError) -> DeleteCodeSigningConfigResponse {
        let arn = request.codeSigningConfigArn
        let users = try await inStore { store throws(MetadataStoreError) in
            try await store.functions(signedBy: arn, after: nil, limit: 1)
        }
        guard users.isEmpty else {
            throw .resourceConflict(
                "The code signing configuration \(arn) cannot be deleted because functions use it, such as "
                    + dependencies.locality.functionARN(users[0].name)
            )
        }
        let wasThere = try await inStore { store throws(MetadataStoreError) in
            try await store.deleteResource(CodeSigningConfigRecord.self, arn)
        }
        guard wasThere else {
            throw .resourceNotFound("The Lambda code signing configuration \(arn) can not be found.")
        }
        return DeleteCodeSigningConfigResponse()
    }

    package func listCodeSigningConfigs(
        _ request: ListCodeSigningConfigsRequest
    ) async throws(LambdaError) -> ListCodeSigningConfigsResponse {
        let page = try await resourcePage(CodeSigningConfigRecord.self, after: request.marker, limit: request.maxItems)
        return ListCodeSigningConfigsResponse(nextMarker: page.next, codeSigningConfigs: page.items.map(\.config))
    }

    package func listFunctionsByCodeSigningConfig(
        _ request: ListFunctionsByCodeSigningConfigRequest
    ) async throws(LambdaError) -> ListFunctionsByCodeSigningConfigResponse {
        let arn = request.codeSigningConfigArn
        _ = try await codeSigningConfig(arn)
        let limit = min(request.maxItems ?? Limits.functionsPerPageMax, Limits.functionsPerPageMax)
        let start = try request.marker.map { marker throws(LambdaError) in try PageMarker(marker).name }
        let records = try await inStore { store throws(MetadataStoreError) in
            try await store.functions(signedBy: arn, after: start, limit: limit + 1)
        }
        let page = records.prefix(limit)
        return ListFunctionsByCodeSigningConfigResponse(
            nextMarker: records.count > limit ? page.last.map { PageMarker($0.name).text } : nil,
            functionArns: page.map { dependencies.locality.functionARN($0.name) }
        )
    }

    package func putFunctionCodeSigningConfig(
        _ request: PutFunctionCodeSigningConfigRequest
    ) async throws(LambdaError) -> PutFunctionCodeSigningConfigResponse {
        let name = try unqualified(request.functionName)
        try await checkCodeSigningConfig(request.codeSigningConfigArn)
        try await change(name) { record throws(LambdaError) in
            var next = record
            next.attachments.codeSigningConfigARN = request.codeSigningConfigArn
            return RecordChange(record: next, value: ())
        }
        return PutFunctionCodeSigningConfigResponse(
            codeSigningConfigArn: request.codeSigningConfigArn,
            functionName: name.rawValue
        )
    }

    package func getFunctionCodeSigningConfig(
        _ request: GetFunctionCodeSigningConfigRequest
    ) async throws(LambdaError) -> GetFunctionCodeSigningConfigResponse {
        let record = try await record(FunctionReference(try unqualified(request.functionName)))
        guard let arn = record.attachments.codeSigningConfigARN else { return GetFunctionCodeSigningConfigResponse() }
        return GetFunctionCodeSigningConfigResponse(codeSigningConfigArn: arn, functionName: record.name.rawValue)
    }

    package func deleteFunctionCodeSigningConfig(
        _ request: DeleteFunctionCodeSigningConfigRequest
    ) async throws(LambdaError) {
        try await change(try unqualified(request.functionName)) { record throws(LambdaError) in
            var next = record
            next.attachments.codeSigningConfigARN = nil
            return RecordChange(record: next, value: ())
        }
    }

    /// Throws `CodeSigningConfigNotFoundException` if a function cannot have the configuration.
    ///
    /// - Returns: The configuration.
    @discardableResult
    func checkCodeSigningConfig(_ arn: String) async throws(LambdaError) -> CodeSigningConfig {
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.resource(CodeSigningConfigRecord.self, arn)
        }
        guard let record else {
            throw LambdaError(
                .codeSigningConfigNotFoundException,
                "The code signing configuration cannot be found. Check that the provided configuration is not deleted: "
                    + "\(arn)."
            )
        }
        return record.config
    }

    /// Throws `CodeVerificationFailedException` if the configuration of a function wants its packages signed.
    func checkSignature(_ configARN: String?, of name: FunctionName) async throws(LambdaError) {
        guard let configARN else { return }
        let config = try await checkCodeSigningConfig(configARN)
        guard config.codeSigningPolicies?.untrustedArtifactOnDeployment == .enforce else { return }
        throw LambdaError(
            .codeVerificationFailedException,
            "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client "
                + "is not configured to accept. Check the provided signature for \(name)."
        )
    }

    private func codeSigningConfig(_ arn: String) async throws(LambdaError) -> CodeSigningConfigRecord {
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.resource(CodeSigningConfigRecord.self, arn)
        }
        guard let record else { throw .codeSigningConfigNotFound(arn) }
        return record
    }
}

extension Locality {
    fileprivate func codeSigningConfigARN(_ id: String) -> String {
        "arn:aws:lambda:\(region):\(accountID):code-signing-config:\(id)"
    }
}

extension LambdaError {
    /// A code signing configuration that there is not.
    static func codeSigningConfigNotFound(_ arn: String) -> LambdaError {
        resourceNotFound("The Lambda code signing configuration \(arn) can not be found.")
    }
}
