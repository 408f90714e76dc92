import LambdaAPI
import LogStore
package import LogsAPI

extension LogsService {
    package func createLogStream(_ request: CreateLogStreamRequest) async throws(LogsError) {
        let now = now
        try await onDisk { try $0.createStream(request.logStreamName, group: request.logGroupName, now: now) }
    }

    package func deleteLogStream(_ request: DeleteLogStreamRequest) async throws(LogsError) {
        try await onDisk { try $0.deleteStream(request.logStreamName, group: request.logGroupName) }
    }

    package func describeLogStreams(
        _ request: DescribeLogStreamsRequest
    ) async throws(LogsError) -> DescribeLogStreamsResponse {
        let group = try names.group(name: request.logGroupName, identifier: request.logGroupIdentifier)
        let isByTime = request.orderBy == .lastEventTime
        if isByTime, request.logStreamNamePrefix != nil {
            throw .invalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
        }
        let isDescending = request.descending ?? false
        let last = try request.nextToken.map { text throws(LogsError) in try StreamKey(token: text, isByTime: isByTime)
        }
        let limit = request.limit ?? Self.listedMax
        let names = names
        return try await onDisk { store in
            let streams = try store.streamList(ofGroup: group)
                .filter { stream in request.logStreamNamePrefix.map { stream.name.hasPrefix($0) } ?? true }
                .map { (key: StreamKey($0, isByTime: isByTime), stream: $0) }
                .filter { entry in last.map { isDescending ? entry.key < $0 : entry.key > $0 } ?? true }
                .sorted { isDescending ? $0.key > $1.key : $0.key < $1.key }
            let page = streams.prefix(limit)
            return DescribeLogStreamsResponse(
                logStreams: page.map { Self.description(of: $0.stream, names) },
                nextToken: page.count < streams.count ? page.last?.key.token : nil
            )
        }
    }

    private static func description(of stream: StreamSummary, _ names: LogNames) -> LogStream {
        LogStream(
            logStreamName: stream.name,
            creationTime: stream.creationTime.milliseconds,
            firstEventTimestamp: stream.firstEventTime?.milliseconds,
            lastEventTimestamp: stream.lastEventTime?.milliseconds,
            lastIngestionTime: stream.lastIngestionTime?.milliseconds,
            uploadSequenceToken: sequenceToken,
            arn: names.arn(ofStream: stream.name, group: stream.group),
            // Always zero at AWS, too.
            storedBytes: 0
        )
    }

    /// What old clients send back with the next batch; nothing depends on it any more.
    static let sequenceToken = String(repeating: "4", count: 56)
}

/// What streams are listed by.
private struct StreamKey: Comparable {
    /// Zero when they go by name only.
    let time: Int
    let name: String

    init(_ stream: StreamSummary, isByTime: Bool) {
        time = isByTime ? (stream.lastEventTime ?? stream.creationTime).milliseconds : 0
        name = stream.name
    }

    var token: String { ListToken.text("\(time)/\(name)") }

    init(token: String, isByTime: Bool) throws(LogsError) {
        let text = try ListToken.last(token)
        guard let slash = text.firstIndex(of: "/"), let time = Int(text[..<slash]), isByTime || time == 0 else {
            throw .invalidToken
        }
        self.time = time
        name = String(text[text.index(after: slash)...])
    }

    static func < (left: StreamKey, right: StreamKey) -> Bool {
        (left.time, left.name) < (right.time, right.name)
    }
}
