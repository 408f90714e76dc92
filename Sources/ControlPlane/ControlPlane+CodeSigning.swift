package import LambdaAPI

// There are no code signing configurations yet. What asks whether a function has one learns that it has none, as tools do
// about every function.
extension ControlPlane {
    package func getFunctionCodeSigningConfig(
        _ request: GetFunctionCodeSigningConfigRequest
    ) async throws(LambdaError) -> GetFunctionCodeSigningConfigResponse {
        _ = try await record(FunctionReference(try unqualified(request.functionName)))
        return GetFunctionCodeSigningConfigResponse()
    }
}
