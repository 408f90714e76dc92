import Glibc

/// An error of the log store.
package struct LogStoreError: Error, CustomStringConvertible {
    /// What kind of failure it is; callers branch on it.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case groupNotFound, groupExists, streamNotFound, streamExists, segmentGone, unavailable
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// There is no group of that name.
        package static let groupNotFound = Code(.groupNotFound)
        /// There is a group of that name already.
        package static let groupExists = Code(.groupExists)
        /// There is no stream of that name in the group.
        package static let streamNotFound = Code(.streamNotFound)
        /// There is a stream of that name in the group already.
        package static let streamExists = Code(.streamExists)
        /// A file is gone, as when part of a stream is removed while it is read.
        static let segmentGone = Code(.segmentGone)
        /// The disk cannot be read or written.
        package static let unavailable = Code(.unavailable)
    }

    package let code: Code
    /// Operation, reason, offending value.
    package let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// A call to the system that failed.
    init(_ operation: String, _ path: String, errno error: CInt = errno) {
        self.init(
            error == ENOENT ? .segmentGone : .unavailable,
            "failed to \(operation) \(path): \(String(cString: strerror(error)))"
        )
    }

    package var description: String { message }

    static func groupNotFound(_ name: String) -> LogStoreError {
        LogStoreError(.groupNotFound, "there is no log group \(name)")
    }

    static func streamNotFound(_ name: String) -> LogStoreError {
        LogStoreError(.streamNotFound, "there is no log stream \(name)")
    }
}
