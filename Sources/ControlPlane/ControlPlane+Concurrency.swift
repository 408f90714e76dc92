package import LambdaAPI
import MetadataStore

extension ControlPlane {
    package func putFunctionConcurrency(
        _ request: PutFunctionConcurrencyRequest
    ) async throws(LambdaError) -> Concurrency {
        let name = try unqualified(request.functionName)
        let reserved = request.reservedConcurrentExecutions
        let limitError = LambdaError.belowUnreservedMinimum("ReservedConcurrentExecutions")
        return try await change(name, limitError: limitError) { record throws(LambdaError) in
            let provisioned = record.concurrency.provisionedTotal
            guard reserved >= provisioned else {
                // The blanks are AWS's.
                throw .invalidParameterValue(
                    " ReservedConcurrentExecutions  \(reserved) should not be lower than function's total provisioned "
                        + "concurrency [\(provisioned)]."
                )
            }
            var next = record
            next.concurrency.reserved = reserved
            return RecordChange(record: next, value: Concurrency(reservedConcurrentExecutions: reserved))
        }
    }

    package func getFunctionConcurrency(
        _ request: GetFunctionConcurrencyRequest
    ) async throws(LambdaError) -> GetFunctionConcurrencyResponse {
        let record = try await record(FunctionReference(try unqualified(request.functionName)))
        return GetFunctionConcurrencyResponse(reservedConcurrentExecutions: record.concurrency.reserved)
    }

    package func deleteFunctionConcurrency(
        _ request: DeleteFunctionConcurrencyRequest
    ) async throws(LambdaError) {
        let name = try unqualified(request.functionName)
        try await change(name) { record throws(LambdaError) in
            var next = record
            next.concurrency.reserved = nil
            return RecordChange(record: next, value: ())
        }
    }

    /// The name of a function that is meant as a whole.
    func unqualified(_ functionName: String) throws(LambdaError) -> FunctionName {
        let reference = try reference(functionName)
        guard reference.qualifier == nil else {
            throw .invalidParameterValue(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
                    + "operation. Please specify either a function name or an unqualified function ARN."
            )
        }
        return reference.name
    }
}

