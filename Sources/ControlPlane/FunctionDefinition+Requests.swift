import CodeStore
import LambdaAPI
import MetadataStore

extension FunctionDefinition {
    /// The definition that CreateFunction asks for, with Lambda's defaults and without code, which comes in with
    /// ``updated(code:architecture:configurationID:)``.
    init(
        _ request: CreateFunctionRequest,
        name: FunctionName,
        hostArchitecture: String,
        configurationID: String
    ) throws(LambdaError) {
        guard let runtime = request.runtime, let handler = request.handler else {
            throw .invalidParameterValue(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
        }
        try RuntimePolicy.check(runtime.rawValue)
        let environment = request.environment?.variables
        try ConfigurationRules.checkEnvironment(environment ?? [:])
        if request.capacityProviderConfig == nil {
            try ConfigurationRules.checkMemory(request.memorySize ?? Limits.memorySizeDefaultMB)
        }
        self.init(
            configurationID: configurationID,
            codeHash: "",
            codeSize: 0,
            runtime: runtime.rawValue,
            handler: handler,
            role: request.role,
            description: request.description ?? "",
            timeoutSeconds: request.timeout ?? Limits.timeoutDefaultSeconds,
            memoryMegabytes: request.memorySize ?? Limits.memorySizeDefaultMB,
            ephemeralStorageMegabytes: request.ephemeralStorage?.size ?? Limits.ephemeralStorageDefaultMB,
            environment: environment,
            architecture: request.architectures?.first?.rawValue ?? hostArchitecture,
            tracingMode: request.tracingConfig?.mode?.rawValue ?? "PassThrough",
            logging: try LoggingSettings.standard(for: name.rawValue).updated(by: request.loggingConfig)
        )
        network = try NetworkSettings.updated(nil, by: request.vpcConfig)
        try updateIntegrations(by: request)
        durable = try request.durableConfig.map { config throws(LambdaError) in try DurableConfig(checked: config) }
        capacityProvider = request.capacityProviderConfig
        sourceKMSKeyARN = request.code.sourceKMSKeyArn.nonEmpty
    }

    /// This definition with what UpdateFunctionConfiguration changes; what the request does not name stays.
    func updated(
        by request: UpdateFunctionConfigurationRequest,
        configurationID: String
    ) throws(LambdaError) -> FunctionDefinition {
        var next = self
        next.configurationID = configurationID
        if let runtime = request.runtime {
            try RuntimePolicy.check(runtime.rawValue)
            next.runtime = runtime.rawValue
        }
        if let environment = request.environment {
            try ConfigurationRules.checkEnvironment(environment.variables ?? [:])
            next.environment = environment.variables
        }
        if let memory = request.memorySize {
            if capacityProvider == nil { try ConfigurationRules.checkMemory(memory) }
            next.memoryMegabytes = memory
        }
        next.logging = try logging.updated(by: request.loggingConfig)
        next.network = try NetworkSettings.updated(network, by: request.vpcConfig)
        next.handler = request.handler ?? handler
        next.role = request.role ?? role
        next.description = request.description ?? description
        next.timeoutSeconds = request.timeout ?? timeoutSeconds
        next.ephemeralStorageMegabytes = request.ephemeralStorage?.size ?? ephemeralStorageMegabytes
        next.tracingMode = request.tracingConfig?.mode?.rawValue ?? tracingMode
        try next.updateIntegrations(by: request)
        if let config = request.durableConfig {
            guard durable != nil else {
                throw .invalidParameterValue("DurableConfig can only be set when a function is created.")
            }
            next.durable = try DurableConfig(checked: config)
        }
        if let config = request.capacityProviderConfig {
            guard capacityProvider != nil else {
                throw .invalidParameterValue("CapacityProviderConfig isn't supported for Lambda Default functions.")
            }
            next.capacityProvider = config
        }
        return next
    }

    /// This definition with other code.
    func updated(
        code: CodePackage,
        architecture: String?,
        configurationID: String
    ) -> FunctionDefinition {
        var next = self
        next.configurationID = configurationID
        next.codeHash = code.hash.hexadecimal
        next.codeSize = code.size
        next.architecture = architecture ?? self.architecture
        return next
    }
}
