package import LambdaAPI
import MetadataStore

extension ControlPlane {
    /// Ends all environments of a function, so that its next invokes are cold starts: idle ones now, those at work when
    /// they have finished. No operation of Lambda's.
    ///
    /// - Returns: How many environments that were.
    /// - Throws: `ResourceNotFoundException` if there is no such function.
    package func recycle(_ functionName: String) async throws(LambdaError) -> Int {
        let record = try await record(FunctionReference(try unqualified(functionName)))
        return await dependencies.environments.recycle(record.name)
    }
}
