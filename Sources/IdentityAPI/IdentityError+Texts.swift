package import LambdaAPI

extension IdentityError {
    // MARK: What is not there

    package static func roleNotFound(_ name: String) -> IdentityError {
        IdentityError(.noSuchEntity, "The role with name \(name) cannot be found.")
    }

    package static func rolePolicyNotFound(_ name: String) -> IdentityError {
        IdentityError(.noSuchEntity, "The role policy with name \(name) cannot be found.")
    }

    package static func policyNotFound(_ arn: String) -> IdentityError {
        IdentityError(.noSuchEntity, "Policy \(arn) was not found.")
    }

    package static func policyNotAttachable(_ arn: String) -> IdentityError {
        IdentityError(.noSuchEntity, "Policy \(arn) does not exist or is not attachable.")
    }

    package static func policyVersionNotFound(_ version: String, of arn: PolicyARN) -> IdentityError {
        IdentityError(
            .noSuchEntity,
            "Policy \(arn) version \(version) does not exist or is not attachable."
        )
    }

    // MARK: What is there already, or in the way

    package static func roleExists(_ name: String) -> IdentityError {
        IdentityError(.entityAlreadyExists, "Role with name \(name) already exists.")
    }

    package static func policyExists(_ name: String) -> IdentityError {
        IdentityError(
            .entityAlreadyExists,
            "A policy called \(name) already exists. Duplicate names are not allowed."
        )
    }

    package static let policiesAttached = IdentityError(
        .deleteConflict,
        "Cannot delete entity, must detach all policies first."
    )

    package static let policiesInline = IdentityError(
        .deleteConflict,
        "Cannot delete entity, must delete policies first."
    )

    package static let policyInUse = IdentityError(.deleteConflict, "Cannot delete a policy attached to entities.")

    package static let policyHasVersions = IdentityError(
        .deleteConflict,
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            + "The default version is deleted with the policy."
    )

    package static let defaultVersion = IdentityError(
        .deleteConflict,
        "Cannot delete the default version of a policy."
    )

    package static let concurrentModification = IdentityError(
        .concurrentModification,
        "The entity is being changed by other requests at the same time. Please retry the request."
    )

    // MARK: What is too much

    /// A quota of AWS by its name.
    package static func quota(_ name: String, _ limit: Int) -> IdentityError {
        IdentityError(.limitExceeded, "Cannot exceed quota for \(name): \(limit)")
    }

    package static func inlinePolicySize(_ limit: Int, ofRole name: String) -> IdentityError {
        IdentityError(.limitExceeded, "Maximum policy size of \(limit) bytes exceeded for role \(name)")
    }

    package static let policyVersions = IdentityError(
        .limitExceeded,
        "A managed policy can have up to 5 versions. Before you create a new version, "
            + "you must delete an existing version."
    )

    // MARK: What makes no sense

    package static func invalidARN(_ arn: String) -> IdentityError {
        IdentityError(.invalidInput, "ARN \(arn) is not valid.")
    }

    package static let duplicateTagKeys = IdentityError(
        .invalidInput,
        "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    )

    package static let reservedTagKey = IdentityError(
        .invalidInput,
        "Tag keys that begin with aws: are reserved for AWS."
    )

    package static let invalidMarker = IdentityError(.validationError, "Invalid Marker.")

    package static func policyOfAWS(_ arn: PolicyARN) -> IdentityError {
        IdentityError(.accessDenied, "Policy \(arn) is managed by AWS and cannot be changed.")
    }

    package static let noSigninSessions = IdentityError(
        .invalidInput,
        "Swiftlet has no sign-in sessions; leave MaxSigninSessionDuration out."
    )
}
