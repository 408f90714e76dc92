import LambdaAPI
import MetadataStore

// What the operations on the account's other things have in common.
extension ControlPlane {
    /// Changes a thing, whatever else changes it at the same time: if another was faster, `body` is asked again on what
    /// that has left.
    ///
    /// - Parameters:
    ///   - missing: What is thrown if it is not there.
    ///   - duplicate: What is thrown if there may not be another like what it becomes.
    /// - Returns: What is stored now.
    @discardableResult
    func changeResource<Resource: StoredResource>(
        _ type: Resource.Type,
        _ id: String,
        missing: LambdaError,
        duplicate: LambdaError? = nil,
        _ body: (inout Resource) async throws(LambdaError) -> Void
    ) async throws(LambdaError) -> Resource {
        for _ in 0..<Self.attemptsMax {
            let before = try await inStore { store throws(MetadataStoreError) in try await store.resource(type, id) }
            guard let before else { throw missing }
            var next = before
            try await body(&next)
            guard next != before else { return before }
            do throws(MetadataStoreError) {
                return try await dependencies.store.replace(next)
            } catch {
                if error.code == .exists, let duplicate { throw duplicate }
                guard error.code == .conflict else { throw .service(cause: error) }
            }
        }
        throw .resourceConflict("The operation cannot be performed at this time. An update is in progress for: \(id)")
    }

    /// One page of the things of a kind.
    ///
    /// - Parameters:
    ///   - key: What all of them can be found by; nil for all.
    ///   - marker: As a client sends it back. Throws `InvalidParameterValueException` for any other text.
    ///   - limit: What the client asks for; nil for as many as a page may have.
    func resourcePage<Resource: StoredResource>(
        _ type: Resource.Type,
        key: String? = nil,
        after marker: String?,
        limit: Int?,
        limitMax: Int = Limits.resourcesPerPageMax
    ) async throws(LambdaError) -> (items: [Resource], next: String?) {
        let limit = min(limit ?? limitMax, limitMax)
        let start = try marker.map { marker throws(LambdaError) in try PageMarker(opaque: marker) }
        let found = try await inStore { store throws(MetadataStoreError) in
            try await store.resources(type, key: key, after: start?.last, limit: limit + 1)
        }
        let items = Array(found.prefix(limit))
        return (items, found.count > limit ? items.last.map { PageMarker(after: $0.id).text } : nil)
    }
}
