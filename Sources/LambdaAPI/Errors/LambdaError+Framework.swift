extension LambdaError.Code {
    /// A request that breaks a constraint of the service model.
    package static let validation = Self("ValidationException", 400, "message", nil)
    /// A request whose JSON cannot be read as the model's types.
    package static let serialization = Self("SerializationException", 400, "Message", nil)
    package static let accessDenied = Self("AccessDeniedException", 403, "Message", nil)
    /// The model calls it RequestTooLargeException; the wire has this name.
    package static let requestEntityTooLarge = Self("RequestEntityTooLargeException", 413, "Message", nil)
    /// A request whose signature is missing or wrong, by the exception's name.
    package static func authentication(_ name: String) -> Self { Self(name, 403, "message", nil) }
    /// A path and method that no operation has.
    package static let unknownOperation = Self("UnknownOperationException", 404, "Message", nil)
    /// An operation of the model that Swiftlet has no behaviour for; no code of AWS.
    package static let notImplemented = Self("NotImplementedException", 501, "Message", nil)
}

/// The errors of the framework that AWS's services share, and Swiftlet's own.
extension LambdaError {
    /// `N validation error(s) detected: …`, with the violations in the order of the model. There must be one at least.
    package static func validation(_ violations: [String]) -> LambdaError {
        LambdaError(.validation, validationMessage(violations))
    }

    static func validationMessage(_ violations: [String]) -> String {
        let noun = violations.count == 1 ? "error" : "errors"
        return "\(violations.count) validation \(noun) detected: \(violations.joined(separator: "; "))"
    }

    /// The request's JSON has the wrong types, or is none.
    package static func serialization(_ message: String) -> LambdaError {
        LambdaError(.serialization, message)
    }

    /// The caller may not; nil where AWS gives no reason.
    package static func accessDenied(_ message: String?) -> LambdaError {
        LambdaError(.accessDenied, message)
    }

    /// No operation has this method and path.
    package static func unknownOperation(method: String, path: String) -> LambdaError {
        LambdaError(.unknownOperation, "no operation of the Lambda API has the path \(path) with the method \(method)")
    }

    /// The operation is part of the API, but Swiftlet does nothing for it yet.
    package static func notImplemented(_ operation: Operation) -> LambdaError {
        LambdaError(.notImplemented, "Swiftlet has no behaviour for \(operation.rawValue) yet; nothing was changed.")
    }

    /// A failure inside. The client learns nothing of it; the cause is for the log.
    package static func service(cause: any Error) -> LambdaError {
        LambdaError(.serviceException, "An error occurred and the request cannot be processed.", cause: cause)
    }
}
