import CodeStore
package import LambdaAPI
import MetadataStore

extension ControlPlane {
    package func publishLayerVersion(
        _ request: PublishLayerVersionRequest
    ) async throws(LambdaError) -> PublishLayerVersionResponse {
        let name = try ownLayer(request.layerName, for: .publishLayerVersion).name
        try RuntimePolicy.checkNames(request.compatibleRuntimes?.map(\.rawValue))
        let source = PackageSource(request.content)
        try check(source, for: "layer content")
        let package = try await store(source)
        let definition = LayerVersionDefinition(
            codeHash: package.hash.hexadecimal,
            codeSize: package.size,
            description: request.description ?? "",
            compatibleRuntimes: request.compatibleRuntimes?.map(\.rawValue),
            compatibleArchitectures: request.compatibleArchitectures?.map(\.rawValue),
            licenseInfo: request.licenseInfo,
            created: dependencies.now()
        )
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.publishLayerVersion(of: name, definition)
        }
        return PublishLayerVersionResponse(shown(record))
    }

    package func getLayerVersion(
        _ request: GetLayerVersionRequest
    ) async throws(LambdaError) -> GetLayerVersionResponse {
        guard request.versionNumber >= 1 else { throw .layerVersionBelowOne }
        let name = try ownLayer(request.layerName, for: .getLayerVersion).name
        return shown(try await layerVersion(request.versionNumber, of: name, orThrow: .resourceDoesNotExist))
    }

    package func getLayerVersionByArn(
        _ request: GetLayerVersionByArnRequest
    ) async throws(LambdaError) -> GetLayerVersionResponse {
        let layer = try ownLayer(request.arn, for: .getLayerVersion)
        guard let version = layer.version, version >= 1 else { throw .layerVersionBelowOne }
        return shown(try await layerVersion(version, of: layer.name, orThrow: .resourceDoesNotExist))
    }

    package func listLayers(_ request: ListLayersRequest) async throws(LambdaError) -> ListLayersResponse {
        let filter = try LayerFilter(request.compatibleRuntime, request.compatibleArchitecture)
        let limit = request.maxItems ?? Limits.layersPerPageMax
        let start = try request.marker.map { marker throws(LambdaError) -> LayerName in
            LayerName(try PageMarker(marker).last)
        }
        let records = try await inStore { store throws(MetadataStoreError) in
            try await store.layers(after: start, matching: filter, limit: limit + 1)
        }
        let page = records.prefix(limit)
        return ListLayersResponse(
            nextMarker: records.count > limit ? page.last.map { PageMarker(after: $0.name.rawValue).text } : nil,
            layers: page.map { record in
                LayersListItem(
                    layerName: record.name.rawValue,
                    layerArn: dependencies.locality.layerARN(record.name),
                    latestMatchingVersion: LayerVersionsListItem(record, in: dependencies.locality)
                )
            }
        )
    }

    package func listLayerVersions(
        _ request: ListLayerVersionsRequest
    ) async throws(LambdaError) -> ListLayerVersionsResponse {
        let name = try ownLayer(request.layerName, for: .listLayerVersions).name
        let filter = try LayerFilter(request.compatibleRuntime, request.compatibleArchitecture)
        let limit = request.maxItems ?? Limits.layersPerPageMax
        let start = try request.marker.map { marker throws(LambdaError) -> Int in
            guard let version = Int(try PageMarker(marker).last) else { throw PageMarker.invalid(marker) }
            return version
        }
        let records = try await inStore { store throws(MetadataStoreError) in
            try await store.layerVersions(of: name, before: start, matching: filter, limit: limit + 1)
        }
        let page = records.prefix(limit)
        return ListLayerVersionsResponse(
            nextMarker: records.count > limit ? page.last.map { PageMarker(after: String($0.version)).text } : nil,
            layerVersions: page.map { LayerVersionsListItem($0, in: dependencies.locality) }
        )
    }

    /// Functions that have the version keep it: they refer to its content, not to the version.
    package func deleteLayerVersion(_ request: DeleteLayerVersionRequest) async throws(LambdaError) {
        guard request.versionNumber >= 1 else { throw .layerVersionBelowOne }
        let name = try ownLayer(request.layerName, for: .deleteLayerVersion).name
        _ = try await inStore { store throws(MetadataStoreError) in
            try await store.deleteLayerVersion(request.versionNumber, of: name)
        }
    }
}

