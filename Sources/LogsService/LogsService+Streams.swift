import LambdaAPI
import LogStore
package import LogsAPI

extension LogsService {
    package func createLogStream(_ request: CreateLogStreamRequest) async throws(LogsError) {
        let group = try await archive.group(request.logGroupName)
        try await archive.createStream(request.logStreamName, in: group.key, now: now)
    }

    package func deleteLogStream(_ request: DeleteLogStreamRequest) async throws(LogsError) {
        let group = try await archive.group(request.logGroupName)
        try await archive.deleteStream(request.logStreamName, in: group.key)
    }

    package func describeLogStreams(
        _ request: DescribeLogStreamsRequest
    ) async throws(LogsError) -> DescribeLogStreamsResponse {
        let group = try names.group(name: request.logGroupName, identifier: request.logGroupIdentifier)
        let isByTime = request.orderBy == .lastEventTime
        if isByTime, request.logStreamNamePrefix != nil {
            throw .invalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
        }
        let query = StreamQuery(
            prefix: request.logStreamNamePrefix,
            isByTime: isByTime,
            isDescending: request.descending ?? false,
            last: try request.nextToken.map { text throws(LogsError) in
                try StreamQuery.Key(token: text, isByTime: isByTime)
            },
            countMax: request.limit ?? Self.listedMax
        )
        let page = try await archive.streams(of: archive.group(group).key, query)
        return DescribeLogStreamsResponse(
            logStreams: page.streams.map { description(of: $0, group: group) },
            nextToken: page.isComplete ? nil : page.streams.last.map { query.key(of: $0).token }
        )
    }

    private func description(of stream: StreamOverview, group: String) -> LogStream {
        LogStream(
            logStreamName: stream.name,
            creationTime: stream.creationTime.milliseconds,
            firstEventTimestamp: stream.firstEventTime?.milliseconds,
            lastEventTimestamp: stream.lastEventTime?.milliseconds,
            lastIngestionTime: stream.lastIngestionTime?.milliseconds,
            uploadSequenceToken: Self.sequenceToken,
            arn: names.arn(ofStream: stream.name, group: group),
            // Always zero at AWS, too.
            storedBytes: 0
        )
    }

    /// What old clients send back with the next batch; nothing depends on it any more.
    static let sequenceToken = String(repeating: "4", count: 56)
}

extension StreamQuery.Key {
    fileprivate var token: String { ListToken.text("\(time)/\(name)") }

    fileprivate init(token: String, isByTime: Bool) throws(LogsError) {
        let text = try ListToken.last(token)
        guard let slash = text.firstIndex(of: "/"), let time = Int(text[..<slash]), isByTime || time == 0 else {
            throw .invalidToken
        }
        self.init(time: time, name: String(text[text.index(after: slash)...]))
    }
}
