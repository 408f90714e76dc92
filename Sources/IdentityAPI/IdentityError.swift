import LambdaAPI

/// An error of IAM or STS as a client sees it.
package struct IdentityError: Error, Sendable, CustomStringConvertible {
    /// An error's name and status. The model's own are generated.
    package struct Code: Hashable, Sendable {
        /// The name on the wire, in the element `Code`.
        package let name: String
        package let httpStatus: Int

        init(_ name: String, _ httpStatus: Int) {
            self.name = name
            self.httpStatus = httpStatus
        }
    }

    package let code: Code
    /// AWS's text.
    package let message: String
    /// What went wrong inside; for the log only, no client sees it.
    package let cause: (any Error)?

    /// An error. The factories of this type have the texts that AWS uses.
    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        let text = "\(code.name): \(message)"
        guard let cause else { return text }
        return "\(text) (\(cause))"
    }
}

extension IdentityError: Equatable {
    /// Equal when a client could not tell them apart.
    package static func == (left: IdentityError, right: IdentityError) -> Bool {
        left.code == right.code && left.message == right.message
    }
}

extension IdentityError: XMLEncodable {
    /// The element `Error` of the body.
    package func encode(to writer: inout XMLWriter) {
        writer.member("Type", code.httpStatus < 500 ? "Sender" : "Receiver")
        writer.member("Code", code.name)
        writer.member("Message", message)
    }
}

extension IdentityError.Code {
    /// A constraint of the model that is broken.
    package static let validationError = Self("ValidationError", 400)
    /// A value that is not of the model's type.
    package static let malformedInput = Self("MalformedInput", 400)
    /// A form that cannot be taken apart.
    package static let malformedQueryString = Self("MalformedQueryString", 400)
    /// What nobody may do.
    package static let accessDenied = Self("AccessDenied", 403)
    /// A form that names no operation.
    package static let missingAction = Self("MissingAction", 400)
    /// A name that no operation has, or a version that no service has.
    package static let invalidAction = Self("InvalidAction", 400)
    /// An operation that Swiftlet has no behaviour for; no code of AWS.
    package static let notImplemented = Self("NotImplemented", 501)
}

extension IdentityError {
    /// A request that is not signed well, by the exception's name where other services tell it; IAM has other names for it.
    package static func unauthenticated(_ exception: String, _ message: String) -> IdentityError {
        let names = [
            "UnrecognizedClientException": "InvalidClientTokenId", "InvalidSignatureException": "SignatureDoesNotMatch",
        ]
        let name = names[exception] ?? String(exception.dropLast("Exception".count))
        return IdentityError(Code(name, 403), message)
    }

    /// What reading a request has thrown, in the words of the Query protocol.
    init(_ error: LambdaError) {
        let message = error.message ?? ""
        switch error.code {
        case .validation: self.init(.validationError, message)
        case .serialization: self.init(.malformedInput, message)
        default: self = .failure(cause: error)
        }
    }

    /// A failure inside, such as a disk that cannot be read.
    package static func failure(cause: any Error) -> IdentityError {
        IdentityError(.serviceFailure, "The request processing has failed because of an unknown error.", cause: cause)
    }

    /// A value that IAM itself, not the model, refuses.
    static func specifiedValue(_ name: String, _ rule: String) -> IdentityError {
        IdentityError(.validationError, "The specified value for \(name) is invalid. \(rule)")
    }

    package static let missingAction = IdentityError(
        .missingAction,
        "The request is missing an action or a required parameter."
    )

    /// A name that no operation of the service has.
    package static func unknownAction(_ action: String, version: String) -> IdentityError {
        IdentityError(.invalidAction, "Could not find operation \(action.prefix(200)) for version \(version)")
    }

    /// An operation of the API that nothing is done for.
    package static func notImplemented(_ action: String, of service: QueryService, hint: String) -> IdentityError {
        IdentityError(
            .notImplemented,
            "Swiftlet has no behaviour for \(action) of \(service.name); nothing was changed. \(hint)"
        )
    }
}
