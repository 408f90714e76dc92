/// An error of a service, or of the way to it.
package struct ServiceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The service's own name for it.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The name as the service writes it, such as `AWS.SimpleQueueService.NonExistentQueue`.
        package let rawValue: String

        /// A code by its name.
        package init(_ rawValue: String) {
            self.rawValue = rawValue
        }

        /// There was no answer, or none of the service. No service's.
        package static let unreachable = Code("Unreachable")
        /// What the request is for has a name that no such thing can have. SQS's own, though it was not asked.
        package static let invalidAddress = Code("InvalidAddress")

        package var description: String { rawValue }
    }

    package let code: Code
    /// The service's own text.
    package let message: String
    /// The status of the answer; nil when there was none.
    package let status: Int?
    /// Whether the same request may succeed later.
    package let mayPass: Bool

    /// The error that an answer tells, which is no success.
    init(refusal answer: ServiceAnswer) {
        let document = ErrorDocument(answer)
        self.init(
            document.code.map { Code($0) } ?? .unreachable,
            document.message ?? "it answered with the status \(answer.status)",
            status: answer.status
        )
    }

    /// An error that a service has named, in an answer of whichever status.
    init(_ code: Code, _ message: String, status: Int) {
        self.code = code
        self.message = message
        self.status = status
        mayPass = status >= 500 || status == 429 || Self.passingCodes.contains(code.rawValue)
    }

    private init(_ code: Code, _ message: String, status: Int?, mayPass: Bool) {
        self.code = code
        self.message = message
        self.status = status
        self.mayPass = mayPass
    }

    /// - Parameter status: That of an answer which is none of the service.
    static func unreachable(_ reason: String, status: Int? = nil) -> ServiceError {
        ServiceError(.unreachable, reason, status: status, mayPass: true)
    }

    /// There is no way to send to what the request is for.
    package static func invalidAddress(_ reason: String) -> ServiceError {
        ServiceError(.invalidAddress, reason, status: nil, mayPass: false)
    }

    /// Codes that say so by themselves, since throttling has the status 400 or 403 as often as 429, and an entry of an
    /// event bus has none. They are those that AWS's SDKs send a request again for, and the words of SQS and SNS for a
    /// throttled KMS.
    private static let passingCodes: Set<String> = [
        "BandwidthLimitExceeded", "InternalException", "InternalFailure", "KMS.ThrottlingException", "KMSThrottling",
        "KmsThrottled", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "RequestTimeout",
        "RequestTimeoutException", "SlowDown", "Throttled", "ThrottledException", "Throttling", "ThrottlingException",
        "TooManyRequestsException",
    ]

    package var description: String { "\(code): \(message)" }
}
