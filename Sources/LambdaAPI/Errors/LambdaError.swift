/// An error of the API as a client sees it: the exception's name, the HTTP status and the body.
///
/// Every room maps its own errors to one of these in one place; nothing else crosses the API.
package struct LambdaError: Error, Sendable, CustomStringConvertible {
    /// An exception's name and all that the service model says about it. The model's own are generated.
    package struct Code: Hashable, Sendable {
        /// Whom AWS blames, as the body's `Type` says it.
        enum Fault: String {
            case user = "User"
            case service = "Service"
        }

        /// The name on the wire, in `x-amzn-ErrorType`.
        package let name: String
        package let httpStatus: Int
        /// `message` or `Message`: exceptions differ, and some SDKs read only what their model has.
        let messageMember: String
        /// Nil for errors of the framework, whose bodies have no `Type`.
        let fault: Fault?

        init(_ name: String, _ httpStatus: Int, _ messageMember: String, _ fault: Fault?) {
            self.name = name
            self.httpStatus = httpStatus
            self.messageMember = messageMember
            self.fault = fault
        }
    }

    package let code: Code
    /// AWS's text. Nil stands for the null that AWS sends when it will not say why it denies access.
    package let message: String?
    /// Further string members of the body, such as `Reason`.
    package let details: [String: String]
    /// When to try again, in seconds, sent as `Retry-After`.
    package let retryAfterSeconds: Int?
    /// What went wrong inside; for the log only, no client sees it.
    package let cause: (any Error)?

    /// An error. The factories of this type have the texts that AWS uses.
    package init(
        _ code: Code,
        _ message: String?,
        details: [String: String] = [:],
        retryAfterSeconds: Int? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.details = details
        self.retryAfterSeconds = retryAfterSeconds
        self.cause = cause
    }

    package var httpStatus: Int { code.httpStatus }

    /// Whether the same request may succeed later: throttles and failures of the service, as the SDKs see it.
    package var isRetryable: Bool { httpStatus == 429 || (httpStatus >= 500 && httpStatus != 501) }

    /// The headers that tell the error, beyond those that every answer has.
    package var headers: [(name: String, value: String)] {
        var headers = [(name: "x-amzn-ErrorType", value: code.name)]
        if let retryAfterSeconds { headers.append(("Retry-After", String(retryAfterSeconds))) }
        return headers
    }

    /// The JSON body.
    package var body: [UInt8] {
        JSONWriter.document { writer in
            for name in details.keys.sorted() { writer.member(name, details[name]) }
            writer.member("Type", code.fault?.rawValue)
            if let message {
                writer.member(code.messageMember, message)
            } else {
                writer.nullMember(code.messageMember)
            }
        }
    }

    package var description: String {
        let text = "\(code.name): \(message ?? "null")"
        guard let cause else { return text }
        return "\(text) (\(cause))"
    }
}

extension LambdaError: Equatable {
    /// Equal when a client could not tell them apart.
    package static func == (left: LambdaError, right: LambdaError) -> Bool {
        left.code == right.code && left.message == right.message && left.details == right.details
            && left.retryAfterSeconds == right.retryAfterSeconds
    }
}
