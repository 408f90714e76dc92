package import LambdaAPI
import MetadataStore

// When a runtime is updated, and whether a function may invoke itself in a loop. Source: `spec/control-plane.md` sections
// 1 and 7.
extension ControlPlane {
    package func putRuntimeManagementConfig(
        _ request: PutRuntimeManagementConfigRequest
    ) async throws(LambdaError) -> PutRuntimeManagementConfigResponse {
        let reference = try await manageable(request.functionName, request.qualifier)
        let target = try await target(reference)
        let definition = target.version?.definition ?? target.record.definition
        let arn = request.runtimeVersionArn
        if request.updateRuntimeOn == .manual {
            // There is one version of each runtime here, so that is the one to be pinned.
            let known = RuntimeVersion(of: definition.runtime, in: dependencies.locality).arn
            guard let arn else {
                throw .invalidParameterValue("RuntimeVersionArn must be specified when UpdateRuntimeOn is Manual.")
            }
            guard arn == known else {
                throw .invalidParameterValue(
                    "The runtime version \(arn) is not available for \(definition.runtime); available is \(known)."
                )
            }
        } else if arn != nil {
            throw .invalidParameterValue("RuntimeVersionArn can only be specified when UpdateRuntimeOn is Manual.")
        }
        try await change(reference.name) { record throws(LambdaError) in
            var next = record
            next.attachments.runtimeManagement[reference.attachmentKey] =
                RuntimeManagementRecord(updateRuntimeOn: request.updateRuntimeOn, runtimeVersionARN: arn)
            return RecordChange(record: next, value: ())
        }
        return PutRuntimeManagementConfigResponse(
            updateRuntimeOn: request.updateRuntimeOn,
            functionArn: reference.qualifiedARN(in: dependencies.locality),
            runtimeVersionArn: arn
        )
    }

    package func getRuntimeManagementConfig(
        _ request: GetRuntimeManagementConfigRequest
    ) async throws(LambdaError) -> GetRuntimeManagementConfigResponse {
        let reference = try await manageable(request.functionName, request.qualifier)
        let record = try await target(reference).record
        let config = record.attachments.runtimeManagement[reference.attachmentKey]
        return GetRuntimeManagementConfigResponse(
            updateRuntimeOn: config?.updateRuntimeOn ?? .auto,
            functionArn: reference.qualifiedARN(in: dependencies.locality),
            runtimeVersionArn: config?.runtimeVersionARN
        )
    }

    /// A function or a version, which have a runtime to manage; an alias has none of its own.
    private func manageable(_ name: String, _ qualifier: String?) async throws(LambdaError) -> FunctionReference {
        let reference = try reference(name, qualifier: qualifier)
        guard let qualifier = reference.qualifier, qualifier != .latest else { return reference }
        guard FunctionVersion(qualifier.rawValue).number != nil else {
            throw .invalidParameterValue(
                "The runtime management configuration is of a function or one of its versions, not of an alias: "
                    + reference.arn(in: dependencies.locality)
            )
        }
        return reference
    }
}

extension ControlPlane {
    package func putFunctionRecursionConfig(
        _ request: PutFunctionRecursionConfigRequest
    ) async throws(LambdaError) -> PutFunctionRecursionConfigResponse {
        let name = try unqualified(request.functionName)
        try await change(name) { record throws(LambdaError) in
            var next = record
            next.attachments.recursiveLoop = request.recursiveLoop
            return RecordChange(record: next, value: ())
        }
        return PutFunctionRecursionConfigResponse(recursiveLoop: request.recursiveLoop)
    }

    package func getFunctionRecursionConfig(
        _ request: GetFunctionRecursionConfigRequest
    ) async throws(LambdaError) -> GetFunctionRecursionConfigResponse {
        let record = try await record(FunctionReference(try unqualified(request.functionName)))
        return GetFunctionRecursionConfigResponse(recursiveLoop: record.attachments.recursiveLoop ?? .terminate)
    }
}
