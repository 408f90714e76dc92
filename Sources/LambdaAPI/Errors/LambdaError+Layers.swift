/// The errors of layers, with AWS's texts. Source: `spec/control-plane.md` section 2.
extension LambdaError {
    /// A version of a layer that there is not, where a function's layers are named.
    package static func unknownLayerVersion(arn: String) -> LambdaError {
        invalidParameterValue("Layer version \(arn) does not exist.")
    }

    /// A version of a layer that there is not, where its policy is meant.
    package static func layerVersionNotFound(arn: String) -> LambdaError {
        resourceNotFound("Layer version \(arn) does not exist.")
    }

    /// More layers than a function may have.
    package static let tooManyLayers = invalidParameterValue("Cannot reference more than \(Limits.layersMax) layers.")

    /// A function's layer is of another region.
    package static func layerInOtherRegion(expected: String) -> LambdaError {
        invalidParameterValue(
            "Layers are not in the same region as the function. Layers are expected to be in region \(expected)."
        )
    }

    /// A function names one layer twice.
    package static func sameLayerTwice(_ first: String, _ second: String) -> LambdaError {
        invalidParameterValue(
            "Two different versions of the same layer are not allowed to be referenced in the same function. "
                + "\(first) and \(second) are versions of the same layer."
        )
    }

    /// A layer of another account, which never is here to have a policy. The action is named without `lambda:`.
    package static func layerOfOtherAccount(user: String, action: String, arn: String) -> LambdaError {
        accessDenied(
            "User: \(user) is not authorized to perform: lambda:\(action) on resource: \(arn) "
                + "because no resource-based policy allows the lambda:\(action) action"
        )
    }

    /// Package and layers are larger together than they may be, in bytes.
    package static func codeWithLayersTooLarge(_ size: Int) -> LambdaError {
        invalidParameterValue(
            "Function code combined with layers exceeds the maximum allowed size of \(Limits.unzippedSizeMax.bytes) "
                + "bytes. The actual size is \(size) bytes."
        )
    }

    /// Zero or less as the number of a version.
    package static let layerVersionBelowOne = invalidParameterValue("Layer Version Cannot be less than 1")

    /// A `RevisionId` guard that does not hold for a layer's policy.
    package static let layerPolicyChanged = LambdaError(
        .preconditionFailedException,
        "The Revision Id provided does not match the latest Revision Id. "
            + "Call the GetLayerPolicy API to retrieve the latest Revision Id"
    )

    /// A policy has a statement of that name already.
    package static func statementExists(_ id: String) -> LambdaError {
        resourceConflict(
            "The statement id (\(id)) provided already exists. "
                + "Please provide a new statement id, or remove the existing statement."
        )
    }

    /// A policy has no statement of that name.
    package static func statementNotFound(_ id: String) -> LambdaError {
        resourceNotFound("Statement \(id) is not found in resource policy.")
    }

    /// There is no policy at all.
    package static let noPolicy = resourceNotFound("No policy is associated with the given resource.")

    /// A policy would become longer than it may be, in bytes.
    package static func policyTooLong(_ size: Int) -> LambdaError {
        LambdaError(
            .policyLengthExceededException,
            "The final policy size (\(size)) is bigger than the limit (\(Limits.resourcePolicySizeMax.bytes))."
        )
    }
}