extension ControlPlane {
    package func putProvisionedConcurrencyConfig(
        _ request: PutProvisionedConcurrencyConfigRequest
    ) async throws(LambdaError) -> PutProvisionedConcurrencyConfigResponse {
        let reference = try reference(request.functionName, qualifier: request.qualifier)
        guard let qualifier = reference.qualifier, qualifier != .latest else {
            throw .invalidParameterValue(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        }
        let count = request.provisionedConcurrentExecutions
        let unreserved = try await unreservedConcurrency()
        let limitError = LambdaError.belowUnreservedMinimum("ConcurrentExecutions")
        let settings = ConcurrencySettings.Provisioned(count: count, lastModified: dependencies.now())
        try await change(reference.name, limitError: limitError) { record throws(LambdaError) in
            let target = try await target(reference)
            if let alias = record.aliases[qualifier.rawValue] {
                try checkProvisionable(alias, named: qualifier.rawValue, in: record)
            } else if record.isProvisionedByAlias(FunctionVersion(qualifier.rawValue)) {
                throw .resourceConflict("Version is pointed by a Provisioned Concurrency alias")
            }
            if target.version?.definition.snapStart == .publishedVersions {
                throw .invalidParameterValue(
                    "Provisioned Concurrency is not supported for SnapStart enabled functions."
                )
            }
            if let version = target.version, version.status.state == .failed {
                throw .functionState(version.status.state.rawValue)
            }
            var next = record
            next.concurrency.provisioned[qualifier.rawValue] = settings
            if let reserved = record.concurrency.reserved {
                guard next.concurrency.provisionedTotal <= reserved else {
                    throw .invalidParameterValue(
                        "Requested Provisioned Concurrency should not be greater than the "
                            + "reservedConcurrentExecution for function"
                    )
                }
            } else if next.concurrency.claimed - record.concurrency.claimed > unreserved {
                throw .invalidParameterValue(
                    "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
                        + "[\(unreserved)]."
                )
            }
            return RecordChange(record: next, value: ())
        }
        return PutProvisionedConcurrencyConfigResponse(
            requestedProvisionedConcurrentExecutions: count,
            allocatedProvisionedConcurrentExecutions: 0,
            status: .inProgress,
            lastModified: settings.lastModified.provisionText
        )
    }

    package func getProvisionedConcurrencyConfig(
        _ request: GetProvisionedConcurrencyConfigRequest
    ) async throws(LambdaError) -> GetProvisionedConcurrencyConfigResponse {
        let (reference, qualifier) = try provisionable(request.functionName, request.qualifier)
        let record = try await target(reference).record
        guard let provisioned = record.concurrency.provisioned[qualifier] else {
            throw LambdaError(
                .provisionedConcurrencyConfigNotFoundException,
                "No Provisioned Concurrency Config found for this function"
            )
        }
        let item = try await listItem(qualifier, provisioned, of: record)
        return GetProvisionedConcurrencyConfigResponse(
            requestedProvisionedConcurrentExecutions: item.requestedProvisionedConcurrentExecutions,
            availableProvisionedConcurrentExecutions: item.availableProvisionedConcurrentExecutions,
            allocatedProvisionedConcurrentExecutions: item.allocatedProvisionedConcurrentExecutions,
            status: item.status,
            statusReason: item.statusReason,
            lastModified: item.lastModified
        )
    }

    package func deleteProvisionedConcurrencyConfig(
        _ request: DeleteProvisionedConcurrencyConfigRequest
    ) async throws(LambdaError) {
        let (reference, qualifier) = try provisionable(request.functionName, request.qualifier)
        try await change(reference.name) { record throws(LambdaError) in
            _ = try await target(reference)
            var next = record
            next.concurrency.provisioned[qualifier] = nil
            return RecordChange(record: next, value: ())
        }
    }

    package func listProvisionedConcurrencyConfigs(
        _ request: ListProvisionedConcurrencyConfigsRequest
    ) async throws(LambdaError) -> ListProvisionedConcurrencyConfigsResponse {
        let record = try await record(FunctionReference(try reference(request.functionName).name))
        let limit = Limits.provisionedConfigsPerPageMax
        let page = try NamedPage(
            of: record.concurrency.provisioned,
            after: request.marker,
            limit: min(request.maxItems ?? limit, limit)
        )
        var items: [ProvisionedConcurrencyConfigListItem] = []
        for (qualifier, provisioned) in page.items {
            items.append(try await listItem(qualifier, provisioned, of: record))
        }
        return ListProvisionedConcurrencyConfigsResponse(
            provisionedConcurrencyConfigs: items,
            nextMarker: page.nextMarker
        )
    }

    /// An alias for which concurrency is provisioned must not share a version with another that has some of its own.
    func checkProvisionable(
        _ alias: AliasRecord,
        named name: String,
        in record: FunctionRecord
    ) throws(LambdaError) {
        guard !alias.refers(to: .latest) else {
            throw .invalidParameterValue(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        }
        let others = record.concurrency.provisioned.keys.filter { $0 != name }
        let isTaken = others.contains { other in
            if let otherAlias = record.aliases[other] {
                alias.versions.contains { otherAlias.refers(to: $0) }
            } else {
                alias.refers(to: FunctionVersion(other))
            }
        }
        guard !isTaken else {
            throw .resourceConflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
            )
        }
    }

    private func provisionable(
        _ functionName: String,
        _ qualifier: String
    ) throws(LambdaError) -> (reference: FunctionReference, qualifier: String) {
        let reference = try reference(functionName, qualifier: qualifier)
        guard let qualifier = reference.qualifier, qualifier != .latest else {
            throw .invalidParameterValue(
                "The function resource provided must be an alias or a published version."
            )
        }
        return (reference, qualifier.rawValue)
    }

    private func listItem(
        _ qualifier: String,
        _ provisioned: ConcurrencySettings.Provisioned,
        of record: FunctionRecord
    ) async throws(LambdaError) -> ProvisionedConcurrencyConfigListItem {
        let progress = try await progress(of: qualifier, in: record)
        let ready = min(progress.ready, provisioned.count)
        let status: ProvisionedConcurrencyStatusEnum =
            ready == provisioned.count ? .ready : progress.failure == nil ? .inProgress : .failed
        return ProvisionedConcurrencyConfigListItem(
            functionArn: dependencies.locality.functionARN(record.name, qualifier: Qualifier(qualifier)),
            requestedProvisionedConcurrentExecutions: provisioned.count,
            availableProvisionedConcurrentExecutions: ready,
            allocatedProvisionedConcurrentExecutions: ready,
            status: status,
            statusReason: status == .failed ? progress.failure : nil,
            lastModified: provisioned.lastModified.provisionText
        )
    }

    /// What the versions that a qualifier stands for have together.
    private func progress(
        of qualifier: String,
        in record: FunctionRecord
    ) async throws(LambdaError) -> ProvisionProgress {
        let versions = record.aliases[qualifier]?.versions ?? [FunctionVersion(qualifier)]
        var sum = ProvisionProgress(ready: 0)
        for version in versions {
            guard let published = try await publishedVersion(version, of: record.name) else { continue }
            let configuration = record.configurationID(of: published.definition)
            let progress = await dependencies.environments.provisionProgress(of: configuration, record.name)
            guard let progress else { continue }
            sum.ready += progress.ready
            sum.failure = sum.failure ?? progress.failure
        }
        return sum
    }

    /// What is left for functions that have nothing reserved.
    func unreservedConcurrency() async throws(LambdaError) -> Int {
        let usage = try await inStore { store throws(MetadataStoreError) in try await store.usage() }
        return dependencies.accountConcurrency - usage.claimedConcurrency
    }
}

extension FunctionRecord {
    fileprivate func isProvisionedByAlias(_ version: FunctionVersion) -> Bool {
        concurrency.provisioned.keys.contains { aliases[$0]?.refers(to: version) == true }
    }
}

extension LambdaError {
    fileprivate static func belowUnreservedMinimum(_ what: String) -> LambdaError {
        invalidParameterValue(
            "Specified \(what) for function decreases account's UnreservedConcurrentExecution below its minimum value "
                + "of [\(Limits.unreservedConcurrentExecutionsMin)]."
        )
    }
}
