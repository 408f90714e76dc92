package import LambdaAPI
import MetadataStore

// How asynchronous invokes are tried and where their outcome goes. Source: `spec/control-plane.md` sections 1 and 2,
// `spec/async-esm.md` section 1.
extension ControlPlane {
    package func putFunctionEventInvokeConfig(
        _ request: PutFunctionEventInvokeConfigRequest
    ) async throws(LambdaError) -> FunctionEventInvokeConfig {
        let settings = [request.maximumRetryAttempts, request.maximumEventAgeInSeconds]
        guard settings.contains(where: { $0 != nil }) || request.destinationConfig != nil else {
            throw .invalidParameterValue("You must specify at least one of error handling or destination setting.")
        }
        return try await changeEventInvokeConfig(
            request.functionName,
            request.qualifier,
            destinations: request.destinationConfig
        ) { _ in
            EventInvokeRecord(
                maximumRetryAttempts: request.maximumRetryAttempts,
                maximumEventAgeInSeconds: request.maximumEventAgeInSeconds,
                destinations: request.destinationConfig,
                lastModified: dependencies.now()
            )
        }
    }

    package func updateFunctionEventInvokeConfig(
        _ request: UpdateFunctionEventInvokeConfigRequest
    ) async throws(LambdaError) -> FunctionEventInvokeConfig {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        return try await changeEventInvokeConfig(
            request.functionName,
            request.qualifier,
            destinations: request.destinationConfig
        ) { current throws(LambdaError) in
            guard let current else { throw .noEventInvokeConfig(reference.qualifiedARN(in: dependencies.locality)) }
            return EventInvokeRecord(
                maximumRetryAttempts: request.maximumRetryAttempts ?? current.maximumRetryAttempts,
                maximumEventAgeInSeconds: request.maximumEventAgeInSeconds ?? current.maximumEventAgeInSeconds,
                destinations: current.destinations.updated(by: request.destinationConfig),
                lastModified: dependencies.now()
            )
        }
    }

