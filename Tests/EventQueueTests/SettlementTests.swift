import LambdaAPI
import MetadataStore
import Testing

@testable import EventQueue

struct SettlementTests {
    private static let queue = "arn:aws:sqs:us-east-1:000000000000:q"
    private static let topic = "arn:aws:sns:us-east-1:000000000000:t"
    private static let functionARN = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
    private static let both = EventSettings(onSuccess: topic, onFailure: queue, deadLetterTarget: topic)

    private func settlement(
        _ ending: AttemptResult.Ending,
        _ settings: EventSettings = both,
        attempts: Int = 0,
        deferrals: Int = 0,
        at now: Int = 1000
    ) -> Settlement {
        var event = QueuedEvent.test(1, size: 2)
        event.content.payload = Array(#"{"n": 1}"#.utf8)
        event.attempts = attempts
        event.deferrals = deferrals
        return Settlement(
            of: event,
            AttemptResult(ending: ending, settings: settings, traceHeader: "Root=1;Lineage=ab:2"),
            functionARN: Self.functionARN,
            functionName: FunctionName("f"),
            retryDelay: 60_000,
            at: .test(now)
        )
    }

    private static func answered(_ payload: String, isError: Bool) -> AttemptResult.Ending {
        .answered(.init(payload: Array(payload.utf8), version: .latest), isError: isError)
    }

    private struct NoRecord: Error {}

    /// The record that a follower carries, as its reader sees it.
    private func record(_ follower: Settlement.Follower?) throws -> (context: JSONObject, status: Int?) {
        let payload = try #require(follower?.content.payload)
        guard case .object(let record) = try JSONParser.parse(payload) else {
            throw NoRecord()
        }
        let context: JSONObject = try record.required("requestContext")
        let response: JSONObject? = try record.optional("responseContext")
        return (context, try response?.optional("statusCode"))
    }

    /// A follower as it is queued.
    private func event(_ follower: Settlement.Follower) -> QueuedEvent {
        let event = NewEvent(shard: 0, lane: follower.lane, accepted: .test(0), content: follower.content)
        return QueuedEvent(id: EventID(2), event)
    }

    private func delivery(_ follower: Settlement.Follower?) throws -> Delivery {
        let follower = try #require(follower)
        return try #require(Delivery(event(follower)))
    }

    // MARK: What follows

    private static let exhausted = [
        (answered("{}", isError: false), 0, 0, "Success", 1, 200 as Int?),
        (answered("{}", isError: false), 2, 0, "Success", 3, 200),
        (answered("{}", isError: true), 2, 0, "RetriesExhausted", 3, 200),
        (.missing(message: "gone"), 2, 0, "RetriesExhausted", 3, 404),
        (.throttled, 0, 21_600_000, "EventAgeExceeded", 0, 429),
        (.throttled, 2, 21_600_000, "EventAgeExceeded", 2, 429),
        (.serviceFailed(reason: ""), 1, 21_600_000, "EventAgeExceeded", 1, 500),
        (answered("{}", isError: true), 0, 21_600_000, "EventAgeExceeded", 1, 200),
        (.tooOld, 1, 99_999_999, "EventAgeExceeded", 1, nil),
        (.stopped, 0, 0, "ZeroReservedConcurrency", 0, nil),
        (.looping, 0, 0, "RecursiveInvocation", 0, 400),
    ]

    @Test(arguments: exhausted)
    func endIsToldToTheDestinations(
        ending: AttemptResult.Ending,
        attempts: Int,
        now: Int,
        condition: String,
        invokeCount: Int,
        status: Int?
    ) throws {
        let settlement = settlement(ending, attempts: attempts, at: now)
        #expect(settlement.condition?.rawValue == condition && settlement.next == nil)
        let isSuccess = condition == "Success"
        let told = try #require(settlement.followers.first)
        #expect(told.lane == .destination(isSuccess ? Self.topic : Self.queue))
        #expect(told.content.requestID == RequestID("request 1"))
        #expect(told.content.traceHeader == "Root=1;Lineage=ab:2")
        let record = try record(told)
        #expect(try record.context.optional("condition") == condition)
        #expect(try record.context.optional("approximateInvokeCount") == invokeCount)
        #expect(try record.context.optional("functionArn") == Self.functionARN)
        #expect(record.status == status)
        let expected = Delivery(
            form: .record(wasSuccess: isSuccess),
            functionARN: Self.functionARN,
            functionName: "f",
            time: .test(now)
        )
        #expect(try delivery(told) == expected)
        #expect(settlement.followers.count == (isSuccess ? 1 : 2))
        guard !isSuccess else { return }
        let letter = settlement.followers[1]
        #expect(letter.lane == .destination(Self.topic))
        #expect(letter.content.payload == Array(#"{"n": 1}"#.utf8), "a dead letter is the event as it came")
        guard case .deadLetter(status, _) = try delivery(letter).form else {
            Issue.record("\(try delivery(letter).form)")
            return
        }
    }

    @Test(arguments: exhausted)
    func endOfAFunctionWithoutDestinationsIsToldNobody(
        ending: AttemptResult.Ending,
        attempts: Int,
        now: Int,
        condition: String,
        _: Int,
        _: Int?
    ) {
        let settlement = settlement(ending, EventSettings(), attempts: attempts, at: now)
        #expect(settlement.condition?.rawValue == condition && settlement.followers == [])
    }

    @Test(
        arguments: [
            (answered("{}", isError: true), 1, 0, false), (.missing(message: "gone"), 1, 0, false),
            (.throttled, 0, 1, true), (.serviceFailed(reason: "why"), 0, 1, true),
        ] as [(AttemptResult.Ending, Int, Int, Bool)]
    )
    func eventThatIsTriedAgainHasNoFollowers(
        ending: AttemptResult.Ending,
        attempts: Int,
        deferrals: Int,
        wasThrottled: Bool
    ) {
        let settlement = settlement(ending)
        #expect(settlement.condition == nil && settlement.followers == [])
        #expect(settlement.next?.attempts == attempts && settlement.next?.deferrals == deferrals)
        #expect(settlement.wasThrottled == wasThrottled)
    }

    @Test func successAndFailureAreToldApart() {
        var settings = EventSettings(onSuccess: Self.queue)
        #expect(settlement(.stopped, settings).followers == [])
        settings = EventSettings(retriesMax: 0, onFailure: Self.queue)
        #expect(settlement(Self.answered("{}", isError: false), settings).followers == [])
        #expect(settlement(Self.answered("{}", isError: true), settings).followers.count == 1)
        settings = EventSettings(retriesMax: 0, deadLetterTarget: Self.queue)
        #expect(settlement(Self.answered("{}", isError: false), settings).followers == [])
        #expect(settlement(Self.answered("{}", isError: true), settings).followers.count == 1)
    }

    @Test(
        arguments: [
            ("arn:aws:lambda:us-east-1:000000000000:function:g", nil),
            ("arn:aws:lambda:us-east-1:000000000000:function:g:live", "live"),
            ("arn:aws:lambda:us-east-1:000000000000:function:g:$LATEST", "$LATEST"),
        ] as [(String, String?)]
    )
    func functionIsADestinationByBeingInvoked(arn: String, qualifier: String?) throws {
        let settlement = settlement(Self.answered("{}", isError: false), EventSettings(onSuccess: arn))
        let follower = try #require(settlement.followers.first)
        #expect(follower.lane == .g)
        #expect(follower.content.qualifier?.rawValue == qualifier)
        #expect(follower.content.requestID != RequestID("request 1"), "it is an invocation of its own")
        #expect(event(follower).invocationDetails == InvocationDetails(isRecord: true))
        #expect(follower.content.clientContext == nil)
        // Without the lineage, functions that are each other's destinations would go on for ever.
        #expect(follower.content.traceHeader == "Root=1;Lineage=ab:2")
        #expect(try record(follower).context.optional("condition") == "Success")
    }

    // MARK: Dead letters

    @Test(
        arguments: [
            (answered(#"{"errorMessage": "it broke", "errorType": "E"}"#, isError: true), "it broke"),
            (answered(#"{"errorType": "E"}"#, isError: true), #"{"errorType": "E"}"#),
            (answered(#"{"errorMessage": 7}"#, isError: true), #"{"errorMessage": 7}"#),
            (answered("no JSON", isError: true), "no JSON"),
            (answered(#"{"errorMessage": ""}"#, isError: true), ""),
            (.missing(message: "Function not found: f"), "Function not found: f"),
            (.throttled, "Rate Exceeded."),
            (.serviceFailed(reason: "secret"), "An error occurred and the request cannot be processed."),
            (.stopped, "Function not invoked. Function isconfigured with zero reserved concurrent executions"),
            (.looping, "The function was invoked in a recursive loop and the event was dropped."),
            (.tooOld, "The event reached its maximum age."),
        ] as [(AttemptResult.Ending, String)]
    )
    func deadLetterSaysWhatWentWrong(ending: AttemptResult.Ending, message: String) throws {
        let settings = EventSettings(retriesMax: 0, ageSecondsMax: 60, deadLetterTarget: Self.queue)
        let settlement = settlement(ending, settings, at: 60_000)
        guard case .deadLetter(_, message) = try delivery(settlement.followers.first).form else {
            Issue.record("\(settlement)")
            return
        }
    }

    /// Messages around the limit, with a character of several bytes where the cut falls.
    @Test(arguments: [
        (1023, "", 1023), (1024, "", 1024), (1025, "", 1024), (1020, "é🦅", 1022), (1021, "🦅🦅", 1021),
        (1022, "🦅", 1022), (1023, "🦅", 1023), (1020, "🦅", 1024), (1023, "é", 1023), (1022, "é", 1024),
        (1023, "e\u{301}", 1023), (1022, "€", 1022), (2000, "€", 1024),
    ])
    func messageIsCutBetweenCharacters(plain: Int, odd: String, length: Int) throws {
        let text = String(repeating: "x", count: plain) + odd
        let ending = Self.answered(#"{"errorMessage": "\#(text)"}"#, isError: true)
        let settlement = settlement(ending, EventSettings(retriesMax: 0, deadLetterTarget: Self.queue))
        guard case .deadLetter(_, let message) = try delivery(settlement.followers.first).form else { return }
        #expect(message.utf8.count == length)
        #expect(text.utf8.starts(with: message.utf8))
    }
}
