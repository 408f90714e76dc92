import IdentityAPI
package import LambdaAPI
package import MetadataStore

/// What each operation of IAM and STS does, on the roles and policies of this service's store.
///
/// It is there for the tools that create a function's role before the function. Roles and policies are kept and shown as
/// IAM does; what they allow is not enforced here.
package struct IdentityService: IAMOperations {
    /// How often a change is computed anew because the record has changed meanwhile.
    private static let attemptsMax = 16

    let store: any RoleStore
    /// Twelve digits, the account of all ARNs.
    let accountID: String
    private let clock: @Sendable () -> Timestamp

    /// - Parameter clock: Tells the time.
    package init(store: any RoleStore, locality: Locality, clock: @escaping @Sendable () -> Timestamp) {
        self.store = store
        self.accountID = locality.accountID
        self.clock = clock
    }

    var now: Timestamp { clock() }

    // MARK: The store

    /// The one place where the store's errors become those of the API. What `.exists` and `.conflict` mean is the
    /// operation's to say, so they come back as nil where it expects them.
    func stored<Value>(
        expecting codes: Set<MetadataStoreError.Code> = [],
        _ body: (any RoleStore) async throws(MetadataStoreError) -> Value
    ) async throws(IdentityError) -> Value? {
        do {
            return try await body(store)
        } catch  where codes.contains(error.code) {
            return nil
        } catch {
            throw .failure(cause: error)
        }
    }

    /// Runs what reads a record and writes it back, again when another request was faster.
    ///
    /// - Parameter body: Returns nil if it has to run again.
    func untilUnchanged<Value>(
        _ body: () async throws(IdentityError) -> Value?
    ) async throws(IdentityError) -> Value {
        for _ in 0..<Self.attemptsMax {
            if let value = try await body() { return value }
        }
        throw .concurrentModification
    }
}
