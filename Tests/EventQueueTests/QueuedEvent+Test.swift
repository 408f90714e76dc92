import LambdaAPI
import MetadataStore

@testable import EventQueue

// What tests of the queue have in common.

extension Timestamp {
    /// So many milliseconds after the tests' beginning, which is 2024-01-01.
    static func test(_ milliseconds: Int) -> Timestamp { Timestamp(milliseconds: 1_704_067_200_000 + milliseconds) }

    static func test(seconds: Int) -> Timestamp { test(seconds * 1000) }

    /// How long after the tests' beginning it is, in milliseconds.
    var sinceTest: Int { milliseconds - Timestamp.test(0).milliseconds }
}

extension EventLane {
    static let f = EventLane.function(FunctionName("f"))
    static let g = EventLane.function(FunctionName("g"))
    static let queue = EventLane.destination("arn:aws:sqs:us-east-1:000000000000:q")
}

extension QueuedEvent {
    /// An event of which nothing matters but what is named.
    static func test(
        _ number: Int,
        _ lane: EventLane = .f,
        in shard: Int = 0,
        at moment: Int = 0,
        size: Int = 0
    ) -> QueuedEvent {
        let content = Content(
            requestID: RequestID("request \(number)"),
            payload: [UInt8](repeating: UInt8(ascii: " "), count: size)
        )
        return QueuedEvent(
            id: EventID(number),
            NewEvent(shard: shard, lane: lane, accepted: .test(moment), content: content)
        )
    }
}

extension EventPage {
    /// A page of events of the lane `f`.
    static func test(_ numbers: [Int], hasMore: Bool = false, nextDue: Int? = nil) -> EventPage {
        EventPage(events: numbers.map { .test($0) }, hasMore: hasMore, nextDue: nextDue.map { .test($0) })
    }
}