    package func getFunctionEventInvokeConfig(
        _ request: GetFunctionEventInvokeConfigRequest
    ) async throws(LambdaError) -> FunctionEventInvokeConfig {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        let arn = reference.qualifiedARN(in: dependencies.locality)
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.function(named: reference.name)
        }
        guard let config = record?.attachments.eventInvokeConfigs[reference.attachmentKey] else {
            throw .noEventInvokeConfig(arn)
        }
        return FunctionEventInvokeConfig(config, arn: arn)
    }

    package func deleteFunctionEventInvokeConfig(
        _ request: DeleteFunctionEventInvokeConfigRequest
    ) async throws(LambdaError) {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        try await changeInvokable(reference) { record throws(LambdaError) in
            guard record.attachments.eventInvokeConfigs[reference.attachmentKey] != nil else {
                throw .noEventInvokeConfig(reference.qualifiedARN(in: dependencies.locality))
            }
            var next = record
            next.attachments.eventInvokeConfigs[reference.attachmentKey] = nil
            return RecordChange(record: next, value: ())
        }
    }

    package func listFunctionEventInvokeConfigs(
        _ request: ListFunctionEventInvokeConfigsRequest
    ) async throws(LambdaError) -> ListFunctionEventInvokeConfigsResponse {
        let name = try reference(request.functionName).name
        let record = try await inStore { store throws(MetadataStoreError) in try await store.function(named: name) }
        guard let record else { throw .invokableDoesNotExist }
        let limit = Limits.attachmentsPerPageMax
        let page = try NamedPage(
            of: record.attachments.eventInvokeConfigs,
            after: request.marker,
            limit: min(request.maxItems ?? limit, limit)
        )
        let configs = page.items.map {
            FunctionEventInvokeConfig(
                $0.value,
                arn: dependencies.locality.functionARN(name, qualifier: Qualifier($0.name))
            )
        }
        return ListFunctionEventInvokeConfigsResponse(
            functionEventInvokeConfigs: configs,
            nextMarker: page.nextMarker
        )
    }

    private func changeEventInvokeConfig(
        _ functionName: String,
        _ qualifier: String?,
        destinations: DestinationConfig?,
        _ change: (EventInvokeRecord?) throws(LambdaError) -> EventInvokeRecord
    ) async throws(LambdaError) -> FunctionEventInvokeConfig {
        let reference = try reference(functionName, qualifier: qualifier)
        return try await changeInvokable(reference) { record throws(LambdaError) in
            if let destinations { try await check(destinations, of: reference.name) }
            let config = try change(record.attachments.eventInvokeConfigs[reference.attachmentKey])
            var next = record
            next.attachments.eventInvokeConfigs[reference.attachmentKey] = config
            let arn = reference.qualifiedARN(in: dependencies.locality)
            return RecordChange(record: next, value: FunctionEventInvokeConfig(config, arn: arn))
        }
    }

    /// Changes a function if what a reference means is there.
    private func changeInvokable<Value: Sendable>(
        _ reference: FunctionReference,
        _ change: (FunctionRecord) async throws(LambdaError) -> RecordChange<Value>
    ) async throws(LambdaError) -> Value {
        do throws(LambdaError) {
            _ = try await target(reference)
        } catch {
            throw error.code == .resourceNotFoundException ? .invokableDoesNotExist : error
        }
        return try await self.change(reference.name, change)
    }

    /// Throws `InvalidParameterValueException` for a destination that no outcome can go to.
    private func check(_ destinations: DestinationConfig, of name: FunctionName) async throws(LambdaError) {
        let success = destinations.onSuccess?.destination ?? ""
        let failure = destinations.onFailure?.destination ?? ""
        var areOfKnownServices = true
        for (arn, services) in [(failure, ["s3"]), (success, [])] where !arn.isEmpty {
            let service = arn.split(separator: ":", omittingEmptySubsequences: false).dropFirst(2).first ?? ""
            if service == "lambda" {
                try await checkDestinationFunction(arn, of: name)
            } else if !["sqs", "sns", "events"].contains(service), !services.contains(String(service)) {
                areOfKnownServices = false
            }
        }
        guard !areOfKnownServices else { return }
        let onSuccess = success.isEmpty ? "null" : "OnSuccess(destination=\(success))"
        let onFailure = failure.isEmpty ? "null" : "OnFailure(destination=\(failure))"
        throw .invalidParameterValue(
            "The provided destination config DestinationConfig(onSuccess=\(onSuccess), onFailure=\(onFailure)) "
                + "is invalid."
        )
    }

    private func checkDestinationFunction(_ arn: String, of name: FunctionName) async throws(LambdaError) {
        let invalid = LambdaError.invalidParameterValue("The destination ARN \(arn) is invalid.")
        guard let destination = try? reference(arn) else { throw invalid }
        guard destination.name != name else {
            throw .invalidParameterValue("You can't specify the function as a destination for itself.")
        }
        guard (try? await target(destination)) != nil else { throw invalid }
    }
}

extension FunctionEventInvokeConfig {
    /// Both destinations are always there, be they empty.
    fileprivate init(_ record: EventInvokeRecord, arn: String) {
        self.init(
            lastModified: record.lastModified,
            functionArn: arn,
            maximumRetryAttempts: record.maximumRetryAttempts,
            maximumEventAgeInSeconds: record.maximumEventAgeInSeconds,
            destinationConfig: DestinationConfig(
                onSuccess: record.destinations?.onSuccess ?? OnSuccess(),
                onFailure: record.destinations?.onFailure ?? OnFailure()
            )
        )
    }
}

extension DestinationConfig? {
    /// These destinations with those that a request names.
    fileprivate func updated(by request: DestinationConfig?) -> DestinationConfig? {
        guard let request else { return self }
        return DestinationConfig(
            onSuccess: request.onSuccess ?? self?.onSuccess,
            onFailure: request.onFailure ?? self?.onFailure
        )
    }
}

extension LambdaError {
    fileprivate static let invokableDoesNotExist = resourceNotFound("The function doesn't exist.")

    fileprivate static func noEventInvokeConfig(_ arn: String) -> LambdaError {
        resourceNotFound("The function \(arn) doesn't have an EventInvokeConfig")
    }
}
