/// An error in reading the catalogue of runtimes.
package struct RuntimeCatalogueError: Error, Hashable, CustomStringConvertible {
    /// What kind of failure it is; callers branch on it.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case unreadable, malformed, unsupportedVersion
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// No directory has a catalogue that can be read.
        package static let unreadable = Code(.unreadable)
        /// The catalogue is not of the documented shape, or contradicts itself.
        package static let malformed = Code(.malformed)
        /// The catalogue is of a format that this program does not know.
        package static let unsupportedVersion = Code(.unsupportedVersion)
    }

    package let code: Code
    /// Operation, reason, offending value; lower case, no full stop.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
