/// What an environment is initialised for, in the words of `AWS_LAMBDA_INITIALIZATION_TYPE`.
/// Source: `spec/runtime-api.md` section 6.
package enum InitialisationType: String, Sendable {
    /// An invoke waits for it.
    case onDemand = "on-demand"
    /// It is kept for invokes to come, and may take longer.
    case provisionedConcurrency = "provisioned-concurrency"
}
