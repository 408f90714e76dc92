/// An error of the code store.
package struct CodeStoreError: Error, CustomStringConvertible {
    /// What kind of failure it is; callers branch on it.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case invalidArchive, emptyArchive, archiveTooLarge, contentTooLarge, incompatibleLayers, notFound,
                unavailable, unreachable
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// The bytes are no zip archive, or one that nobody should unpack.
        package static let invalidArchive = Code(.invalidArchive)
        /// The archive holds nothing.
        package static let emptyArchive = Code(.emptyArchive)
        /// The archive itself is larger than allowed.
        package static let archiveTooLarge = Code(.archiveTooLarge)
        /// The archive's content is larger than allowed.
        package static let contentTooLarge = Code(.contentTooLarge)
        /// The layers cannot be laid over each other, though each is good by itself: together their links lead out of
        /// `/opt`, or they hold too much.
        package static let incompatibleLayers = Code(.incompatibleLayers)
        /// There is no package of that hash.
        package static let notFound = Code(.notFound)
        /// The disk cannot be read or written, or what is stored is damaged.
        package static let unavailable = Code(.unavailable)
        /// The bucket does not answer, or refuses; later it may not.
        package static let unreachable = Code(.unreachable)
    }

    package let code: Code
    /// Operation, reason, offending value.
    package let message: String
    /// Whether it is for want of space on the disk, so that there is a use in making some.
    let isOutOfSpace: Bool

    package init(_ code: Code, _ message: String) {
        self.init(code, message, isOutOfSpace: false)
    }

    init(_ code: Code, _ message: String, isOutOfSpace: Bool) {
        self.code = code
        self.message = message
        self.isOutOfSpace = isOutOfSpace
    }

    package var description: String { message }
}
