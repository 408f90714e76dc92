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
        let metadata = try await archive.group(group)
        let start = start(request.startTime, of: metadata)
        let end = Timestamp(milliseconds: request.endTime ?? .max)
        let query = LogQuery(
            .named([request.logStreamName]),
            isForward: token?.isForward ?? request.startFromHead ?? false,
            position: token?.position,
            times: start..<max(start, end),
            countMax: request.limit ?? Self.eventsMax
        )
        let page = try await archive.events(of: metadata.key, query)
        guard page.missingStreams.isEmpty else { throw .streamNotFound }
        let events = page.events.events
        // Without events the tokens stay where they are, or where the first event would be.
        let here =
            token?.position
            ?? EventPosition(timestamp: start, stream: request.logStreamName, segment: 0, offset: 0)
        return GetLogEventsResponse(
            events: events.map { event in
                OutputLogEvent(
                    timestamp: event.timestamp.milliseconds,
                    message: event.text,
                    ingestionTime: event.ingestionTime.milliseconds
                )
            },
            nextForwardToken: EventToken(isForward: true, position: events.last?.position ?? here).text,
            nextBackwardToken: EventToken(isForward: false, position: events.first?.position ?? here).text
        )
    }

    package func filterLogEvents(_ request: FilterLogEventsRequest) async throws(LogsError) -> FilterLogEventsResponse {
        let group = try names.group(name: request.logGroupName, identifier: request.logGroupIdentifier)
        if request.logStreamNames != nil, request.logStreamNamePrefix != nil {
            throw .invalidParameter("logStreamNames and logStreamNamePrefix cannot be specified together.")
        }
        _ = try FilterPattern(request.filterPattern ?? "")
        let isForward = request.startFromHead ?? true
        let token = try request.nextToken.map { text throws(LogsError) in try EventToken(groupText: text) }
        guard token.map({ $0.isForward == isForward }) ?? true else { throw .invalidToken }
        let metadata = try await archive.group(group)
        let start = start(request.startTime, of: metadata)
        // The end is of the range here, other than for GetLogEvents.
        let end = request.endTime.map { $0 == .max ? $0 : $0 + 1 } ?? .max
        var query = LogQuery(
            Self.streams(of: request),
            isForward: isForward,
            position: token?.position,
            times: start..<max(start, Timestamp(milliseconds: end)),
            countMax: request.limit ?? Self.eventsMax
        )
        query.pattern = request.filterPattern ?? ""
        let found = try await archive.events(of: metadata.key, query)
        guard found.missingStreams.isEmpty else { throw .streamNotFound }
        let page = found.events
        return FilterLogEventsResponse(
            events: (isForward ? page.events : page.events.reversed()).map(Self.filteredEvent),
            searchedLogStreams: [],
            nextToken: page.isComplete
                ? nil : page.lastPosition.map { EventToken(isForward: isForward, position: $0).groupText }
        )
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

    private static func streams(of request: FilterLogEventsRequest) -> LogQuery.Streams {
        if let names = request.logStreamNames { return .named(names) }
        return request.logStreamNamePrefix.map { .prefixed($0) } ?? .all
    }

    /// The first time of which events are shown: expired ones are not, whether or not their files are still there.
    private func start(_ requested: Int?, of group: GroupMetadata) -> Timestamp {
        let start = Timestamp(milliseconds: requested ?? 0)
        return max(start, group.expiry(at: now) ?? start)
    }

    // MARK: Putting

    package func putLogEvents(_ request: PutLogEventsRequest) async throws(LogsError) -> PutLogEventsResponse {
        try PutRules.check(request.logEvents)
        let now = now
        let group = try await archive.group(request.logGroupName)
        let accepted = PutRules(now: now, expiry: group.expiry(at: now)).accepted(request.logEvents)
        let events = request.logEvents[accepted.range].map { event in
            NewLogEvent(timestamp: Timestamp(milliseconds: event.timestamp), message: event.message)
        }
        try await archive.put(events, stream: request.logStreamName, in: group.key, now: now)
        return PutLogEventsResponse(nextSequenceToken: Self.sequenceToken, rejectedLogEventsInfo: accepted.rejected)
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
