import Crypto
import LambdaAPI

/// How an environment comes to initialise. Source: `spec/runtime-api.md` section 3, InitType.
package enum InitializationType: String, Sendable {
    /// An invoke needs it.
    case onDemand = "on-demand"
    /// It is kept ready ahead of invokes.
    case provisionedConcurrency = "provisioned-concurrency"
}

/// What the platform's events tell of an environment and its function.
struct PlatformIdentity {
    let functionName: FunctionName
    let version: FunctionVersion
    let memoryMegabytes: Int
    let initializationType: InitializationType
    /// Names the environment: the end of its log stream's name.
    let instanceID: String
    /// Such as `python:3.11.v1`.
    let runtimeVersion: String
    let runtimeVersionARN: String

    init(function: InvocableFunction, instanceID: String, initializationType: InitializationType) {
        functionName = function.name
        version = function.version
        memoryMegabytes = function.memoryMegabytes
        self.initializationType = initializationType
        self.instanceID = instanceID
        let name = function.runtime
        let family = name.prefix { !$0.isNumber }
        let number = name.dropFirst(family.count)
        runtimeVersion = number.isEmpty ? "\(name).v1" : "\(family):\(number).v1"
        // Lambda names a runtime's version by a hash; so does this, of the only thing that it depends on here.
        let hash = SHA256.hash(data: Array(runtimeVersion.utf8)).hexadecimalText
        runtimeVersionARN = "arn:aws:lambda:\(function.locality.region)::runtime:\(hash)"
    }
}
