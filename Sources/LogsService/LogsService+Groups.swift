import LambdaAPI
import LogStore
package import LogsAPI

extension LogsService {
    /// For how many days a group may be told to keep events.
    private static let retentionDays = [
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    ]
    private static let tagsMax = 50
    /// The most groups or streams of a page, and what it has unless told otherwise.
    static let listedMax = 50

    package func createLogGroup(_ request: CreateLogGroupRequest) async throws(LogsError) {
        if request.logGroupName.lowercased().hasPrefix("aws/") {
            throw .invalidParameter("Log groups starting with AWS/ are reserved for AWS.")
        }
        if request.kmsKeyId != nil {
            throw .invalidParameter("Swiftlet does not encrypt log groups; leave kmsKeyId out.")
        }
        if let logClass = request.logGroupClass, logClass != .standard {
            throw .invalidParameter("Swiftlet has log groups of the class STANDARD only.")
        }
        if request.deletionProtectionEnabled == true {
            throw .invalidParameter("Swiftlet does not protect log groups from deletion.")
        }
        let now = now
        try await onDisk { try $0.createGroup(request.logGroupName, tags: request.tags ?? [:], now: now) }
    }

    package func deleteLogGroup(_ request: DeleteLogGroupRequest) async throws(LogsError) {
        try await onDisk { try $0.deleteGroup(request.logGroupName) }
    }

    package func putRetentionPolicy(_ request: PutRetentionPolicyRequest) async throws(LogsError) {
        guard Self.retentionDays.contains(request.retentionInDays) else {
            let values = Self.retentionDays.map(String.init).joined(separator: ", ")
            throw .invalidParameter(
                violation: "Value '\(request.retentionInDays)' at 'retentionInDays' failed to satisfy constraint: "
                    + "Member must satisfy enum value set: [\(values)]"
            )
        }
        try await onDisk { try $0.setRetention(days: request.retentionInDays, ofGroup: request.logGroupName) }
    }

    package func deleteRetentionPolicy(_ request: DeleteRetentionPolicyRequest) async throws(LogsError) {
        try await onDisk { try $0.setRetention(days: nil, ofGroup: request.logGroupName) }
    }

    package func describeLogGroups(
        _ request: DescribeLogGroupsRequest
    ) async throws(LogsError) -> DescribeLogGroupsResponse {
        if request.logGroupNamePrefix != nil, request.logGroupNamePattern != nil {
            throw .invalidParameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
        }
        var wanted: Set<String>?
        for identifier in request.logGroupIdentifiers ?? [] {
            wanted = (wanted ?? []).union([try names.group(identifier: identifier)])
        }
        let last = try request.nextToken.map { text throws(LogsError) in try ListToken.last(text) } ?? ""
        let limit = request.limit ?? Self.listedMax
        let names = names
        return try await onDisk { [wanted] store in
            let groups = store.groupList().filter { group in
                group.name > last
                    && (request.logGroupNamePrefix.map { group.name.hasPrefix($0) } ?? true)
                    && (request.logGroupNamePattern.map { $0.isEmpty || group.name.contains($0) } ?? true)
                    && (wanted?.contains(group.name) ?? true)
                    && (request.logGroupClass ?? .standard) == .standard
            }
            let page = groups.prefix(limit)
            return DescribeLogGroupsResponse(
                logGroups: page.map { group in
                    // It may be deleted meanwhile.
                    let streams = (try? store.streamList(ofGroup: group.name)) ?? []
                    return Self.description(of: group, storedBytes: streams.reduce(0) { $0 + $1.storedBytes }, names)
                },
                nextToken: page.count < groups.count ? page.last.map { ListToken.text($0.name) } : nil
            )
        }
    }

    private static func description(of group: GroupMetadata, storedBytes: Int, _ names: LogNames) -> LogGroup {
        LogGroup(
            logGroupName: group.name,
            creationTime: group.creationTime.milliseconds,
            retentionInDays: group.retentionDays,
            metricFilterCount: 0,
            arn: names.arn(ofGroup: group.name) + ":*",
            storedBytes: storedBytes,
            logGroupClass: .standard,
            logGroupArn: names.arn(ofGroup: group.name),
            deletionProtectionEnabled: false
        )
    }

    // MARK: Tags

    package func listTagsForResource(
        _ request: ListTagsForResourceRequest
    ) async throws(LogsError) -> ListTagsForResourceResponse {
        let group = try names.group(resourceARN: request.resourceArn)
        return try await onDisk { ListTagsForResourceResponse(tags: try $0.metadata(ofGroup: group).tags) }
    }

    package func tagResource(_ request: LogsAPI.TagResourceRequest) async throws(LogsError) {
        let group = try names.group(resourceARN: request.resourceArn)
        try await onDisk { store in
            var count = 0
            try store.updateTags(ofGroup: group) { tags in
                let merged = tags.merging(request.tags) { $1 }
                count = merged.count
                if count <= Self.tagsMax { tags = merged }
            }
            guard count <= Self.tagsMax else {
                throw LogsError(
                    .tooManyTagsException,
                    "A log group can have \(Self.tagsMax) tags; it would have \(count)."
                )
            }
        }
    }

    package func untagResource(_ request: LogsAPI.UntagResourceRequest) async throws(LogsError) {
        let group = try names.group(resourceARN: request.resourceArn)
        try await onDisk { store in
            try store.updateTags(ofGroup: group) { tags in
                for key in request.tagKeys { tags[key] = nil }
            }
        }
    }
}
