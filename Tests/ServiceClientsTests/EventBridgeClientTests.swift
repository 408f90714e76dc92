import LambdaAPI
import NIOHTTP1
import Testing

@testable import ServiceClients

struct EventBridgeClientTests {
    @Test func eventIsTheOneEntry() {
        let request = EventBridgeClient.request(
            EventBridgeClient.Event(
                busARN: "arn:aws:events:us-east-1:123456789012:event-bus/default",
                source: "lambda",
                detailType: "a type",
                detail: #"{"a":1}"#,
                resources: ["r1", "r2"],
                time: Timestamp(milliseconds: 1_704_067_200_500)
            )
        )
        #expect(request.method == .POST)
        #expect(request.path == "/")
        #expect(
            HTTPHeaders(request.headers) == [
                "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSEvents.PutEvents",
            ]
        )
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == #"{"Entries":[{"Time":1704067200.5,"Source":"lambda","Resources":["r1","r2"],"DetailType":"a type","#
                + #""Detail":"{\"a\":1}","EventBusName":"arn:aws:events:us-east-1:123456789012:event-bus/default"}]}"#
        )
    }

    @Test(
        arguments: [
            (200, #"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#, nil),
            (
                200, #"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"why"}]}"#,
                ServiceError(ServiceError.Code("MalformedDetail"), "why", status: 200)
            ),
            (
                200, #"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure"}]}"#,
                ServiceError(ServiceError.Code("InternalFailure"), "the event failed", status: 200)
            ),
            (
                200, #"{"FailedEntryCount":1,"Entries":[{}]}"#,
                .unreachable("its answer has no EventId", status: 200)
            ),
            (200, "{}", .unreachable("its answer has no EventId", status: 200)),
            (200, "", .unreachable("its answer is not JSON", status: 200)),
            (
                400, #"{"__type":"ResourceNotFoundException","message":"why"}"#,
                ServiceError(ServiceError.Code("ResourceNotFoundException"), "why", status: 400)
            ),
        ] as [(Int, String, ServiceError?)]
    )
    func answerTellsWhetherThereIsAnEvent(status: Int, body: String, error: ServiceError?) {
        #expect(
            failure { () throws(ServiceError) in try EventBridgeClient.check(ServiceAnswer(status, body)) } == error
        )
    }
}
