package import LambdaAPI
import MetadataStore

extension ControlPlane {
    package func publishVersion(
        _ request: PublishVersionRequest
    ) async throws(LambdaError) -> FunctionConfiguration {
        let reference = try reference(request.functionName)
        if request.publishTo != nil {
            throw LambdaError(.notImplemented, "Swiftlet's PublishVersion has no behaviour yet for: PublishTo.")
        }
        let version = try await change(reference.name) { record throws(LambdaError) in
            try checkUpdatable(record, expecting: request.revisionId)
            let hash = FunctionConfiguration(record, in: dependencies.locality).codeSha256 ?? ""
            if let expected = request.codeSha256, !expected.isEmpty, expected != hash {
                throw .codeChanged(expected: expected, actual: hash)
            }
            guard record.status.state == .active else { throw .functionState(record.status.state.rawValue) }
            if let published = try await unchangedVersion(of: record, record.definition) {
                return RecordChange(record: record, value: published)
            }
            return publication(of: record, description: request.description)
        }
        finishLater(version)
        return configuration(version, qualifier: Qualifier(version.version.rawValue))
    }

    package func listVersionsByFunction(
        _ request: ListVersionsByFunctionRequest
    ) async throws(LambdaError) -> ListVersionsByFunctionResponse {
        let record = try await record(FunctionReference(try reference(request.functionName).name))
        let limit = min(request.maxItems ?? Limits.functionsPerPageMax, Limits.functionsPerPageMax)
        let start = try request.marker.map { marker throws(LambdaError) -> Int in
            guard let number = try PageMarker(marker).version else { throw PageMarker.invalid(marker) }
            return number
        }
        var page = start == nil ? [configuration(record, qualifier: .latest)] : []
        let versions = try await inStore { store throws(MetadataStoreError) in
            try await store.versions(of: record.name, after: start ?? 0, limit: limit - page.count + 1)
        }
        let shown = versions.prefix(limit - page.count)
        page += shown.map { configuration($0, qualifier: Qualifier($0.version.rawValue)) }
        let next = PageMarker(record.name, version: shown.last?.number ?? 0).text
        return ListVersionsByFunctionResponse(
            nextMarker: versions.count > shown.count ? next : nil,
            versions: page
        )
    }

    /// What DeleteFunction does when it names a version. One that is not there is deleted already.
    func deleteVersion(_ qualifier: Qualifier, of name: FunctionName) async throws(LambdaError) {
        guard qualifier != .latest else {
            throw .invalidParameterValue("$LATEST version cannot be deleted without deleting the function.")
        }
        let version = FunctionVersion(qualifier.rawValue)
        guard qualifier.rawValue.allSatisfy(\.isNumber) else {
            throw .invalidParameterValue("Deletion of aliases is not currently supported.")
        }
        try await change(name) { record throws(LambdaError) in
            let aliases = record.aliases.filter { $0.value.refers(to: version) }.keys.sorted()
            guard aliases.isEmpty else {
                throw .resourceConflict(
                    "Unable to delete version because the following aliases reference it: "
                        + "[\(aliases.joined(separator: ", "))]"
                )
            }
            guard let published = try await publishedVersion(version, of: name) else {
                return RecordChange(record: record, value: ())
            }
            var next = record
            next.concurrency.provisioned[version.rawValue] = nil
            next.attachments.removeAll(of: version.rawValue)
            return RecordChange(record: next, versions: [.deleted(published.number)], value: ())
        }
    }
}

// MARK: - Publishing

extension ControlPlane {
    /// The version that was published last, if nothing has changed since: there is no use in another one.
    func unchangedVersion(
        of record: FunctionRecord,
        _ definition: FunctionDefinition
    ) async throws(LambdaError) -> VersionRecord? {
        guard record.lastVersion > 0 else { return nil }
        let last = try await inStore { store throws(MetadataStoreError) in
            try await store.version(record.lastVersion, of: record.name)
        }
        return last.flatMap { $0.definition.hasSameContent(as: definition) && $0.status.state != .failed ? $0 : nil }
    }

    /// The record with its definition published under the next number.
    func publication(of record: FunctionRecord, description: String? = nil) -> RecordChange<VersionRecord> {
        var next = record
        next.lastVersion += 1
        var definition = record.definition
        // Environments of a version tell functions its number, so the unpublished version's are of no use for it.
        definition.configurationID = RequestID.random().rawValue
        let version = VersionRecord(
            functionName: record.name,
            number: next.lastVersion,
            revisionID: RequestID.random().rawValue,
            definition: definition,
            description: description ?? definition.description,
            status: FunctionStatus(state: .pending, stateReason: FunctionLifecycle.creating),
            lastModified: dependencies.now()
        )
        return RecordChange(record: next, versions: [.added(version)], value: version)
    }

    /// A version as the API shows it.
    func configuration(_ version: VersionRecord, qualifier: Qualifier?) -> FunctionConfiguration {
        FunctionConfiguration(version, in: dependencies.locality, qualifier: qualifier).withStatus(version.status)
    }

    func configuration(_ record: FunctionRecord, qualifier: Qualifier?) -> FunctionConfiguration {
        FunctionConfiguration(record, in: dependencies.locality, qualifier: qualifier).withStatus(record.status)
    }
}

extension FunctionDefinition {
    /// Whether an invoke would run the same, under whatever identifier.
    func hasSameContent(as other: FunctionDefinition) -> Bool {
        var other = other
        other.configurationID = configurationID
        return self == other
    }
}
