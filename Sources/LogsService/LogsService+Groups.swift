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
    /// How many groups are looked through at once.
    private static let groupsReadMax = 1000

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
        try await archive.createGroup(request.logGroupName, tags: request.tags ?? [:], now: now)
    }

    package func deleteLogGroup(_ request: DeleteLogGroupRequest) async throws(LogsError) {
        try await archive.deleteGroup(request.logGroupName)
    }

    package func putRetentionPolicy(_ request: PutRetentionPolicyRequest) async throws(LogsError) {
        guard Self.retentionDays.contains(request.retentionInDays) else {
            let values = Self.retentionDays.map(String.init).joined(separator: ", ")
            throw .invalidParameter(
                violation: "Value '\(request.retentionInDays)' at 'retentionInDays' failed to satisfy constraint: "
                    + "Member must satisfy enum value set: [\(values)]"
            )
        }
        try await archive.updateGroup(request.logGroupName) { $0.retentionDays = request.retentionInDays }
    }

    package func deleteRetentionPolicy(_ request: DeleteRetentionPolicyRequest) async throws(LogsError) {
        try await archive.updateGroup(request.logGroupName) { $0.retentionDays = nil }
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
        // One more than the page has tells whether another follows.
        let found = try await groups(after: last, limit: limit + 1) { group in
            (request.logGroupNamePrefix.map { group.name.hasPrefix($0) } ?? true)
                && (request.logGroupNamePattern.map { $0.isEmpty || group.name.contains($0) } ?? true)
                && (wanted?.contains(group.name) ?? true)
                && (request.logGroupClass ?? .standard) == .standard
        }
        let page = found.prefix(limit)
        let sizes = try await archive.storedBytes(of: page.map(\.key))
        return DescribeLogGroupsResponse(
            logGroups: page.map { Self.description(of: $0, storedBytes: sizes[$0.key] ?? 0, names) },
            nextToken: page.count < found.count ? page.last.map { ListToken.text($0.name) } : nil
        )
    }

    /// The first groups after a name that are wanted.
    private func groups(
        after name: String,
        limit: Int,
        isWanted: (GroupMetadata) -> Bool
    ) async throws(LogsError) -> [GroupMetadata] {
        var found: [GroupMetadata] = []
        var last = name
        while found.count < limit {
            let groups = try await archive.groups(after: last, limit: Self.groupsReadMax)
            found += groups.filter(isWanted)
            guard groups.count == Self.groupsReadMax, let end = groups.last else { break }
            last = end.name
        }
        return Array(found.prefix(limit))
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
        return ListTagsForResourceResponse(tags: try await archive.group(group).tags)
    }

    package func tagResource(_ request: LogsAPI.TagResourceRequest) async throws(LogsError) {
        let group = try names.group(resourceARN: request.resourceArn)
        try await archive.updateGroup(group) { metadata throws(LogsError) in
            let tags = metadata.tags.merging(request.tags) { $1 }
            guard tags.count <= Self.tagsMax else {
                throw LogsError(
                    .tooManyTagsException,
                    "A log group can have \(Self.tagsMax) tags; it would have \(tags.count)."
                )
            }
            metadata.tags = tags
        }
    }

    package func untagResource(_ request: LogsAPI.UntagResourceRequest) async throws(LogsError) {
        let group = try names.group(resourceARN: request.resourceArn)
        try await archive.updateGroup(group) { metadata in
            for key in request.tagKeys { metadata.tags[key] = nil }
        }
    }
}
