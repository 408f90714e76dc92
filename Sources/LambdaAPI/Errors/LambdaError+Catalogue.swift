/// The service's own errors, with AWS's texts.
extension LambdaError {
    /// A resource does not exist, in the caller's words for it.
    package static func resourceNotFound(_ message: String) -> LambdaError {
        LambdaError(.resourceNotFoundException, message)
    }

    /// A function, version or alias does not exist. An invoke's ARN has `:$LATEST` when the caller gave no qualifier;
    /// the ARN of a management operation has not.
    package static func functionNotFound(arn: String) -> LambdaError {
        resourceNotFound("Function not found: \(arn)")
    }

    /// What GetPolicy and the URL configuration say of anything missing.
    package static let resourceDoesNotExist = resourceNotFound("The resource you requested does not exist.")

    /// The function's name is of another region than this one.
    package static func otherRegion(_ region: String, here: String) -> LambdaError {
        resourceNotFound("Functions from '\(region)' are not reachable in this region ('\(here)')")
    }

    /// The request conflicts with what there is.
    package static func resourceConflict(_ message: String) -> LambdaError {
        LambdaError(.resourceConflictException, message)
    }

    /// CreateFunction with a name that is taken.
    package static func functionExists(_ name: FunctionName) -> LambdaError {
        resourceConflict("Function already exist: \(name)")
    }

    /// Another update of the function has not ended.
    package static func updateInProgress(arn: String) -> LambdaError {
        resourceConflict(
            "The operation cannot be performed at this time. An update is in progress for resource: \(arn)"
        )
    }

    /// The function's state does not allow the operation.
    package static func functionState(_ state: String) -> LambdaError {
        resourceConflict(
            "The operation cannot be performed at this time. The function is currently in the following state: \(state)"
        )
    }

    /// The version waits for the snapshot that it is to start from. Source: `spec/invoke.md` section 4.
    package static var snapStartNotReady: LambdaError {
        LambdaError(
            .snapStartNotReadyException,
            "Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE."
        )
    }

    /// A parameter that the service itself, not the model, refuses.
    package static func invalidParameterValue(_ message: String) -> LambdaError {
        LambdaError(.invalidParameterValueException, message)
    }

    /// A constraint that the service checks itself: the words of the model's checks, but its own code.
    package static func invalidParameterValue(violation: String) -> LambdaError {
        invalidParameterValue(validationMessage([violation]))
    }

    /// The event of an invoke is not JSON, or a header of it is malformed.
    package static func invalidRequestContent(_ message: String) -> LambdaError {
        LambdaError(.invalidRequestContentException, message)
    }

    /// The event of an invoke is not JSON; the reason is the parser's.
    package static func invalidPayload(_ reason: String) -> LambdaError {
        invalidRequestContent("Could not parse request body into json: Could not parse payload into json: \(reason)")
    }

    /// The whole request is larger than the operation takes; its name as AWS has it, such as `InvokeFunction`.
    package static func requestEntityTooLarge(limit: ByteCount, operation: String) -> LambdaError {
        LambdaError(
            .requestEntityTooLarge,
            "Request must be smaller than \(limit.bytes) bytes for the \(operation) operation"
        )
    }

    /// A package is larger than it may be, before it is unpacked.
    package static let zipTooLarge = LambdaError(
        .requestEntityTooLarge,
        "Zipped size must be smaller than \(Limits.zipSizeMax.bytes) bytes"
    )

    /// A package is larger than it may be, after it is unpacked.
    package static let unzippedTooLarge = invalidParameterValue(
        "Unzipped size must be smaller than \(Limits.unzippedSizeMax.bytes) bytes"
    )

    /// A package that is no zip, or no good one.
    package static let invalidZip = invalidParameterValue(
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )

    /// The environment's variables are too long together; AWS quotes them, as JSON.
    package static func environmentTooLarge(json: String) -> LambdaError {
        invalidParameterValue(
            "Lambda was unable to configure your environment variables because the environment variables you have "
                + "provided exceeded the 4KB limit. String measured: \(json)"
        )
    }

    /// The runtime's name is none that Lambda knows.
    package static func unknownRuntime(_ runtime: String, known: [String]) -> LambdaError {
        invalidParameterValue(
            "Value \(runtime) at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
                + "[\(known.joined(separator: ", "))] or be a valid ARN"
        )
    }

    /// The runtime is so old that Lambda takes no new functions for it.
    package static func retiredRuntime(_ runtime: String) -> LambdaError {
        invalidParameterValue(
            "The runtime parameter of \(runtime) is no longer supported for creating or updating AWS Lambda functions. "
                + "We recommend you use a supported runtime while creating or updating functions."
        )
    }

    /// No concurrency is left; the reason says whose.
    package static func tooManyRequests(_ reason: ThrottleReason, retryAfterSeconds: Int? = nil) -> LambdaError {
        // AWS writes the caller's rate limit in lower case and all other reasons like this.
        let message = reason == .callerRateLimitExceeded ? "Rate exceeded" : "Rate Exceeded."
        return LambdaError(
            .tooManyRequestsException,
            message,
            details: ["Reason": reason.rawValue],
            retryAfterSeconds: retryAfterSeconds
        )
    }

    /// A function has invoked itself too often in one chain of invokes.
    package static let recursiveInvocation = LambdaError(
        .recursiveInvocationException,
        "Lambda has detected that this function is being invoked in a recursive loop, and stopped it. "
            + "To allow recursive invocations, use PutFunctionRecursionConfig."
    )

    /// A `RevisionId` guard that does not hold for a function or an alias.
    package static let preconditionFailed = LambdaError(
        .preconditionFailedException,
        "The Revision Id provided does not match the latest Revision Id. "
            + "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )

    /// A `CodeSha256` guard that does not hold.
    package static func codeChanged(expected: String, actual: String) -> LambdaError {
        invalidParameterValue(
            "CodeSHA256 (\(expected)) is different from current CodeSHA256 in $LATEST (\(actual)). "
                + "Please try again with the CodeSHA256 in $LATEST."
        )
    }
}
