package import LambdaAPI

/// Where functions are kept. A write that returns is durable; one that throws has changed nothing.
///
/// Writes to one function are ordered by revision: ``replace(_:expecting:)`` succeeds only on the record it was computed
/// from, so concurrent updates cannot undo each other.
package protocol MetadataStore: LayerStore {
    /// Adds a function. Throws `.exists` if there is one of that name.
    func insert(_ record: FunctionRecord) async throws(MetadataStoreError)

    /// The function of that name, or nil.
    func function(named name: FunctionName) async throws(MetadataStoreError) -> FunctionRecord?

    /// Replaces a function's record whose revision is still `revisionID`. Throws `.conflict` if it is another, or if the
    /// function is gone.
    func replace(_ record: FunctionRecord, expecting revisionID: String) async throws(MetadataStoreError)

    /// Removes a function. Returns whether there was one.
    func delete(_ name: FunctionName) async throws(MetadataStoreError) -> Bool

    /// At most `limit` functions in the order of their names, from the first one after `name`. Functions that come or go
    /// between two pages neither repeat nor hide others.
    func functions(after name: FunctionName?, limit: Int) async throws(MetadataStoreError) -> [FunctionRecord]

    /// All functions whose creation or update was not finished, for the next start to take up.
    func unfinishedFunctions() async throws(MetadataStoreError) -> [FunctionRecord]

    /// How many functions there are, and the size of their packages together.
    func usage() async throws(MetadataStoreError) -> StoreUsage

    /// The hashes of all packages that functions refer to.
    func referencedCode() async throws(MetadataStoreError) -> Set<String>

    /// Has every change told to `observer` from now on: in the order in which the writes were committed, each before its
    /// write returns. So whoever keeps a copy of what is stored never replaces newer with older.
    ///
    /// The observer holds up all writes: it must not block, nor use the store.
    func observe(_ observer: @escaping @Sendable (FunctionChange) -> Void)
}

/// A change of what is stored, after it was committed.
package enum FunctionChange: Sendable, Equatable {
    /// A function was added or replaced.
    case written(FunctionRecord)
    /// A function was removed.
    case deleted(FunctionName)
}

/// What all functions take together.
package struct StoreUsage: Sendable, Equatable {
    package var functionCount: Int
    /// The size of all packages as uploaded, in bytes.
    package var codeSize: Int

    package init(functionCount: Int, codeSize: Int) {
        self.functionCount = functionCount
        self.codeSize = codeSize
    }
}

/// An error of a metadata store.
package struct MetadataStoreError: Error, CustomStringConvertible {
    /// What kind of failure it is; callers branch on it.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case exists, conflict, corrupt, unavailable
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// A function of that name exists.
        package static let exists = Code(.exists)
        /// The record has changed since it was read, or is gone.
        package static let conflict = Code(.conflict)
        /// What is stored cannot be read as a record.
        package static let corrupt = Code(.corrupt)
        /// The store cannot read or write.
        package static let unavailable = Code(.unavailable)
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        guard let cause else { return message }
        return "\(message): \(cause)"
    }
}
