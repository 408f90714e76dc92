import CodeStore
import LambdaAPI
import MetadataStore

extension FunctionConfiguration {
    /// A function's record as the API shows it.
    ///
    /// - Parameter qualifier: The qualifier that the caller gave, which the ARN repeats.
    init(_ record: FunctionRecord, in locality: Locality, qualifier: Qualifier? = nil) {
        let definition = record.definition
        self.init(
            functionName: record.name.rawValue,
            functionArn: locality.functionARN(record.name, qualifier: qualifier),
            runtime: Runtime(rawValue: definition.runtime),
            role: definition.role,
            handler: definition.handler,
            codeSize: definition.codeSize,
            description: definition.description,
            timeout: definition.timeoutSeconds,
            memorySize: definition.memoryMegabytes,
            lastModified: record.lastModified.functionText,
            codeSha256: CodeHash(hexadecimal: definition.codeHash).base64,
            version: FunctionVersion.latest.rawValue,
            vpcConfig: definition.network?.response,
            deadLetterConfig: definition.deadLetterTargetARN.map { DeadLetterConfig(targetArn: $0) },
            environment: definition.environment.map { EnvironmentResponse(variables: $0) },
            kmsKeyArn: definition.kmsKeyARN,
            tracingConfig: TracingConfigResponse(mode: TracingMode(rawValue: definition.tracingMode)),
            revisionId: record.revisionID,
            layers: definition.layers?.map { Layer(arn: $0.arn, codeSize: $0.codeSize) },
            fileSystemConfigs: definition.fileSystems,
            packageType: .zip,
            architectures: [Architecture(rawValue: definition.architecture)],
            ephemeralStorage: EphemeralStorage(size: definition.ephemeralStorageMegabytes),
            snapStart: SnapStartResponse(
                applyOn: definition.snapStart ?? SnapStartApplyOn.none,
                optimizationStatus: record.status.isOptimized == true ? .on : .off
            ),
            runtimeVersionConfig: RuntimeVersionConfig(
                runtimeVersionArn: RuntimeVersion(of: definition.runtime, in: locality).arn
            ),
            loggingConfig: LoggingConfig(
                logFormat: LogFormat(rawValue: definition.logging.format),
                applicationLogLevel: definition.logging.applicationLevel.map { ApplicationLogLevel(rawValue: $0) },
                systemLogLevel: definition.logging.systemLevel.map { SystemLogLevel(rawValue: $0) },
                logGroup: definition.logging.group
            ),
            capacityProviderConfig: definition.capacityProvider,
            durableConfig: definition.durable
        )
    }

    /// A published version as the API shows it.
    init(_ version: VersionRecord, in locality: Locality, qualifier: Qualifier?) {
        var definition = version.definition
        definition.description = version.description
        let record = FunctionRecord(
            name: version.functionName,
            revisionID: version.revisionID,
            definition: definition,
            status: version.status,
            tags: [:],
            lastModified: version.lastModified
        )
        self.init(record, in: locality, qualifier: qualifier)
        self.version = version.version.rawValue
    }

    /// The same with the function's state, which lists leave out.
    func withStatus(_ status: FunctionStatus) -> FunctionConfiguration {
        var next = self
        next.state = FunctionState(rawValue: status.state.rawValue)
        next.stateReason = status.stateReason?.text
        next.stateReasonCode = status.stateReason.map { StateReasonCode(rawValue: $0.code) }
        next.lastUpdateStatus = status.lastUpdate.map { LastUpdateStatus(rawValue: $0.rawValue) }
        next.lastUpdateStatusReason = status.lastUpdateReason?.text
        next.lastUpdateStatusReasonCode = status.lastUpdateReason.map {
            LastUpdateStatusReasonCode(rawValue: $0.code)
        }
        return next
    }
}
