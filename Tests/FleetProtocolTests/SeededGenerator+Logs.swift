import FleetProtocol
import LambdaAPI
import LogStore
import LogsService
import TestSupport

/// Values of messages about logs.
extension SeededGenerator {
    mutating func time() -> Timestamp { Timestamp(milliseconds: number()) }

    private mutating func optionalTime() -> Timestamp? { flag() ? time() : nil }

    mutating func logGroup() -> LogGroupKey { LogGroupKey(name: text(), registration: optionalText()) }

    private mutating func position(host: UInt64) -> EventPosition {
        EventPosition(timestamp: time(), stream: text(), host: host, segment: number() - 1, offset: number() - 1)
    }

    private mutating func logQuery() -> LogQuery {
        let (one, other) = (time(), time())
        let streams: [LogQuery.Streams] = [.all, .named(list { $0.text() }), .prefixed(text())]
        var query = LogQuery(
            streams.randomElement(using: &self) ?? .all,
            isForward: flag(),
            position: flag() ? position(host: next()) : nil,
            times: min(one, other)..<max(one, other),
            countMax: number()
        )
        query.messageBytesMax = number()
        query.pattern = text()
        return query
    }

    private mutating func streamQuery() -> StreamQuery {
        StreamQuery(
            prefix: optionalText(),
            isByTime: flag(),
            isDescending: flag(),
            last: flag() ? StreamQuery.Key(time: number(), name: text()) : nil,
            countMax: number()
        )
    }

    mutating func logQuestion() -> LogQuestion {
        switch Int.random(in: 0...6, using: &self) {
        case 0: return .events(logGroup(), logQuery())
        case 1: return .streams(logGroup(), streamQuery())
        case 2: return .storedBytes(list { $0.logGroup() })
        case 3: return .createStream(text(), logGroup(), now: time())
        case 4: return .deleteStream(text(), logGroup())
        case 5:
            let entries = LogEntries(list { NewLogEvent(timestamp: $0.time(), message: $0.text()) })
            return .put(entries, stream: text(), logGroup(), now: time())
        default: return .groupsChanged
        }
    }

    mutating func logPage() -> LogPage {
        var page = EventPage()
        page.events = list { random in
            StoredEvent(position: random.position(host: 0), ingestionTime: random.time(), message: random.bytes())
        }
        page.lastPosition = flag() ? position(host: next()) : nil
        page.isComplete = page.lastPosition == nil || flag()
        return LogPage(page, missingStreams: Set(list { $0.text() }))
    }

    mutating func streamPage() -> StreamPage {
        let streams = list { random in
            StreamOverview(
                name: random.text(),
                creationTime: random.time(),
                firstEventTime: random.optionalTime(),
                lastEventTime: random.optionalTime(),
                lastIngestionTime: random.optionalTime()
            )
        }
        return StreamPage(streams, isComplete: flag())
    }

    mutating func logRefusal() -> LogRefusal {
        [.noGroup, .noStream, .streamExists, .failed(text())].randomElement(using: &self) ?? .noGroup
    }
}
