package import LambdaAPI

/// An error of the CloudWatch Logs API as a client sees it.
package struct LogsError: Error, Sendable, CustomStringConvertible {
    /// An exception's name and status. The model's own are generated.
    package struct Code: Hashable, Sendable {
        /// The name on the wire, in the body's `__type`.
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

extension LogsError: Equatable {
    /// Equal when a client could not tell them apart.
    package static func == (left: LogsError, right: LogsError) -> Bool {
        left.code == right.code && left.message == right.message
    }
}

extension LogsError: JSONEncodable {
    /// The body, as AWS's JSON protocol has it.
    package func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("__type", code.name)
            writer.member("message", message)
        }
    }
}

extension LogsError.Code {
    /// JSON that cannot be read as the model's types.
    package static let serialization = Self("SerializationException", 400)
    /// A request that is not signed well, or not allowed, by the exception's name.
    package static func denied(_ name: String) -> Self { Self(name, 400) }
    /// A name that no operation has.
    package static let unknownOperation = Self("UnknownOperationException", 400)
    /// An operation that Swiftlet has no behaviour for; no code of AWS.
    package static let notImplemented = Self("NotImplementedException", 501)
}

extension LogsError {
    /// What reading a request has thrown, in the words of this API: constraints that are broken are an
    /// `InvalidParameterException` here.
    package init(_ error: LambdaError) {
        let message = error.message ?? ""
        switch error.code {
        case .validation: self.init(.invalidParameterException, message)
        case .serialization: self.init(.serialization, message)
        case .requestEntityTooLarge: self.init(.invalidParameterException, message)
        default: self = .unavailable(cause: error)
        }
    }

    /// A failure inside, such as a disk that cannot be read.
    package static func unavailable(cause: any Error) -> LogsError {
        LogsError(.serviceUnavailableException, "The service cannot complete the request.", cause: cause)
    }

    /// A parameter that the service itself, not the model, refuses.
    package static func invalidParameter(_ message: String) -> LogsError {
        LogsError(.invalidParameterException, message)
    }

    /// A constraint that the service checks itself, in the words of the model's checks.
    package static func invalidParameter(violation: String) -> LogsError {
        invalidParameter("1 validation error detected: \(violation)")
    }

    package static let groupNotFound = LogsError(
        .resourceNotFoundException,
        "The specified log group does not exist."
    )

    package static let streamNotFound = LogsError(
        .resourceNotFoundException,
        "The specified log stream does not exist."
    )

    package static let groupExists = LogsError(
        .resourceAlreadyExistsException,
        "The specified log group already exists"
    )

    package static let streamExists = LogsError(
        .resourceAlreadyExistsException,
        "The specified log stream already exists"
    )

    package static let invalidToken = invalidParameter("The specified nextToken is invalid.")

    /// An operation of the API that nothing is done for.
    package static func notImplemented(_ operation: String) -> LogsError {
        let hint = operation == "StartLiveTail" ? " To follow a log, poll FilterLogEvents." : ""
        return LogsError(
            .notImplemented,
            "Swiftlet has no behaviour for \(operation) of CloudWatch Logs; nothing was changed.\(hint)"
        )
    }
}
