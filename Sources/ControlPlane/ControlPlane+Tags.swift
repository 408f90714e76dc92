package import LambdaAPI
import MetadataStore

// Tags of functions and of the account's other things. Source: `spec/control-plane.md` sections 1 and 2.
extension ControlPlane {
    package func tagResource(_ request: TagResourceRequest) async throws(LambdaError) {
        let resource = try taggedResource(request.resource)
        guard !request.tags.isEmpty else {
            throw .invalidParameterValue("An error occurred and the request cannot be processed.")
        }
        try await changeTags(of: resource) { tags throws(LambdaError) in
            tags.merge(request.tags) { $1 }
            try ConfigurationRules.checkTags(tags)
        }
    }

    package func untagResource(_ request: UntagResourceRequest) async throws(LambdaError) {
        try await changeTags(of: try taggedResource(request.resource)) { tags in
            for key in request.tagKeys { tags[key] = nil }
        }
    }

    package func listTags(_ request: ListTagsRequest) async throws(LambdaError) -> ListTagsResponse {
        let tags: [String: String] =
            switch try taggedResource(request.resource) {
            case .function(let name): try await record(FunctionReference(name)).tags
            case .mapping(let uuid, let missing):
                try await tags(of: EventSourceMappingRecord.self, uuid, missing: missing)
            case .codeSigningConfig(let arn, let missing):
                try await tags(of: CodeSigningConfigRecord.self, arn, missing: missing)
            case .capacityProvider(let name, let missing):
                try await tags(of: CapacityProviderRecord.self, name, missing: missing)
            }
        return ListTagsResponse(tags: tags)
    }

    /// What an ARN names that can have tags, and what is thrown if it is not there.
    private enum TaggedResource {
        case function(FunctionName)
        case mapping(String, missing: LambdaError)
        case codeSigningConfig(String, missing: LambdaError)
        case capacityProvider(String, missing: LambdaError)
    }

    private func taggedResource(_ arn: String) throws(LambdaError) -> TaggedResource {
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
        let (kind, id) = parts.count > 6 ? (parts[5], parts[6]) : ("", "")
        switch kind {
        case "function":
            let reference = try reference(arn)
            guard reference.qualifier == nil else {
                throw .invalidParameterValue(
                    "Tags on function aliases and versions are not supported. Please specify a function ARN."
                )
            }
            return .function(reference.name)
        case "event-source-mapping":
            let missing = LambdaError.resourceNotFound("Event source mapping not found: \(arn)")
            guard dependencies.locality.owns(arn) else { throw missing }
            return .mapping(id, missing: missing)
        case "code-signing-config":
            return .codeSigningConfig(arn, missing: .codeSigningConfigNotFound(arn))
        case "capacity-provider":
            let missing = LambdaError.resourceNotFound("Capacity provider not found: \(arn)")
            guard dependencies.locality.owns(arn) else { throw missing }
            return .capacityProvider(id, missing: missing)
        default: throw .resourceDoesNotExist
        }
    }

    private func changeTags(
        of resource: TaggedResource,
        _ change: (inout [String: String]) throws(LambdaError) -> Void
    ) async throws(LambdaError) {
        switch resource {
        case .function(let name):
            try await self.change(name) { record throws(LambdaError) in
                var next = record
                try change(&next.tags)
                try checkSandbox(next.tags, before: record.tags, record.definition)
                return RecordChange(record: next, value: ())
            }
        case .mapping(let uuid, let missing):
            try await changeTags(of: EventSourceMappingRecord.self, uuid, missing: missing, change)
        case .codeSigningConfig(let arn, let missing):
            try await changeTags(of: CodeSigningConfigRecord.self, arn, missing: missing, change)
        case .capacityProvider(let name, let missing):
            try await changeTags(of: CapacityProviderRecord.self, name, missing: missing, change)
        }
    }

    /// Checks what a function's tags choose for it to run in, if that is new.
    func checkSandbox(
        _ tags: [String: String],
        before: [String: String] = [:],
        _ definition: FunctionDefinition
    ) throws(LambdaError) {
        guard let value = tags[SandboxKind.tag], value != before[SandboxKind.tag] else { return }
        guard let sandbox = SandboxKind(rawValue: value) else {
            let known = SandboxKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalidParameterValue("The tag \(SandboxKind.tag) must be one of \(known), not \(value).")
        }
        let obstacle = dependencies.runtimes.obstacle(
            runtime: definition.runtime,
            architecture: definition.architecture,
            in: sandbox
        )
        if let obstacle { throw .invalidParameterValue(obstacle) }
    }

    private func changeTags<Resource: TaggedRecord>(
        of type: Resource.Type,
        _ id: String,
        missing: LambdaError,
        _ change: (inout [String: String]) throws(LambdaError) -> Void
    ) async throws(LambdaError) {
        try await changeResource(type, id, missing: missing) { record throws(LambdaError) in
            try change(&record.tags)
        }
    }

    private func tags<Resource: TaggedRecord>(
        of type: Resource.Type,
        _ id: String,
        missing: LambdaError
    ) async throws(LambdaError) -> [String: String] {
        let record = try await inStore { store throws(MetadataStoreError) in try await store.resource(type, id) }
        guard let record else { throw missing }
        return record.tags
    }
}

/// A thing of the account that has tags.
private protocol TaggedRecord: StoredResource {
    var tags: [String: String] { get set }
}

extension EventSourceMappingRecord: TaggedRecord {}
extension CodeSigningConfigRecord: TaggedRecord {}
extension CapacityProviderRecord: TaggedRecord {}
