package import LambdaAPI
package import LogStore
package import LogsAPI

/// Where logs are: in the store of this host, or on all workers of a fleet.
///
/// Errors are those that clients see; what is beyond the API's words is in their causes.
package protocol LogArchive: Sendable {
    // MARK: Groups

    /// At most so many groups in the order of their names, from the first one after a name.
    func groups(after name: String, limit: Int) async throws(LogsError) -> [GroupMetadata]

    /// A group of which only the name is known; throws `groupNotFound`.
    func group(_ name: String) async throws(LogsError) -> GroupMetadata

    /// How large each group is, in bytes, as far as it can be told.
    func storedBytes(of groups: [LogGroupKey]) async throws(LogsError) -> [LogGroupKey: Int]

    /// Makes a group; throws `groupExists`.
    func createGroup(_ name: String, tags: [String: String], now: Timestamp) async throws(LogsError)

    /// Removes a group with all that is in it; throws `groupNotFound`.
    func deleteGroup(_ name: String) async throws(LogsError)

    /// Changes what is kept about a group; throws `groupNotFound`, and what the change throws, which may be run more than once.
    func updateGroup(
        _ name: String,
        _ change: @escaping @Sendable (inout GroupMetadata) throws(LogsError) -> Void
    ) async throws(LogsError)

    // MARK: Streams

    /// Some streams of a group.
    func streams(of group: LogGroupKey, _ query: StreamQuery) async throws(LogsError) -> StreamPage

    /// Makes a stream; throws `streamExists`.
    func createStream(_ name: String, in group: LogGroupKey, now: Timestamp) async throws(LogsError)

    /// Removes a stream; throws `streamNotFound`.
    func deleteStream(_ name: String, in group: LogGroupKey) async throws(LogsError)

    // MARK: Events

    /// Some events of a group. The pattern must be one.
    func events(of group: LogGroupKey, _ query: LogQuery) async throws(LogsError) -> LogPage

    /// Stores events; throws `streamNotFound`.
    func put(
        _ events: [NewLogEvent],
        stream: String,
        in group: LogGroupKey,
        now: Timestamp
    ) async throws(LogsError)
}

/// Which events of a group are wanted, and how many at once.
package struct LogQuery: Sendable, Hashable {
    /// Those of which streams.
    package enum Streams: Sendable, Hashable {
        case all
        case named([String])
        case prefixed(String)
    }

    package var streams: Streams
    /// From the first to the last, or the other way.
    package var isForward: Bool
    /// After, or before, which event; nil for the first page.
    package var position: EventPosition?
    /// The times of events that are wanted; the end is not.
    package var times: Range<Timestamp>
    /// The most events of a page.
    package var countMax: Int
    /// How large the messages of a page may be together, in bytes. One event is returned whatever its size.
    package var messageBytesMax = 1 << 20
    /// What the messages match; see ``FilterPattern``.
    package var pattern = ""

    package init(
        _ streams: Streams,
        isForward: Bool,
        position: EventPosition? = nil,
        times: Range<Timestamp>,
        countMax: Int
    ) {
        self.streams = streams
        self.isForward = isForward
        self.position = position
        self.times = times
        self.countMax = countMax
    }
}

/// Some events, and which of the streams that were named are not there.
package struct LogPage: Sendable, Equatable {
    package var events: EventPage
    package var missingStreams: Set<String>

    package init(_ events: EventPage, missingStreams: Set<String> = []) {
        self.events = events
        self.missingStreams = missingStreams
    }
}

/// Which streams of a group are wanted, and how many at once.
package struct StreamQuery: Sendable, Hashable {
    /// What streams are listed by.
    package struct Key: Sendable, Hashable, Comparable {
        /// Zero when they go by name only.
        package let time: Int
        package let name: String

        package init(time: Int, name: String) {
            self.time = time
            self.name = name
        }

        package static func < (left: Key, right: Key) -> Bool {
            (left.time, left.name) < (right.time, right.name)
        }
    }

    package var prefix: String?
    /// By the time of the last event, or else by name.
    package var isByTime: Bool
    package var isDescending: Bool
    /// Where the page before has ended; nil for the first.
    package var last: Key?
    package var countMax: Int

    package init(prefix: String? = nil, isByTime: Bool, isDescending: Bool, last: Key? = nil, countMax: Int) {
        self.prefix = prefix
        self.isByTime = isByTime
        self.isDescending = isDescending
        self.last = last
        self.countMax = countMax
    }
}

/// Some streams, in the order that was asked for.
package struct StreamPage: Sendable, Equatable {
    package var streams: [StreamOverview]
    /// Whether there are no more behind them.
    package var isComplete: Bool

    package init(_ streams: [StreamOverview], isComplete: Bool) {
        self.streams = streams
        self.isComplete = isComplete
    }
}

/// A stream as it was at one moment, for whoever cannot read its files.
package struct StreamOverview: Sendable, Hashable {
    package var name: String
    package var creationTime: Timestamp
    /// Nil, as the next two, when the stream has no events.
    package var firstEventTime: Timestamp?
    package var lastEventTime: Timestamp?
    package var lastIngestionTime: Timestamp?

    package init(
        name: String,
        creationTime: Timestamp,
        firstEventTime: Timestamp? = nil,
        lastEventTime: Timestamp? = nil,
        lastIngestionTime: Timestamp? = nil
    ) {
        self.name = name
        self.creationTime = creationTime
        self.firstEventTime = firstEventTime
        self.lastEventTime = lastEventTime
        self.lastIngestionTime = lastIngestionTime
    }
}
