package import LambdaAPI
import MetadataStore

// Capacity providers, and how many environments functions on them keep. Source: `spec/control-plane.md` section 8.
//
// There are no managed instances here: the settings are checked, kept and shown, and environments run on this host like all
// others.
extension ControlPlane {
    package func createCapacityProvider(
        _ request: CreateCapacityProviderRequest
    ) async throws(LambdaError) -> CreateCapacityProviderResponse {
        try ConfigurationRules.checkTags(request.tags ?? [:])
        let name = try capacityProviderName(request.capacityProviderName)
        let scaling = request.capacityProviderScalingConfig
        let provider = CapacityProvider(
            capacityProviderArn: dependencies.locality.capacityProviderARN(name),
            state: .active,
            vpcConfig: request.vpcConfig,
            permissionsConfig: request.permissionsConfig,
            instanceRequirements: request.instanceRequirements,
            capacityProviderScalingConfig: CapacityProviderScalingConfig(
                maxVCpuCount: scaling?.maxVCpuCount ?? Limits.capacityProviderCPUsDefault,
                scalingMode: scaling?.scalingMode ?? .auto,
                scalingPolicies: scaling?.scalingPolicies
            ),
            kmsKeyArn: request.kmsKeyArn,
            lastModified: dependencies.now().functionText,
            propagateTags: request.propagateTags,
            telemetryConfig: request.telemetryConfig
        )
        let record = CapacityProviderRecord(name: name, provider: provider, tags: request.tags ?? [:])
        do throws(MetadataStoreError) {
            try await dependencies.store.insert(record)
        } catch {
            guard error.code == .exists else { throw .service(cause: error) }
            throw .resourceConflict("Capacity provider already exists: \(provider.capacityProviderArn ?? name)")
        }
        // It is asked for, and it is there: nothing has to be started for it.
        var shown = provider
        shown.state = .pending
        return CreateCapacityProviderResponse(capacityProvider: shown)
    }

    package func getCapacityProvider(
        _ request: GetCapacityProviderRequest
    ) async throws(LambdaError) -> GetCapacityProviderResponse {
        GetCapacityProviderResponse(capacityProvider: try await capacityProvider(request.capacityProviderName).provider)
    }

    package func updateCapacityProvider(
        _ request: UpdateCapacityProviderRequest
    ) async throws(LambdaError) -> UpdateCapacityProviderResponse {
        let name = try capacityProviderName(request.capacityProviderName)
        let record = try await changeResource(
            CapacityProviderRecord.self,
            name,
            missing: noCapacityProvider(name)
        ) { record in
            if let scaling = request.capacityProviderScalingConfig {
                let known = record.provider.capacityProviderScalingConfig
                record.provider.capacityProviderScalingConfig = CapacityProviderScalingConfig(
                    maxVCpuCount: scaling.maxVCpuCount ?? known?.maxVCpuCount,
                    scalingMode: scaling.scalingMode ?? known?.scalingMode,
                    scalingPolicies: scaling.scalingPolicies ?? known?.scalingPolicies
                )
            }
            record.provider.propagateTags = request.propagateTags ?? record.provider.propagateTags
            record.provider.telemetryConfig = request.telemetryConfig ?? record.provider.telemetryConfig
            record.provider.lastModified = dependencies.now().functionText
        }
        return UpdateCapacityProviderResponse(capacityProvider: record.provider)
    }

    package func deleteCapacityProvider(
        _ request: DeleteCapacityProviderRequest
    ) async throws(LambdaError) -> DeleteCapacityProviderResponse {
        let record = try await capacityProvider(request.capacityProviderName)
        let arn = dependencies.locality.capacityProviderARN(record.name)
        let users = try await inStore { store throws(MetadataStoreError) in
            try await store.versions(on: arn, after: nil, limit: 1)
        }
        guard users.isEmpty else {
            throw .resourceConflict(
                "The capacity provider \(record.name) cannot be deleted because function versions use it, such as "
                    + dependencies.locality.functionARN(
                        users[0].functionName,
                        qualifier: Qualifier(users[0].version.rawValue)
                    )
            )
        }
        _ = try await inStore { store throws(MetadataStoreError) in
            try await store.deleteResource(CapacityProviderRecord.self, record.name)
        }
        var shown = record.provider
        shown.state = .deleting
        return DeleteCapacityProviderResponse(capacityProvider: shown)
    }

    package func listCapacityProviders(
        _ request: ListCapacityProvidersRequest
    ) async throws(LambdaError) -> ListCapacityProvidersResponse {
        let page = try await resourcePage(
            CapacityProviderRecord.self,
            key: request.state?.rawValue,
            after: request.marker,
            limit: request.maxItems,
            limitMax: Limits.attachmentsPerPageMax
        )
        return ListCapacityProvidersResponse(
            capacityProviders: page.items.map(\.provider),
            nextMarker: page.next
        )
    }

