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
        guard let archive = request.zipFile else {
            throw .invalidParameterValue("Please provide a source for function code.")
        }
        try checkUpdatable(record, expecting: request.revisionId)
        let package = try await inCodeStore { store throws(CodeStoreError) in try await store.put(archive.bytes) }
        let definition = record.definition.updated(
            code: package,
            architecture: request.architectures?.first?.rawValue,
            configurationID: RequestID.random().rawValue
        )
        try await checkLayers(of: definition)
        if request.dryRun == true {
            var shown = record
            shown.definition = definition
            return FunctionConfiguration(shown, in: dependencies.locality).withStatus(record.status)
        }
        return try await update(record, to: definition, expecting: request.revisionId)
    }

    package func updateFunctionConfiguration(
        _ request: UpdateFunctionConfigurationRequest
    ) async throws(LambdaError) -> FunctionConfiguration {
        let record = try await record(try reference(request.functionName))
        try UnsupportedFeatures(request).check(.updateFunctionConfiguration)
        try checkUpdatable(record, expecting: request.revisionId)
        var definition = try record.definition.updated(
            by: request,
            configurationID: RequestID.random().rawValue
        )
        if let arns = request.layers {
            definition.layers = try await layers(arns)
            try await checkLayers(of: definition)
        }
        return try await update(record, to: definition, expecting: request.revisionId)
    }

    private func checkUpdatable(_ record: FunctionRecord, expecting revisionID: String?) throws(LambdaError) {
        if let revisionID, revisionID != record.revisionID { throw .preconditionFailed }
        guard FunctionLifecycle(record).isUnderway else { return }
        throw record.status.state == .pending
            ? .functionState(FunctionStatus.State.pending.rawValue) : updateInProgress(record)
    }

    private func update(
        _ record: FunctionRecord,
        to definition: FunctionDefinition,
        expecting revisionID: String?
    ) async throws(LambdaError) -> FunctionConfiguration {
        let next: FunctionRecord
        do throws(FunctionLifecycle.Refusal) {
            next = try FunctionLifecycle(record).updateStarted(
                definition,
                revisionID: RequestID.random().rawValue,
                at: dependencies.now()
            )
        } catch {
            throw updateInProgress(record)
        }
        do throws(MetadataStoreError) {
            try await dependencies.store.replace(next, expecting: record.revisionID)
        } catch {
            guard error.code == .conflict else { throw .service(cause: error) }
            // The function is gone, or of two updates at once the other has won.
            _ = try await self.record(FunctionReference(record.name))
            throw revisionID == nil ? updateInProgress(record) : .preconditionFailed
        }
        finishLater(record.name)
        return FunctionConfiguration(next, in: dependencies.locality).withStatus(next.status)
    }

    private func updateInProgress(_ record: FunctionRecord) -> LambdaError {
        .updateInProgress(arn: dependencies.locality.functionARN(record.name))
    }
}
