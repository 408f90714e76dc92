/// A thing of the account that is no function, no layer and no part of one: it has an identifier, and a document that only
/// its owner reads.
package protocol StoredResource: Codable, Sendable, Equatable {
    /// What kind of thing it is. It is part of the key in the store, so it never changes.
    static var kind: String { get }

    /// Unique among all of its kind; lists are in the order of the identifiers.
    var id: String { get }
    /// Counts the writes of the record; a write names the one that it replaces. The store sets it.
    var generation: Int { get set }
    /// Further texts that it can be found by, such as the function that it is for.
    var keys: Set<String> { get }
    /// A text that no two of the kind may have; nil if there is nothing more than the identifier.
    var uniqueKey: String? { get }
}

extension StoredResource {
    package var uniqueKey: String? { nil }
}

/// Where such things are kept; a part of every ``MetadataStore``. A write that returns is durable; one that throws has
/// changed nothing.
package protocol ResourceStore: Sendable {
    /// Adds a thing, of the generation 0. Throws `.exists` if there is one of its kind with that identifier
    /// or unique key.
    func insert<Resource: StoredResource>(_ resource: Resource) async throws(MetadataStoreError)

    /// The thing of that identifier, or nil.
    func resource<Resource: StoredResource>(
        _ type: Resource.Type,
        _ id: String
    ) async throws(MetadataStoreError) -> Resource?

    /// Replaces a thing that still is of the generation that `resource` has. Throws `.conflict` if it is of another, or if
    /// it is gone, `.exists` if another has the unique key.
    ///
    /// - Returns: What is stored now, of the generation that follows.
    func replace<Resource: StoredResource>(_ resource: Resource) async throws(MetadataStoreError) -> Resource

    /// Removes a thing. Returns whether there was one.
    func deleteResource<Resource: StoredResource>(
        _ type: Resource.Type,
        _ id: String
    ) async throws(MetadataStoreError) -> Bool

    /// At most `limit` things of a kind in the order of their identifiers, from the first one after `id`.
    ///
    /// - Parameter key: A text that all of them can be found by; nil for all of the kind.
    func resources<Resource: StoredResource>(
        _ type: Resource.Type,
        key: String?,
        after id: String?,
        limit: Int
    ) async throws(MetadataStoreError) -> [Resource]
}
