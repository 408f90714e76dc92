package import LogStore
package import LogsService

/// Pages of several hosts made one, which is what a single store with all of their events would have answered, or less of it.
///
/// A host that has not come to its end says up to where it has looked. Beyond the nearest such place nothing is known of that host,
/// so the page ends there, and the next one begins there for all of them.
package struct LogPageMerge {
    private let query: LogQuery
    private var events: [StoredEvent] = []
    /// Up to where all hosts have looked; nil if all have come to their ends.
    private var horizon: EventPosition?

    /// - Parameter query: What each host was asked, but for the position, which each calls in its own way.
    package init(_ query: LogQuery) {
        self.query = query
    }

    /// Takes up the page of a host, by the host's number.
    package mutating func add(_ page: EventPage, of host: UInt64) {
        events += page.events.map { event in
            StoredEvent(
                position: event.position.on(host: host),
                ingestionTime: event.ingestionTime,
                message: event.message
            )
        }
        guard !page.isComplete, let last = page.lastPosition?.on(host: host) else { return }
        horizon = horizon.map { isBefore(last, $0) ? last : $0 } ?? last
    }

    private func isBefore(_ left: EventPosition, _ right: EventPosition) -> Bool {
        query.isForward ? left < right : right < left
    }

    /// The page, in the order of positions.
    package var page: EventPage {
        let known = events.filter { event in horizon.map { !isBefore($0, event.position) } ?? true }
            .sorted { isBefore($0.position, $1.position) }
        var page = EventPage()
        var messageBytes = 0
        for event in known.prefix(query.countMax) {
            messageBytes += event.message.count
            guard page.events.isEmpty || messageBytes <= query.messageBytesMax else { break }
            page.events.append(event)
        }
        let isCut = page.events.count < known.count
        page.lastPosition = isCut ? page.events.last?.position : horizon ?? page.events.last?.position
        page.isComplete = !isCut && horizon == nil
        if !query.isForward { page.events.reverse() }
        return page
    }
}

/// The same for lists of streams.
package struct StreamPageMerge {
    private let query: StreamQuery
    private var streams: [String: StreamOverview] = [:]
    private var horizon: StreamQuery.Key?

    package init(_ query: StreamQuery) {
        self.query = query
    }

    /// Takes up the page of a host.
    package mutating func add(_ page: StreamPage) {
        for stream in page.streams {
            streams[stream.name] = streams[stream.name].map { $0.joined(with: stream) } ?? stream
        }
        guard !page.isComplete, let last = page.streams.last.map({ query.key(of: $0) }) else { return }
        horizon = horizon.map { isBefore(last, $0) ? last : $0 } ?? last
    }

    private func isBefore(_ left: StreamQuery.Key, _ right: StreamQuery.Key) -> Bool {
        query.isDescending ? right < left : left < right
    }

    /// The page, in the order that was asked for.
    package var page: StreamPage {
        let known = streams.values.filter { stream in
            horizon.map { !isBefore($0, query.key(of: stream)) } ?? true
        }
        var page = query.page(of: known)
        page.isComplete = page.isComplete && horizon == nil
        return page
    }
}

extension StreamOverview {
    /// What two hosts have of one stream.
    fileprivate func joined(with other: StreamOverview) -> StreamOverview {
        StreamOverview(
            name: name,
            creationTime: min(creationTime, other.creationTime),
            firstEventTime: [firstEventTime, other.firstEventTime].compactMap { $0 }.min(),
            lastEventTime: [lastEventTime, other.lastEventTime].compactMap { $0 }.max(),
            lastIngestionTime: [lastIngestionTime, other.lastIngestionTime].compactMap { $0 }.max()
        )
    }
}
