import FunctionURL
package import LambdaAPI
import MetadataStore

// The URLs of functions and aliases. Source: `spec/control-plane.md` sections 1 and 5.
extension ControlPlane {
    package func createFunctionUrlConfig(
        _ request: CreateFunctionUrlConfigRequest
    ) async throws(LambdaError) -> CreateFunctionUrlConfigResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        var generator = SystemRandomNumberGenerator()
        var url = FunctionURLRecord(
            id: FunctionURLID.random(using: &generator).rawValue,
            authType: request.authType,
            invokeMode: request.invokeMode ?? .buffered,
            created: dependencies.now()
        )
        url.cors = request.cors
        let created = url
        try await changeURL(reference, missing: .functionDoesNotExist) { current throws(LambdaError) in
            guard current == nil else {
                throw .resourceConflict(
                    "Failed to create function url config for [functionArn = "
                        + "\(reference.arn(in: dependencies.locality))]. Error message:  FunctionUrlConfig exists for "
                        + "this Lambda function"
                )
            }
            return created
        }
        return CreateFunctionUrlConfigResponse(
            functionUrl: functionURL(created),
            functionArn: reference.arn(in: dependencies.locality),
            authType: created.authType,
            cors: created.cors,
            creationTime: created.created.zuluText,
            invokeMode: request.invokeMode
        )
    }

    package func getFunctionUrlConfig(
        _ request: GetFunctionUrlConfigRequest
    ) async throws(LambdaError) -> GetFunctionUrlConfigResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.function(named: reference.name)
        }
        guard let url = record?.attachments.urls[reference.attachmentKey] else { throw .resourceDoesNotExist }
        return GetFunctionUrlConfigResponse(
            functionUrl: functionURL(url),
            functionArn: reference.arn(in: dependencies.locality),
            authType: url.authType,
            cors: url.cors,
            creationTime: url.created.zuluText,
            lastModifiedTime: url.lastModified.zuluText,
            invokeMode: url.invokeMode
        )
    }

    package func updateFunctionUrlConfig(
        _ request: UpdateFunctionUrlConfigRequest
    ) async throws(LambdaError) -> UpdateFunctionUrlConfigResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        let url = try await changeURL(reference, missing: .functionDoesNotExist) { current throws(LambdaError) in
            guard var next = current else { throw .resourceDoesNotExist }
            next.authType = request.authType ?? next.authType
            next.invokeMode = request.invokeMode ?? next.invokeMode
            // Empty settings are none, which is how clients take them away.
            if let cors = request.cors { next.cors = cors == Cors() ? nil : cors }
            next.lastModified = dependencies.now()
            return next
        }
        guard let url else { throw .resourceDoesNotExist }
        return UpdateFunctionUrlConfigResponse(
            functionUrl: functionURL(url),
            functionArn: reference.arn(in: dependencies.locality),
            authType: url.authType,
            cors: url.cors,
            creationTime: url.created.zuluText,
            lastModifiedTime: url.lastModified.zuluText,
            invokeMode: url.invokeMode
        )
    }

    package func deleteFunctionUrlConfig(_ request: DeleteFunctionUrlConfigRequest) async throws(LambdaError) {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        // The alias may be gone, its URL is not.
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.function(named: reference.name)
        }
        guard record?.attachments.urls[reference.attachmentKey] != nil else { throw .resourceDoesNotExist }
        try await change(reference.name) { record throws(LambdaError) in
            var next = record
            next.attachments.urls[reference.attachmentKey] = nil
            return RecordChange(record: next, value: ())
        }
    }

    package func listFunctionUrlConfigs(
        _ request: ListFunctionUrlConfigsRequest
    ) async throws(LambdaError) -> ListFunctionUrlConfigsResponse {
        let name = try reference(request.functionName).name
        let record = try await inStore { store throws(MetadataStoreError) in try await store.function(named: name) }
        guard let record else { throw .functionDoesNotExist }
        let limit = Limits.attachmentsPerPageMax
        let page = try NamedPage(
            of: record.attachments.urls,
            after: request.marker,
            limit: min(request.maxItems ?? limit, limit)
        )
        let configs = page.items.map { key, url in
            let qualifier = key == FunctionAttachments.unqualified ? nil : Qualifier(key)
            return FunctionUrlConfig(
                functionUrl: functionURL(url),
                functionArn: dependencies.locality.functionARN(name, qualifier: qualifier),
                creationTime: url.created.zuluText,
                lastModifiedTime: url.lastModified.zuluText,
                cors: url.cors,
                authType: url.authType,
                invokeMode: url.invokeMode
            )
        }
        return ListFunctionUrlConfigsResponse(functionUrlConfigs: configs, nextMarker: page.nextMarker)
    }

    /// Replaces the URL of what a reference means by what `change` makes of it.
    @discardableResult
    private func changeURL(
        _ reference: FunctionReference,
        missing: LambdaError,
        _ change: (FunctionURLRecord?) throws(LambdaError) -> FunctionURLRecord
    ) async throws(LambdaError) -> FunctionURLRecord? {
        do throws(LambdaError) {
            _ = try await target(reference)
        } catch {
            throw error.code == .resourceNotFoundException ? missing : error
        }
        return try await self.change(reference.name) { record throws(LambdaError) in
            let url = try change(record.attachments.urls[reference.attachmentKey])
            var next = record
            next.attachments.urls[reference.attachmentKey] = url
            return RecordChange(record: next, value: url)
        }
    }
}

extension LambdaError {
    fileprivate static let functionDoesNotExist = resourceNotFound("Function does not exist")
}
