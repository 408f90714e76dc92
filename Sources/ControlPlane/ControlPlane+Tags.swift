package import LambdaAPI
import MetadataStore

// Tags of functions. Source: `spec/control-plane.md` sections 1 and 2.
extension ControlPlane {
    package func tagResource(_ request: TagResourceRequest) async throws(LambdaError) {
        let name = try taggedFunction(request.resource)
        guard !request.tags.isEmpty else {
            throw .invalidParameterValue("An error occurred and the request cannot be processed.")
        }
        try await change(name) { record throws(LambdaError) in
            var next = record
            next.tags.merge(request.tags) { $1 }
            try ConfigurationRules.checkTags(next.tags)
            return RecordChange(record: next, value: ())
        }
    }

    package func untagResource(_ request: UntagResourceRequest) async throws(LambdaError) {
        let name = try taggedFunction(request.resource)
        try await change(name) { record throws(LambdaError) in
            var next = record
            for key in request.tagKeys { next.tags[key] = nil }
            return RecordChange(record: next, value: ())
        }
    }

    package func listTags(_ request: ListTagsRequest) async throws(LambdaError) -> ListTagsResponse {
        let record = try await record(FunctionReference(try taggedFunction(request.resource)))
        return ListTagsResponse(tags: record.tags)
    }

    /// The function that an ARN names as a whole. Other things that have tags are not there, so no ARN names one.
    private func taggedFunction(_ arn: String) throws(LambdaError) -> FunctionName {
        let kinds = ["event-source-mapping": "Event source mapping", "capacity-provider": "Capacity provider"]
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        let kind = parts.count > 5 ? String(parts[5]) : ""
        guard kind == "function" else {
            guard let name = kinds[kind] else { throw .resourceDoesNotExist }
            throw .resourceNotFound("\(name) not found: \(arn)")
        }
        let reference = try reference(arn)
        guard reference.qualifier == nil else {
            throw .invalidParameterValue(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        }
        return reference.name
    }
}
