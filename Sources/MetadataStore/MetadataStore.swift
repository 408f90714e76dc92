package import LambdaAPI

/// Where functions are kept. A write that returns is durable; one that throws has changed nothing.
///
/// Writes to one function are ordered by generation: a replacement succeeds only on the record it was computed from, so
/// concurrent updates cannot undo each other. What concerns a version and its function at once is one write.
package protocol MetadataStore: LayerStore, RoleStore, ResourceStore {
    /// Adds a function with its first versions. Throws `.exists` if there is one of that name.
    func insert(_ record: FunctionRecord, versions: [VersionRecord]) async throws(MetadataStoreError)

    /// The function of that name, or nil.
    func function(named name: FunctionName) async throws(MetadataStoreError) -> FunctionRecord?

    /// Replaces a function's record whose generation is still `generation`, adds and removes versions of it, all or
    /// nothing. The record is stored under the generation that follows.
    ///
    /// - Parameter claimedMax: What all functions together may have claimed of the account's concurrency afterwards.
    /// - Throws: `.conflict` if the generation is another, or if the function is gone; `.limitExceeded` if more would be
    ///   claimed.
    func replace(
        _ record: FunctionRecord,
        expecting generation: Int,
        versions: [VersionChange],
        claimedMax: Int
    ) async throws(MetadataStoreError)

    /// Removes a function with all its versions. Returns whether there was one.
    func delete(_ name: FunctionName) async throws(MetadataStoreError) -> Bool

    /// At most `limit` functions in the order of their names, from the first one after `name`. Functions that come or go
    /// between two pages neither repeat nor hide others.
    func functions(after name: FunctionName?, limit: Int) async throws(MetadataStoreError) -> [FunctionRecord]

    /// The function that has the URL of that identifier, or nil.
    func function(withURL id: String) async throws(MetadataStoreError) -> FunctionRecord?

    /// At most `limit` functions that have the code signing configuration, in the order of their names, from the first one
    /// after `name`.
    func functions(
        signedBy codeSigningConfigARN: String,
        after name: FunctionName?,
        limit: Int
    ) async throws(MetadataStoreError) -> [FunctionRecord]

    /// At most `limit` versions that run on the capacity provider, in the order of their functions' names and their
    /// numbers, from the first one after `version`.
    func versions(
        on capacityProviderARN: String,
        after version: (name: FunctionName, number: Int)?,
        limit: Int
    ) async throws(MetadataStoreError) -> [VersionRecord]

    /// All functions whose creation or update was not finished, for the next start to take up.
    func unfinishedFunctions() async throws(MetadataStoreError) -> [FunctionRecord]

    /// All functions for which concurrency is reserved or provisioned.
    func functionsWithConcurrencySettings() async throws(MetadataStoreError) -> [FunctionRecord]

    /// The version of a function, or nil.
    func version(_ number: Int, of name: FunctionName) async throws(MetadataStoreError) -> VersionRecord?

    /// Replaces a version whose revision is still `revisionID`. Throws `.conflict` if it is another, or if it is gone.
    func replaceVersion(_ version: VersionRecord, expecting revisionID: String) async throws(MetadataStoreError)

    /// At most `limit` versions of a function in the order of their numbers, from the first one after `number`.
    func versions(
        of name: FunctionName,
        after number: Int,
        limit: Int
    ) async throws(MetadataStoreError) -> [VersionRecord]

    /// All versions whose publication was not finished.
    func unfinishedVersions() async throws(MetadataStoreError) -> [VersionRecord]

    /// How many functions there are, the size of their packages and of those of their versions, and what is claimed.
    func usage() async throws(MetadataStoreError) -> StoreUsage

    /// The hashes of all packages that functions and versions refer to.
    func referencedCode() async throws(MetadataStoreError) -> Set<String>

    /// Has every change told to `observer` from now on: in the order in which the writes were committed, each before its
    /// write returns. So whoever keeps a copy of what is stored never replaces newer with older.
    ///
    /// The observer holds up all writes: it must not block, nor use the store.
    func observe(_ observer: @escaping @Sendable (FunctionChange) -> Void)
}

extension MetadataStore {
    /// Adds a function that has no versions.
    package func insert(_ record: FunctionRecord) async throws(MetadataStoreError) {
        try await insert(record, versions: [])
    }

    /// Replaces a function's record, which claims no more than before.
    package func replace(
        _ record: FunctionRecord,
        expecting generation: Int,
        versions: [VersionChange] = []
    ) async throws(MetadataStoreError) {
        try await replace(record, expecting: generation, versions: versions, claimedMax: .max)
    }
}

/// A version that comes or goes with a write of its function.
package enum VersionChange: Sendable, Equatable {
    case added(VersionRecord)
    case deleted(Int)
}

/// A change of what is stored, after it was committed.
package enum FunctionChange: Sendable, Equatable {
    /// A function was added or replaced.
    case written(FunctionRecord)
    /// A function was removed, and all its versions with it.
    case deleted(FunctionName)
    /// A version was added or replaced. Told ahead of the change of its function.
    case versionWritten(VersionRecord)
    /// A version was removed.
    case versionDeleted(FunctionName, Int)
    /// Others have changed things, or may have, of which nothing more is known: what is kept of functions and versions may
    /// be out of date. A store that one process uses tells no such thing.
    case missed
}

/// What all functions take together.
package struct StoreUsage: Sendable, Equatable {
    package var functionCount: Int
    /// The size of all packages as uploaded, in bytes.
    package var codeSize: Int
    /// What functions have claimed of the account's concurrency: reserved, or provisioned without being reserved.
    package var claimedConcurrency: Int

    package init(functionCount: Int, codeSize: Int, claimedConcurrency: Int = 0) {
        self.functionCount = functionCount
        self.codeSize = codeSize
        self.claimedConcurrency = claimedConcurrency
    }
}

/// An error of a metadata store.
package struct MetadataStoreError: Error, CustomStringConvertible {
    /// What kind of failure it is; callers branch on it.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case exists, conflict, limitExceeded, corrupt, unavailable
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// Something of that kind and name exists.
        package static let exists = Code(.exists)
        /// The record has changed since it was read, or is gone.
        package static let conflict = Code(.conflict)
        /// More would be claimed than there is.
        package static let limitExceeded = Code(.limitExceeded)
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
