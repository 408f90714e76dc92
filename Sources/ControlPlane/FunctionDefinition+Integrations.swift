import LambdaAPI
import MetadataStore

/// What a function's configuration says of the services around it; the requests that create a function and that change
/// its configuration have it in common.
protocol IntegrationsRequest {
    var fileSystemConfigs: [FileSystemConfig]? { get }
    var deadLetterConfig: DeadLetterConfig? { get }
    var imageConfig: ImageConfig? { get }
    var snapStart: SnapStart? { get }
    var kmsKeyArn: String? { get }
}

extension CreateFunctionRequest: IntegrationsRequest {}
extension UpdateFunctionConfigurationRequest: IntegrationsRequest {}

extension FunctionDefinition {
    /// Runtimes that can start from a snapshot. Source: `spec/control-plane.md` section 7; Python 3.11 is our own addition, whose
    /// runtime client can do it, and which Debian 12 has.
    private static let snapStartRuntimes: Set = [
        "java11", "java11.al2023", "java17", "java17.al2023", "java21", "java25", "python3.11", "python3.12",
        "python3.13", "python3.14", "dotnet8", "dotnet10",
    ]

    /// Takes up what a request names; what it does not name stays, and what is empty is taken away.
    mutating func updateIntegrations(by request: some IntegrationsRequest) throws(LambdaError) {
        guard request.imageConfig == nil || request.imageConfig == ImageConfig() else {
            throw .invalidParameterValue("Please don't provide ImageConfig for a function with packageType Zip.")
        }
        if let target = request.deadLetterConfig?.targetArn {
            try Self.checkDeadLetterTarget(target)
            deadLetterTargetARN = target.nonEmpty
        }
        if let key = request.kmsKeyArn { kmsKeyARN = key.nonEmpty }
        if let systems = request.fileSystemConfigs { fileSystems = systems.isEmpty ? nil : systems }
        if let applyOn = request.snapStart?.applyOn { snapStart = applyOn }
        if snapStart == .publishedVersions {
            guard Self.snapStartRuntimes.contains(runtime) else {
                throw .invalidParameterValue("\(runtime) is not supported for SnapStart enabled functions.")
            }
            guard ephemeralStorageMegabytes == Limits.ephemeralStorageDefaultMB else {
                throw .invalidParameterValue(
                    "EphemeralStorage of more than \(Limits.ephemeralStorageDefaultMB) MB is not supported for SnapStart "
                        + "enabled functions."
                )
            }
        }
        guard fileSystems == nil || network?.subnetIDs.isEmpty == false else {
            throw .invalidParameterValue(
                "Function must be configured to execute in a VPC to reference access point."
            )
        }
    }

    private static func checkDeadLetterTarget(_ arn: String) throws(LambdaError) {
        guard !arn.isEmpty else { return }
        let service = arn.split(separator: ":", omittingEmptySubsequences: false).dropFirst(2).first
        guard service == "sqs" || service == "sns" else {
            throw .invalidParameterValue(
                "The dead letter target must be the ARN of an SQS queue or of an SNS topic; \(arn) is neither."
            )
        }
    }
}

extension DurableConfig {
    /// How long a durable execution is remembered if the user does not say, in days. Source: `spec/quotas.md`.
    private static let retentionDaysDefault = 14

    /// What a request asks for, with the default.
    init(checked request: DurableConfig) throws(LambdaError) {
        guard request.executionTimeout != nil else {
            throw .invalidParameterValue(
                violation: "Value null at 'durableConfig.executionTimeout' failed to satisfy constraint: "
                    + "Member must not be null"
            )
        }
        self = request
        retentionPeriodInDays = request.retentionPeriodInDays ?? Self.retentionDaysDefault
    }
}

extension String {
    /// Nil for an empty text, by which clients take a setting away.
    var nonEmpty: String? { isEmpty ? nil : self }
}

extension String? {
    /// Nil for none and for an empty text.
    var nonEmpty: String? { flatMap { $0.nonEmpty } }
}
