/// The quotas of Lambda that the platform enforces. Sizes are exact; where AWS's documents say MB they mean MiB.
///
/// Those that the service model has as constraints, such as the range of `MemorySize`, are not repeated here unless
/// some room needs the number itself.
package enum Limits {
    // MARK: Function

    /// A function's name without account and region, in characters.
    package static let functionNameLengthMax = 64
    /// The whole `FunctionName` parameter of an invoke, in characters.
    package static let functionReferenceLengthMax = 256
    /// A qualifier, in characters.
    package static let qualifierLengthMax = 128
    /// A function's memory without Managed Instances, in MB.
    package static let memorySizeMB = 128...10_240
    /// The memory from which a function has one whole virtual CPU, in MB.
    package static let memorySizeOfOneCPUMB = 1769
    package static let memorySizeDefaultMB = 128
    /// A function's timeout, in seconds.
    package static let timeoutSeconds = 1...900
    package static let timeoutDefaultSeconds = 3
    /// The size of `/tmp`, in MB.
    package static let ephemeralStorageMB = 512...10_240
    package static let ephemeralStorageDefaultMB = 512
    /// All environment variables as one JSON object, braces and quotes included.
    package static let environmentSizeMax = ByteCount(bytes: 4096)
    package static let layersMax = 5
    /// The policy of a function, version, alias or layer version, as JSON.
    package static let resourcePolicySizeMax = ByteCount(bytes: 20_480)
    package static let tagsMax = 50

    // MARK: Packages

    /// A package as it is uploaded.
    package static let zipSizeMax = ByteCount(bytes: 52_428_800)
    /// A package with its layers, unpacked.
    package static let unzippedSizeMax = ByteCount(bytes: 262_144_000)
    /// The body of CreateFunction and of UpdateFunctionCode: a package in base64 with some room for the rest.
    package static let createFunctionRequestSizeMax = ByteCount(bytes: 70_167_211)
    /// All packages of an account, unpacked.
    package static let codeStorageMax = ByteCount.mebibytes(300 << 10)

    // MARK: Invocation

    /// The event of a synchronous invoke.
    package static let requestPayloadMax = ByteCount(bytes: 6_291_456)
    /// The response of a synchronous invoke: a request's limit and 100 bytes.
    package static let responsePayloadMax = ByteCount(bytes: 6_291_556)
    /// The event of an asynchronous invoke.
    package static let asynchronousPayloadMax = ByteCount(bytes: 1_048_576)
    /// A streamed response.
    package static let streamedResponseMax = ByteCount.mebibytes(200)
    /// What of it may come at any speed, and the rate per second of the rest.
    package static let streamedResponseBurst = ByteCount.mebibytes(6)
    package static let streamedResponseRate = ByteCount.mebibytes(2)
    /// `X-Amz-Client-Context`, in base64.
    package static let clientContextMax = ByteCount(bytes: 3583)
    /// How much of the end of the log an invoke with `LogType=Tail` returns.
    package static let logTailMax = ByteCount(bytes: 4096)
    /// A request's line and headers together.
    package static let requestHeadMax = ByteCount.mebibytes(1)

    // MARK: Execution environment

    /// How long an environment may take to initialise before its first invoke.
    package static let initialisation = Duration.seconds(10)
    /// How long the restoration from a snapshot may take, with what runtimes do after it.
    package static let restoration = Duration.seconds(10)
    /// How long an environment may take to initialise where concurrency is provisioned, or for a snapshot; or the function's timeout
    /// if that is longer.
    package static let provisionedInitialisation = Duration.seconds(130)
    /// How long extensions have to shut down: the second figure when one is external.
    package static let shutdownInternalExtensions = Duration.milliseconds(500)
    package static let shutdownExternalExtensions = Duration.milliseconds(2000)
    package static let extensionsMax = 10
    package static let fileDescriptorsMax = 1024
    package static let processesMax = 1024

    // MARK: Account

    package static let concurrentExecutionsDefault = 1000
    /// What reservations must leave to functions without one.
    package static let unreservedConcurrentExecutionsMin = 100
    /// Invokes per second that each unit of concurrency allows.
    package static let requestsPerSecondPerConcurrency = 10
    /// How many environments of one function may be started at once, and again in each period.
    package static let scaleUpPerPeriod = 1000
    package static let scaleUpPeriod = Duration.seconds(10)
    /// Entries of one page of ListProvisionedConcurrencyConfigs.
    package static let provisionedConfigsPerPageMax = 50
    /// The CPUs that a capacity provider may have if the user does not say. Source: `spec/quotas.md`.
    package static let capacityProviderCPUsDefault = 400
    /// Entries of one page of ListCapacityProviders, ListFunctionUrlConfigs and ListFunctionEventInvokeConfigs.
    package static let attachmentsPerPageMax = 50
    /// Entries of one page of ListEventSourceMappings and ListCodeSigningConfigs, whatever `MaxItems` asks for.
    package static let resourcesPerPageMax = 100
    /// Entries of one page of ListFunctions and ListVersionsByFunction, whatever `MaxItems` asks for.
    package static let functionsPerPageMax = 50
    /// Entries of one page of ListLayers and ListLayerVersions.
    package static let layersPerPageMax = 50
}