extension ControlPlane {
    /// Reads a layer's name or ARN. Throws `ResourceNotFoundException` if it is of another region, and
    /// `AccessDeniedException` if it is of another account: none of theirs are here.
    func ownLayer(_ text: String, for action: Operation) throws(LambdaError) -> LayerReference {
        let reference = LayerReference(text, in: dependencies.locality)
        guard reference.locality.region == dependencies.locality.region else { throw .resourceDoesNotExist }
        guard reference.locality == dependencies.locality else { throw otherAccount(action, text) }
        return reference
    }

    /// The error of a layer of another account. There are no users, so that the caller is the account itself.
    func otherAccount(_ action: Operation, _ arn: String) -> LambdaError {
        .layerOfOtherAccount(
            user: "arn:aws:iam::\(dependencies.locality.accountID):root",
            action: action.rawValue,
            arn: arn
        )
    }

    /// The version's record. Throws `error` if there is none.
    func layerVersion(
        _ version: Int,
        of name: LayerName,
        orThrow error: @autoclosure () -> LambdaError
    ) async throws(LambdaError) -> LayerVersionRecord {
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.layerVersion(version, of: name)
        }
        guard let record else { throw error() }
        return record
    }

    private func shown(_ record: LayerVersionRecord) -> GetLayerVersionResponse {
        let (definition, locality) = (record.definition, dependencies.locality)
        let hash = CodeHash(hexadecimal: definition.codeHash)
        return GetLayerVersionResponse(
            content: LayerVersionContentOutput(
                location: url(of: hash),
                codeSha256: hash.base64,
                codeSize: definition.codeSize
            ),
            layerArn: locality.layerARN(record.name),
            layerVersionArn: locality.layerVersionARN(record.name, record.version),
            description: definition.description,
            createdDate: definition.created.functionText,
            version: record.version,
            compatibleArchitectures: definition.compatibleArchitectures?.map { Architecture(rawValue: $0) },
            compatibleRuntimes: definition.compatibleRuntimes?.map { Runtime(rawValue: $0) },
            licenseInfo: definition.licenseInfo
        )
    }
}

extension PublishLayerVersionResponse {
    /// The answer to publishing is what getting the version returns.
    fileprivate init(_ version: GetLayerVersionResponse) {
        self.init(
            content: version.content,
            layerArn: version.layerArn,
            layerVersionArn: version.layerVersionArn,
            description: version.description,
            createdDate: version.createdDate,
            version: version.version,
            compatibleArchitectures: version.compatibleArchitectures,
            compatibleRuntimes: version.compatibleRuntimes,
            licenseInfo: version.licenseInfo
        )
    }
}

extension LayerVersionsListItem {
    fileprivate init(_ record: LayerVersionRecord, in locality: Locality) {
        let definition = record.definition
        self.init(
            layerVersionArn: locality.layerVersionARN(record.name, record.version),
            version: record.version,
            description: definition.description,
            createdDate: definition.created.functionText,
            compatibleArchitectures: definition.compatibleArchitectures?.map { Architecture(rawValue: $0) },
            compatibleRuntimes: definition.compatibleRuntimes?.map { Runtime(rawValue: $0) },
            licenseInfo: definition.licenseInfo
        )
    }
}

extension LayerFilter {
    /// Throws `ValidationException` for a runtime that there is not.
    fileprivate init(_ runtime: Runtime?, _ architecture: Architecture?) throws(LambdaError) {
        try RuntimePolicy.checkName(runtime?.rawValue)
        self.init(runtime: runtime?.rawValue, architecture: architecture?.rawValue)
    }
}
