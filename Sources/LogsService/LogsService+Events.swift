import LambdaAPI
import LogStore
package import LogsAPI

extension LogsService {
    /// The most events of a page, and what it has unless told otherwise.
    private static let eventsMax = 10_000

    package func getLogEvents(_ request: GetLogEventsRequest) async throws(LogsError) -> GetLogEventsResponse {
        let group = try names.group(name: request.logGroupName, identifier: request.logGroupIdentifier)
        let token = try request.nextToken.map { text throws(LogsError) in
            try EventToken(text, stream: request.logStreamName)
        }
        let now = now
        return try await onDisk { store in
            let start = try Self.start(request.startTime, of: store.metadata(ofGroup: group), now: now)
            let end = Timestamp(milliseconds: request.endTime ?? .max)
            let stream = try store.summary(ofStream: request.logStreamName, group: group)
            let isForward = token?.isForward ?? request.startFromHead ?? false
            let query = EventQuery(
                isForward ? .forward(after: token?.position) : .backward(before: token?.position),
                times: start..<max(start, end),
                countMax: request.limit ?? Self.eventsMax
            )
            let page = try store.events(of: [stream], query)
            // Without events the tokens stay where they are, or where the first event would be.
            let here = token?.position ?? EventPosition(timestamp: start, stream: stream.name, segment: 0, offset: 0)
            return GetLogEventsResponse(
                events: page.events.map { event in
                    OutputLogEvent(
                        timestamp: event.timestamp.milliseconds,
                        message: event.text,
                        ingestionTime: event.ingestionTime.milliseconds
                    )
                },
                nextForwardToken: EventToken(isForward: true, position: page.events.last?.position ?? here).text,
                nextBackwardToken: EventToken(isForward: false, position: page.events.first?.position ?? here).text
            )
        }
    }

    package func filterLogEvents(_ request: FilterLogEventsRequest) async throws(LogsError) -> FilterLogEventsResponse {
        let group = try names.group(name: request.logGroupName, identifier: request.logGroupIdentifier)
        if request.logStreamNames != nil, request.logStreamNamePrefix != nil {
            throw .invalidParameter("logStreamNames and logStreamNamePrefix cannot be specified together.")
        }
        let pattern = try FilterPattern(request.filterPattern ?? "")
        let isForward = request.startFromHead ?? true
        let token = try request.nextToken.map { text throws(LogsError) in try EventToken(groupText: text) }
        guard token.map({ $0.isForward == isForward }) ?? true else { throw .invalidToken }
        let now = now
        return try await onDisk { store in
            let start = try Self.start(request.startTime, of: store.metadata(ofGroup: group), now: now)
            // The end is of the range here, other than for GetLogEvents.
            let end = request.endTime.map { $0 == .max ? $0 : $0 + 1 } ?? .max
            let query = EventQuery(
                isForward ? .forward(after: token?.position) : .backward(before: token?.position),
                times: start..<max(start, Timestamp(milliseconds: end)),
                countMax: request.limit ?? Self.eventsMax
            )
            let page = try store.events(of: Self.streams(of: group, request, in: store), query) { event in
                pattern.matches(event.message)
            }
            return FilterLogEventsResponse(
                events: (isForward ? page.events : page.events.reversed()).map(Self.filteredEvent),
                searchedLogStreams: [],
                nextToken: page.isComplete
                    ? nil : page.lastPosition.map { EventToken(isForward: isForward, position: $0).groupText }
            )
        }
    }

    private static func filteredEvent(_ event: StoredEvent) -> FilteredLogEvent {
        FilteredLogEvent(
            logStreamName: event.position.stream,
            timestamp: event.timestamp.milliseconds,
            message: event.text,
            ingestionTime: event.ingestionTime.milliseconds,
            eventId: EventToken.eventID(event.position)
        )
    }

    private static func streams(
        of group: String,
        _ request: FilterLogEventsRequest,
        in store: LogStore
    ) throws(LogStoreError) -> [StreamSummary] {
        if let names = request.logStreamNames {
            var streams: [StreamSummary] = []
            for name in Set(names) { streams.append(try store.summary(ofStream: name, group: group)) }
            return streams
        }
        let streams = try store.streamList(ofGroup: group)
        guard let prefix = request.logStreamNamePrefix else { return streams }
        return streams.filter { $0.name.hasPrefix(prefix) }
    }

    /// The first time of which events are shown: expired ones are not, whether or not their files are still there.
    private static func start(_ requested: Int?, of group: GroupMetadata, now: Timestamp) -> Timestamp {
        let start = Timestamp(milliseconds: requested ?? 0)
        return max(start, group.expiry(at: now) ?? start)
    }

    // MARK: Putting

    package func putLogEvents(_ request: PutLogEventsRequest) async throws(LogsError) -> PutLogEventsResponse {
        try PutRules.check(request.logEvents)
        let now = now
        return try await onDisk { store in
            let group = try store.metadata(ofGroup: request.logGroupName)
            let rules = PutRules(now: now, expiry: group.expiry(at: now))
            let accepted = rules.accepted(request.logEvents)
            let events = request.logEvents[accepted.range].map { event in
                NewLogEvent(timestamp: Timestamp(milliseconds: event.timestamp), message: event.message)
            }
            let batch = RecordBatch(events, ingestedAt: now)
            try store.put(batch, stream: request.logStreamName, group: request.logGroupName)
            return PutLogEventsResponse(
                nextSequenceToken: Self.sequenceToken,
                rejectedLogEventsInfo: accepted.rejected
            )
        }
    }
}

/// Which events a batch may have. Source: the API's reference of PutLogEvents.
struct PutRules {
    private static let batchBytesMax = 1 << 20
    /// What each event counts for beside its message, in bytes.
    private static let eventOverhead = 26
    private static let hour = 3_600_000

    let now: Timestamp
    let expiry: Timestamp?

    /// Throws for a batch that is refused as a whole.
    static func check(_ events: [InputLogEvent]) throws(LogsError) {
        let size = events.reduce(0) { $0 + $1.message.utf8.count + eventOverhead }
        guard size <= batchBytesMax else {
            throw .invalidParameter("Upload too large: \(size) bytes exceeds limit of \(batchBytesMax)")
        }
        guard zip(events, events.dropFirst()).allSatisfy({ $0.timestamp <= $1.timestamp }) else {
            throw .invalidParameter("Log events in a single PutLogEvents request must be in chronological order.")
        }
        guard let first = events.first, let last = events.last, last.timestamp - first.timestamp <= 24 * hour else {
            throw .invalidParameter(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
            )
        }
    }

    /// The events that are stored, and what the answer says of the others.
    func accepted(_ events: [InputLogEvent]) -> (range: Range<Int>, rejected: RejectedLogEventsInfo?) {
        let oldest = now.milliseconds - 14 * 24 * Self.hour
        let expired = events.prefix { event in expiry.map { event.timestamp < $0.milliseconds } ?? false }.count
        let tooOld = events.prefix { $0.timestamp < oldest }.count
        let tooNew = events.firstIndex { $0.timestamp > now.milliseconds + 2 * Self.hour } ?? events.count
        let start = max(expired, tooOld)
        guard start > 0 || tooNew < events.count else { return (0..<events.count, nil) }
        let rejected = RejectedLogEventsInfo(
            tooNewLogEventStartIndex: tooNew < events.count ? tooNew : nil,
            tooOldLogEventEndIndex: tooOld > 0 ? tooOld : nil,
            expiredLogEventEndIndex: expired > 0 ? expired : nil
        )
        return (start..<max(start, tooNew), rejected)
    }
}
