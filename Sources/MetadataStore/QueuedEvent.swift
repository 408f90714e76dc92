package import LambdaAPI

/// An event that was accepted and is not settled yet: a function's invocation, or a message for a destination.
package struct QueuedEvent: Sendable, Equatable {
    /// What stays the same as long as the event is queued.
    package struct Content: Sendable, Equatable {
        /// Names the invocation; the same in each of its attempts.
        package var requestID: RequestID
        /// The qualifier that the function was invoked by; nil if there was none.
        package var qualifier: Qualifier?
        /// The client context as JSON text.
        package var clientContext: String?
        /// The X-Ray trace header as it came.
        package var traceHeader: String
        /// A JSON document of the queue's own; empty for none.
        package var details: [UInt8]
        /// The event, or the message's body.
        package var payload: [UInt8]

        package init(
            requestID: RequestID,
            qualifier: Qualifier? = nil,
            clientContext: String? = nil,
            traceHeader: String = "",
            details: [UInt8] = [],
            payload: [UInt8]
        ) {
            self.requestID = requestID
            self.qualifier = qualifier
            self.clientContext = clientContext
            self.traceHeader = traceHeader
            self.details = details
            self.payload = payload
        }
    }

    package var id: EventID
    package var shard: Int
    package var lane: EventLane
    /// When it was accepted.
    package var accepted: Timestamp
    /// When it is to be tried next.
    package var due: Timestamp
    /// The attempts that came to an end and failed.
    package var attempts: Int
    /// How often it was put off, since the last attempt, because nobody could take it.
    package var deferrals: Int
    package var content: Content

    package init(id: EventID, _ event: NewEvent) {
        self.id = id
        shard = event.shard
        lane = event.lane
        accepted = event.accepted
        due = event.accepted
        attempts = 0
        deferrals = 0
        content = event.content
    }

    /// About how much memory it takes, in bytes.
    package var size: Int { content.payload.count + content.details.count + Self.overhead }

    private static let overhead = 512
}

/// An event that is to be queued; it is due at once.
package struct NewEvent: Sendable, Equatable {
    package var shard: Int
    package var lane: EventLane
    package var accepted: Timestamp
    package var content: QueuedEvent.Content

    package init(shard: Int, lane: EventLane, accepted: Timestamp, content: QueuedEvent.Content) {
        self.shard = shard
        self.lane = lane
        self.accepted = accepted
        self.content = content
    }
}

/// Names a queued event. The store never gives a number twice, and later events have greater ones.
package struct EventID: Hashable, Comparable, Sendable {
    package let rawValue: Int

    package init(_ rawValue: Int) {
        self.rawValue = rawValue
    }

    package static func < (left: EventID, right: EventID) -> Bool { left.rawValue < right.rawValue }
}

/// Whose event it is. Those of one lane are worked off beside those of all others.
package enum EventLane: Hashable, Sendable, CustomStringConvertible {
    /// Invocations of a function.
    case function(FunctionName)
    /// Messages for a destination, by its ARN.
    case destination(String)

    /// The lane as the store writes it.
    package var text: String {
        switch self {
        case .function(let name): "function:\(name)"
        case .destination(let arn): "destination:\(arn)"
        }
    }

    /// Reads what ``text`` has written; nil for anything else.
    package init?(text: String) {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let name = String(text[text.index(after: colon)...])
        switch text[..<colon] {
        case "function": self = .function(FunctionName(name))
        case "destination": self = .destination(name)
        default: return nil
        }
    }

    package var description: String { text }
}
