import LambdaAPI

/// The parts of a request that Swiftlet has no behaviour for. They are refused rather than stored and ignored; values
/// that mean "nothing", such as an empty list of subnets, are fine.
struct UnsupportedFeatures {
    private var names: [String] = []

    init(_ request: CreateFunctionRequest) {
        add("Code.S3Bucket", request.code.s3Bucket != nil)
        add("Code.ImageUri", request.code.imageUri != nil)
        add("PackageType Image", request.packageType == .image)
        add("PublishTo", request.publishTo != nil)
        add("CodeSigningConfigArn", request.codeSigningConfigArn != nil)
        add("TenancyConfig", request.tenancyConfig != nil)
        addConfiguration(request)
    }

    init(_ request: UpdateFunctionCodeRequest) {
        add("S3Bucket", request.s3Bucket != nil)
        add("PublishTo", request.publishTo != nil)
        add("SourceKMSKeyArn", request.sourceKMSKeyArn != nil)
    }

    init(_ request: PublishLayerVersionRequest) {
        add("Content.S3Bucket", request.content.s3Bucket != nil)
    }

    init(_ request: UpdateFunctionConfigurationRequest) {
        addConfiguration(request)
    }

    /// Throws if there are any.
    func check(_ operation: Operation) throws(LambdaError) {
        guard !names.isEmpty else { return }
        throw LambdaError(
            .notImplemented,
            "Swiftlet's \(operation.rawValue) has no behaviour yet for: \(names.joined(separator: ", ")). "
                + "Nothing was changed."
        )
    }

    private mutating func add(_ name: String, _ isUsed: Bool) {
        if isUsed { names.append(name) }
    }

    private mutating func addConfiguration(_ request: some ConfigurationRequest) {
        add("FileSystemConfigs", request.fileSystemConfigs?.isEmpty == false)
        add("DeadLetterConfig", request.deadLetterConfig?.targetArn?.isEmpty == false)
        add("ImageConfig", request.imageConfig != nil)
        add("SnapStart", request.snapStart?.applyOn == .publishedVersions)
        add("KMSKeyArn", request.kmsKeyArn?.isEmpty == false)
        add("CapacityProviderConfig", request.capacityProviderConfig != nil)
        add("DurableConfig", request.durableConfig != nil)
    }
}

/// What the requests that create a function and that change its configuration have in common.
private protocol ConfigurationRequest {
    var fileSystemConfigs: [FileSystemConfig]? { get }
    var deadLetterConfig: DeadLetterConfig? { get }
    var imageConfig: ImageConfig? { get }
    var snapStart: SnapStart? { get }
    var kmsKeyArn: String? { get }
    var capacityProviderConfig: CapacityProviderConfig? { get }
    var durableConfig: DurableConfig? { get }
}

extension CreateFunctionRequest: ConfigurationRequest {}
extension UpdateFunctionConfigurationRequest: ConfigurationRequest {}
