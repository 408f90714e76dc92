import CodeStore
package import LambdaAPI
import MetadataStore

extension ControlPlane {
    package func updateFunctionCode(
        _ request: UpdateFunctionCodeRequest
    ) async throws(LambdaError) -> FunctionConfiguration {
        let record = try await record(try reference(request.functionName))
        guard request.imageUri == nil else {
            throw .invalidParameterValue(
                "Please don't provide ImageUri when updating a function with packageType Zip."
            )
        }
        try UnsupportedFeatures(request).check(.updateFunctionCode)
        let source = PackageSource(request)
        try check(source, for: "function code")
        try checkUpdatable(record, expecting: request.revisionId)
        try await checkSignature(record.attachments.codeSigningConfigARN, of: record.name)
        let package = try await store(source)
        let definition = record.definition.updated(
            code: package,
            architecture: request.architectures?.first?.rawValue,
            configurationID: RequestID.random().rawValue
        )
        if request.dryRun == true {
            try await checkLayers(of: definition)
            var shown = record
            shown.definition = definition
            return FunctionConfiguration(shown, in: dependencies.locality).withStatus(record.status)
        }
        return try await update(
            record.name,
            expecting: request.revisionId,
            publishing: request.publish == true
        ) { record throws(LambdaError) in
            var definition = record.definition.updated(
                code: package,
                architecture: request.architectures?.first?.rawValue,
                configurationID: definition.configurationID
            )
            definition.sourceKMSKeyARN = request.sourceKMSKeyArn.map { $0.nonEmpty } ?? definition.sourceKMSKeyARN
            try await checkLayers(of: definition)
            return definition
        }
    }

    package func updateFunctionConfiguration(
        _ request: UpdateFunctionConfigurationRequest
    ) async throws(LambdaError) -> FunctionConfiguration {
        let record = try await record(try reference(request.functionName))
        try await checkCapacityProvider(request.capacityProviderConfig)
        if let role = request.role { try await checkRole(role) }
        return try await update(record.name, expecting: request.revisionId) { record throws(LambdaError) in
            var definition = try record.definition.updated(by: request, configurationID: RequestID.random().rawValue)
            if let arns = request.layers {
                definition.layers = try await layers(arns)
                try await checkLayers(of: definition)
            }
            return definition
        }
    }

    func checkUpdatable(_ record: FunctionRecord, expecting revisionID: String?) throws(LambdaError) {
        if let revisionID, revisionID != record.revisionID { throw .preconditionFailed }
        guard FunctionLifecycle(record).isUnderway else { return }
        throw record.status.state == .pending
            ? .functionState(FunctionStatus.State.pending.rawValue) : updateInProgress(record.name)
    }

    /// Begins an update. What others change of the function meanwhile, such as an alias, stays changed.
    private func update(
        _ name: FunctionName,
        expecting revisionID: String?,
        publishing: Bool = false,
        to definition: (FunctionRecord) async throws(LambdaError) -> FunctionDefinition
    ) async throws(LambdaError) -> FunctionConfiguration {
        let (record, version) = try await change(name) { record throws(LambdaError) in
            try checkUpdatable(record, expecting: revisionID)
            let definition = try await definition(record)
            let next: FunctionRecord
            do throws(FunctionLifecycle.Refusal) {
                next = try FunctionLifecycle(record).updateStarted(
                    definition,
                    revisionID: RequestID.random().rawValue,
                    at: dependencies.now()
                )
            } catch {
                throw updateInProgress(record.name)
            }
            guard publishing else {
                return RecordChange(record: next, value: (next, VersionRecord?.none))
            }
            if let published = try await unchangedVersion(of: next, definition) {
                return RecordChange(record: next, value: (next, published))
            }
            let published = publication(of: next)
            return RecordChange(
                record: published.record,
                versions: published.versions,
                value: (published.record, published.value)
            )
        }
        finishLater(name)
        guard let version else { return configuration(record, qualifier: nil) }
        finishLater(version)
        return configuration(version, qualifier: Qualifier(version.version.rawValue))
    }
}
