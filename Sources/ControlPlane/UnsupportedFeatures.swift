import LambdaAPI

/// The parts of a request that Swiftlet has no behaviour for. They are refused rather than stored and ignored; values
/// that mean "nothing", such as an empty list of subnets, are fine.
struct UnsupportedFeatures {
    private var names: [String] = []

    init(_ request: CreateFunctionRequest) {
        add("Code.ImageUri", request.code.imageUri != nil)
        add("PackageType Image", request.packageType == .image)
        add("PublishTo", request.publishTo != nil)
        add("TenancyConfig", request.tenancyConfig != nil)
    }

    init(_ request: UpdateFunctionCodeRequest) {
        add("PublishTo", request.publishTo != nil)
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
}