    package func listFunctionVersionsByCapacityProvider(
        _ request: ListFunctionVersionsByCapacityProviderRequest
    ) async throws(LambdaError) -> ListFunctionVersionsByCapacityProviderResponse {
        let record = try await capacityProvider(request.capacityProviderName)
        let arn = dependencies.locality.capacityProviderARN(record.name)
        let limit = min(request.maxItems ?? Limits.attachmentsPerPageMax, Limits.attachmentsPerPageMax)
        let start = try request.marker.map { marker throws(LambdaError) in try PageMarker(marker) }
        let found = try await inStore { store throws(MetadataStoreError) in
            try await store.versions(on: arn, after: start.map { ($0.name, $0.version ?? 0) }, limit: limit + 1)
        }
        let page = found.prefix(limit)
        let items = page.map { version in
            FunctionVersionsByCapacityProviderListItem(
                functionArn: dependencies.locality.functionARN(
                    version.functionName,
                    qualifier: Qualifier(version.version.rawValue)
                ),
                state: FunctionState(rawValue: version.status.state.rawValue)
            )
        }
        let last = page.last.map { PageMarker($0.functionName, version: $0.number).text }
        return ListFunctionVersionsByCapacityProviderResponse(
            capacityProviderArn: arn,
            functionVersions: items,
            nextMarker: found.count > limit ? last : nil
        )
    }

    /// The provider that a function names by its ARN; it must be there.
    func checkCapacityProvider(_ config: CapacityProviderConfig?) async throws(LambdaError) {
        guard let arn = config?.lambdaManagedInstancesCapacityProviderConfig.capacityProviderArn else { return }
        _ = try await capacityProvider(arn)
    }

    private func capacityProvider(_ nameOrARN: String) async throws(LambdaError) -> CapacityProviderRecord {
        let name = try capacityProviderName(nameOrARN)
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.resource(CapacityProviderRecord.self, name)
        }
        guard let record else { throw noCapacityProvider(name) }
        return record
    }

    /// The name of a provider here, from itself or from its ARN.
    func capacityProviderName(_ text: String) throws(LambdaError) -> String {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 7 else { return text }
        guard dependencies.locality.owns(text) else {
            throw .resourceNotFound("Capacity provider not found: \(text)")
        }
        return String(parts[6])
    }

    private func noCapacityProvider(_ name: String) -> LambdaError {
        .resourceNotFound("Capacity provider not found: \(dependencies.locality.capacityProviderARN(name))")
    }
}

extension ControlPlane {
    package func putFunctionScalingConfig(
        _ request: PutFunctionScalingConfigRequest
    ) async throws(LambdaError) -> PutFunctionScalingConfigResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        let target = try await managedTarget(reference)
        let config = request.functionScalingConfig
        if let minimum = config?.minExecutionEnvironments, let maximum = config?.maxExecutionEnvironments,
            minimum > maximum
        {
            throw .invalidParameterValue(
                "MinExecutionEnvironments (\(minimum)) must not be greater than MaxExecutionEnvironments (\(maximum))."
            )
        }
        try await change(reference.name) { record throws(LambdaError) in
            var next = record
            next.attachments.scaling[reference.attachmentKey] = config
            return RecordChange(record: next, value: ())
        }
        return PutFunctionScalingConfigResponse(functionState: FunctionState(rawValue: target.state.rawValue))
    }

    package func getFunctionScalingConfig(
        _ request: GetFunctionScalingConfigRequest
    ) async throws(LambdaError) -> GetFunctionScalingConfigResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        let record = try await managedTarget(reference).record
        let config = record.attachments.scaling[reference.attachmentKey]
        return GetFunctionScalingConfigResponse(
            functionArn: reference.arn(in: dependencies.locality),
            appliedFunctionScalingConfig: config,
            requestedFunctionScalingConfig: config
        )
    }

    /// A version that runs on a capacity provider.
    private func managedTarget(
        _ reference: FunctionReference
    ) async throws(LambdaError) -> (record: FunctionRecord, state: FunctionStatus.State) {
        let target = try await target(reference)
        let definition = target.version?.definition ?? target.record.definition
        guard definition.capacityProvider != nil else {
            throw .invalidParameterValue("FunctionScalingConfig isn't supported for Lambda Default functions.")
        }
        return (target.record, target.version?.status.state ?? target.record.status.state)
    }
}

extension Locality {
    fileprivate func capacityProviderARN(_ name: String) -> String {
        "arn:aws:lambda:\(region):\(accountID):capacity-provider:\(name)"
    }
}
