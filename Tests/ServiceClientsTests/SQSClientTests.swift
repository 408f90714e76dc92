import NIOHTTP1
import Testing

@testable import ServiceClients

struct SQSClientTests {
    private func text(_ request: ServiceRequest) -> String { String(decoding: request.body, as: UTF8.self) }

    @Test func messageIsOneJSONObject() {
        let request = SQSClient.request(
            queueURL: "http://localhost:9324/123456789012/q",
            body: #"{"a":"é"}"#,
            attributes: [
                MessageAttribute("ErrorMessage", type: .string, value: "a \"b\""),
                MessageAttribute("ErrorCode", type: .number, value: "200"),
            ],
            traceHeader: "Root=1-2-3"
        )
        #expect(request.method == .POST)
        #expect(request.path == "/")
        #expect(
            HTTPHeaders(request.headers) == [
                "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage",
                "x-amzn-query-mode": "true",
            ]
        )
        #expect(
            text(request) == #"{"QueueUrl":"http://localhost:9324/123456789012/q","MessageBody":"{\"a\":\"é\"}","#
                + #""MessageAttributes":{"ErrorMessage":{"DataType":"String","StringValue":"a \"b\""},"#
                + #""ErrorCode":{"DataType":"Number","StringValue":"200"}},"#
                + #""MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"Root=1-2-3"}}}"#
        )
    }

    @Test func messageWithoutAttributesHasNone() {
        let request = SQSClient.request(queueURL: "u", body: "b", attributes: [], traceHeader: nil)
        #expect(text(request) == #"{"QueueUrl":"u","MessageBody":"b"}"#)
    }

    @Test func addressOfAQueueIsMadeOfItsARN() throws {
        let arn = "arn:aws:sqs:us-east-1:123456789012:my-queue"
        #expect(try SQSClient.queueURL(arn, at: "https://sqs") == "https://sqs/123456789012/my-queue")
    }

    @Test(
        arguments: [
            "", "my-queue", "arn:aws:sns:us-east-1:123456789012:my-topic", "arn:aws:sqs:us-east-1:123456789012:",
            "arn:aws:sqs:us-east-1::my-queue", "arn:aws:sqs:us-east-1:123456789012:my:queue",
        ]
    )
    func whatIsNoQueueIsRefusedForGood(arn: String) {
        #expect(throws: ServiceError.invalidAddress("'\(arn)' is not the ARN of a queue")) {
            try SQSClient.queueURL(arn, at: "https://sqs")
        }
    }

    @Test(
        arguments: [
            (200, #"{"MessageId":"1","MD5OfMessageBody":"2"}"#, nil),
            (200, "<html>", .unreachable("its answer is not JSON", status: 200)),
            (200, "{}", .unreachable("its answer has no MessageId", status: 200)),
            (
                400, #"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"why"}"#,
                ServiceError(ServiceError.Code("AWS.SimpleQueueService.NonExistentQueue"), "why", status: 400)
            ),
        ] as [(Int, String, ServiceError?)]
    )
    func answerTellsWhetherThereIsAMessage(status: Int, body: String, error: ServiceError?) {
        let headers: HTTPHeaders = ["x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"]
        let answer = ServiceAnswer(status: status, headers: headers, body: Array(body.utf8))
        #expect(failure { () throws(ServiceError) in try SQSClient.check(answer) } == error)
    }
}
