/// Why two hosts do not, or no longer, talk to each other.
package struct LinkError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case unreachable, closed, silent, malformed, incompatible
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// There was no connection, or it was not accepted; nothing has been sent.
        package static let unreachable = Code(.unreachable)
        /// The connection has ended.
        package static let closed = Code(.closed)
        /// Nothing was heard for too long.
        package static let silent = Code(.silent)
        /// What the other host sent cannot be read.
        package static let malformed = Code(.malformed)
        /// The other host's release is too old or too new.
        package static let incompatible = Code(.incompatible)
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }
}
