import FoundationEssentials
import ServiceClients

/// An error of S3, or of the way to it.
package struct S3Error: Error, Hashable, Sendable, CustomStringConvertible {
    /// S3's own name for it.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let rawValue: String

        package init(_ rawValue: String) {
            self.rawValue = rawValue
        }

        /// The object has another content than it had.
        package static let preconditionFailed = Code("PreconditionFailed")
        /// The object is larger than it may be. Not S3's.
        package static let tooLarge = Code("EntityTooLarge")
        /// There was no answer, or none of S3. Not S3's.
        package static let unreachable = Code("Unreachable")

        package var description: String { rawValue }
    }

    package let code: Code
    /// S3's own text.
    package let message: String
    /// Whether the same request may succeed later.
    let mayPass: Bool

    /// The error that an answer tells.
    ///
    /// - Parameter document: The body, which is XML where S3 itself has answered.
    init(status: UInt, document: Data) {
        let document = ErrorDocument(xml: document)
        let standard: (Code, String) =
            switch status {
            case 403: (Code("AccessDenied"), "Access Denied")
            case 404: (Code("NoSuchKey"), "The specified key does not exist.")
            case 412: (.preconditionFailed, "At least one of the pre-conditions you specified did not hold")
            default: (.unreachable, "it answered with the status \(status)")
            }
        code = document.code.map { Code($0) } ?? standard.0
        message = document.message ?? standard.1
        mayPass = status >= 500 || status == 429
    }

    private init(_ code: Code, _ message: String, mayPass: Bool) {
        self.code = code
        self.message = message
        self.mayPass = mayPass
    }

    static func unreachable(_ reason: String) -> S3Error {
        S3Error(.unreachable, reason, mayPass: true)
    }

    /// The object is another one than it was when its first part was read.
    static let replaced = S3Error(.preconditionFailed, "the object was replaced while it was read", mayPass: false)

    static func tooLarge(_ size: Int) -> S3Error {
        S3Error(.tooLarge, "the object has \(size) bytes", mayPass: false)
    }

    package var description: String { "\(code): \(message)" }
}
