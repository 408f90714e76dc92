import LambdaAPI

/// How an environment comes to initialise. Source: `spec/runtime-api.md` section 3, InitType.
package enum InitializationType: String, Sendable {
    /// An invoke needs it.
    case onDemand = "on-demand"
    /// It is kept ready ahead of invokes.
    case provisionedConcurrency = "provisioned-concurrency"
    /// For a snapshot, or from one.
    case snapStart = "snap-start"
}

/// What the platform's events tell of an environment and its function.
struct PlatformIdentity {
    let functionName: FunctionName
    let version: FunctionVersion
    let memoryMegabytes: Int
    let initializationType: InitializationType
    /// Names the environment: the end of its log stream's name.
    let instanceID: String
    let runtimeVersion: RuntimeVersion

    init(function: InvocableFunction, instanceID: String, initializationType: InitializationType) {
        functionName = function.name
        version = function.version
        memoryMegabytes = function.memoryMegabytes
        self.initializationType = initializationType
        self.instanceID = instanceID
        runtimeVersion = RuntimeVersion(of: function.runtime, in: function.locality)
    }
}
