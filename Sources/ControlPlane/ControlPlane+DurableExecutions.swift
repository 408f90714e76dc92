package import LambdaAPI

// Durable executions. None can be started yet, so there is none to be found; requests are checked like all others.
extension ControlPlane {
    package func getDurableExecution(
        _ request: GetDurableExecutionRequest
    ) async throws(LambdaError) -> GetDurableExecutionResponse {
        throw .noDurableExecution(request.durableExecutionArn)
    }

    package func getDurableExecutionHistory(
        _ request: GetDurableExecutionHistoryRequest
    ) async throws(LambdaError) -> GetDurableExecutionHistoryResponse {
        throw .noDurableExecution(request.durableExecutionArn)
    }

    package func getDurableExecutionState(
        _ request: GetDurableExecutionStateRequest
    ) async throws(LambdaError) -> GetDurableExecutionStateResponse {
        throw .invalidCheckpointToken(request.durableExecutionArn)
    }

    package func checkpointDurableExecution(
        _ request: CheckpointDurableExecutionRequest
    ) async throws(LambdaError) -> CheckpointDurableExecutionResponse {
        throw .invalidCheckpointToken(request.durableExecutionArn)
    }

    package func stopDurableExecution(
        _ request: StopDurableExecutionRequest
    ) async throws(LambdaError) -> StopDurableExecutionResponse {
        throw .noDurableExecution(request.durableExecutionArn)
    }

    package func pauseDurableExecution(
        _ request: PauseDurableExecutionRequest
    ) async throws(LambdaError) -> PauseDurableExecutionResponse {
        throw .noDurableExecution(request.durableExecutionArn)
    }

    package func resumeDurableExecution(
        _ request: ResumeDurableExecutionRequest
    ) async throws(LambdaError) -> ResumeDurableExecutionResponse {
        throw .noDurableExecution(request.durableExecutionArn)
    }

    package func deleteDurableExecution(
        _ request: DeleteDurableExecutionRequest
    ) async throws(LambdaError) -> DeleteDurableExecutionResponse {
        throw .noDurableExecution(request.durableExecutionArn)
    }

    package func listDurableExecutionsByFunction(
        _ request: ListDurableExecutionsByFunctionRequest
    ) async throws(LambdaError) -> ListDurableExecutionsByFunctionResponse {
        _ = try await target(try reference(request.functionName, qualifier: request.qualifier))
        return ListDurableExecutionsByFunctionResponse(durableExecutions: [])
    }

    package func sendDurableExecutionCallbackSuccess(
        _ request: SendDurableExecutionCallbackSuccessRequest
    ) async throws(LambdaError) -> SendDurableExecutionCallbackSuccessResponse {
        throw .noCallback(request.callbackId)
    }

    package func sendDurableExecutionCallbackFailure(
        _ request: SendDurableExecutionCallbackFailureRequest
    ) async throws(LambdaError) -> SendDurableExecutionCallbackFailureResponse {
        throw .noCallback(request.callbackId)
    }

    package func sendDurableExecutionCallbackHeartbeat(
        _ request: SendDurableExecutionCallbackHeartbeatRequest
    ) async throws(LambdaError) -> SendDurableExecutionCallbackHeartbeatResponse {
        throw .noCallback(request.callbackId)
    }
}

extension LambdaError {
    fileprivate static func noDurableExecution(_ arn: String) -> LambdaError {
        resourceNotFound("Durable execution not found: \(arn)")
    }

    /// The beginning of the text is what the SDKs for durable functions look at. Source: `spec/control-plane.md` section 9.
    fileprivate static func invalidCheckpointToken(_ arn: String) -> LambdaError {
        invalidParameterValue("Invalid Checkpoint Token: there is no durable execution \(arn)")
    }

    fileprivate static func noCallback(_ id: String) -> LambdaError {
        resourceNotFound("Callback not found: \(id)")
    }
}
