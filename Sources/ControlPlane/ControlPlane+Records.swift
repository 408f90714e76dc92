import LambdaAPI
import MetadataStore

extension ControlPlane {
    /// A function, and the published version that a qualifier means if it is not the unpublished one.
    struct Target {
        let record: FunctionRecord
        let version: VersionRecord?
    }

    /// Finds what a reference means. Throws `ResourceNotFoundException` if there is no such function, version or alias.
    func target(_ reference: FunctionReference) async throws(LambdaError) -> Target {
        let record = try await record(FunctionReference(reference.name), named: reference)
        guard let qualifier = reference.qualifier, qualifier != .latest else {
            return Target(record: record, version: nil)
        }
        let version = record.aliases[qualifier.rawValue]?.version ?? FunctionVersion(qualifier.rawValue)
        guard version != .latest else { return Target(record: record, version: nil) }
        guard let published = try await publishedVersion(version, of: record.name) else {
            throw .functionNotFound(arn: reference.arn(in: dependencies.locality))
        }
        return Target(record: record, version: published)
    }

    /// The version, or nil if it is none that is published.
    func publishedVersion(
        _ version: FunctionVersion,
        of name: FunctionName
    ) async throws(LambdaError) -> VersionRecord? {
        guard let number = version.number else { return nil }
        return try await inStore { store throws(MetadataStoreError) in try await store.version(number, of: name) }
    }

    /// The function's record. Throws `ResourceNotFoundException` if there is none; its ARN is that of `reference`.
    func record(
        _ function: FunctionReference,
        named reference: FunctionReference? = nil
    ) async throws(LambdaError) -> FunctionRecord {
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.function(named: function.name)
        }
        // A version or alias is found by `target` only; what changes a function is not for one of its versions.
        guard let record, function.qualifier == nil || function.qualifier == .latest else {
            throw .functionNotFound(arn: (reference ?? function).arn(in: dependencies.locality))
        }
        return record
    }

    /// A change of a function's record.
    struct RecordChange<Value: Sendable> {
        var record: FunctionRecord
        var versions: [VersionChange] = []
        /// What the operation answers.
        var value: Value
    }

    /// How often a change is tried that others get in the way of.
    static var attemptsMax: Int { 32 }

    /// Changes a function's record, whatever else changes it at the same time: what `body` makes of the record is written,
    /// and if another was faster, `body` is asked again.
    ///
    /// - Parameter limitError: What is thrown when the change would claim more of the account's concurrency than there is.
    func change<Value: Sendable>(
        _ name: FunctionName,
        limitError: LambdaError? = nil,
        _ body: (FunctionRecord) async throws(LambdaError) -> RecordChange<Value>
    ) async throws(LambdaError) -> Value {
        for _ in 0..<Self.attemptsMax {
            let before = try await record(FunctionReference(name))
            let change = try await body(before)
            guard change.record != before || !change.versions.isEmpty else { return change.value }
            let claimsMore = change.record.concurrency.claimed > before.concurrency.claimed
            do throws(MetadataStoreError) {
                try await dependencies.store.replace(
                    change.record,
                    expecting: before.generation,
                    versions: change.versions,
                    claimedMax: claimsMore ? claimedMax : .max
                )
                return change.value
            } catch {
                switch error.code {
                case .conflict: continue
                case .limitExceeded: throw limitError ?? .service(cause: error)
                default: throw .service(cause: error)
                }
            }
        }
        throw updateInProgress(name)
    }

    /// What functions may claim of the account's concurrency together.
    var claimedMax: Int { max(0, dependencies.accountConcurrency - Limits.unreservedConcurrentExecutionsMin) }

    func updateInProgress(_ name: FunctionName) -> LambdaError {
        .updateInProgress(arn: dependencies.locality.functionARN(name))
    }
}
