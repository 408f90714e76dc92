import LambdaAPI
import MetadataStore
import Testing

@testable import EventQueue

struct OutcomeRecordTests {
    private func text(
        _ ending: AttemptResult.Ending,
        _ condition: EventCondition = .retriesExhausted,
        count: Int = 3,
        payload: String = #"{"key": "välue", "list" : [1.50, null]}"#
    ) -> String {
        let content = QueuedEvent.Content(
            requestID: RequestID("b1c2d3e4-0000-4000-8000-0123456789ab"),
            payload: Array(payload.utf8)
        )
        let record = OutcomeRecord(
            event: QueuedEvent(id: EventID(1), NewEvent(shard: 0, lane: .f, accepted: .test(0), content: content)),
            functionARN: "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
            condition: condition,
            invokeCount: count,
            ending: ending,
            time: Timestamp(milliseconds: 1_573_755_365_568)
        )
        return String(decoding: JSONWriter.bytes(of: record), as: UTF8.self)
    }

    private func answered(_ payload: String, isError: Bool = false) -> AttemptResult.Ending {
        .answered(.init(payload: Array(payload.utf8), version: FunctionVersion("7")), isError: isError)
    }

    /// As AWS has it, to the byte: the order of its members too.
    @Test func recordOfAFailureIsAsAWSWritesIt() {
        let record = text(answered(#"{"errorMessage":"no","errorType":"E"}"#, isError: true))
        #expect(
            record == """
                {"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":\
                {"requestId":"b1c2d3e4-0000-4000-8000-0123456789ab",\
                "functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",\
                "condition":"RetriesExhausted","approximateInvokeCount":3},\
                "requestPayload":{"key": "välue", "list" : [1.50, null]},\
                "responseContext":{"statusCode":200,"executedVersion":"7","functionError":"Unhandled"},\
                "responsePayload":{"errorMessage":"no","errorType":"E"}}
                """
        )
    }

    @Test func recordOfASuccessNamesNoError() {
        let record = text(answered("[1, 2]"), .success, count: 1, payload: "null")
        #expect(record.contains(#""condition":"Success","approximateInvokeCount":1},"requestPayload":null,"#))
        let context = #""responseContext":{"statusCode":200,"executedVersion":"7"},"responsePayload":[1, 2]}"#
        #expect(record.hasSuffix(context))
    }

    /// What the record has behind the payload that was sent.
    @Test(
        arguments: [
            (.throttled, .eventAgeExceeded, #","responseContext":{"statusCode":429}}"#),
            (.serviceFailed(reason: "secret"), .eventAgeExceeded, #","responseContext":{"statusCode":500}}"#),
            (.missing(message: "gone"), .retriesExhausted, #","responseContext":{"statusCode":404}}"#),
            (.looping, .recursiveInvocation, #","responseContext":{"statusCode":400}}"#),
            (.stopped, .zeroReservedConcurrency, "}"), (.tooOld, .eventAgeExceeded, "}"),
        ] as [(AttemptResult.Ending, EventCondition, String)]
    )
    func recordOfWhatNeverRanHasNoResponse(ending: AttemptResult.Ending, condition: EventCondition, rest: String) {
        let record = text(ending, condition, count: 0, payload: "{}")
        #expect(record.contains(#""condition":"\#(condition.rawValue)","approximateInvokeCount":0}"#))
        #expect(record.hasSuffix(#","requestPayload":{}"# + rest))
    }

    /// Functions may answer anything, and the record must stay JSON whatever it is.
    @Test(arguments: [
        ("plain \"text\"\n", #""plain \"text\"\n""#), ("", #""""#), ("{", #""{""#), ("1 2", #""1 2""#),
        ("\u{0}", #""\u0000""#), (#""ü""#, #""ü""#), (" 17 ", " 17 "),
    ])
    func responseThatIsNotJSONIsAString(payload: String, written: String) throws {
        let record = text(answered(payload))
        #expect(record.hasSuffix(#","responsePayload":\#(written)}"#), "\(record)")
        _ = try JSONParser.parse(Array(record.utf8))
    }

    @Test func bytesThatAreNoTextAreReplaced() throws {
        let answer = AttemptResult.Answer(payload: [0x22, 0xFF, 0x22], version: .latest)
        let record = text(.answered(answer, isError: false))
        _ = try JSONParser.parse(Array(record.utf8))
        #expect(record.contains("\u{FFFD}"))
    }
}
