import NIOHTTP1
import Testing

@testable import ServiceClients

struct SNSClientTests {
    @Test func messageIsAForm() {
        let request = SNSClient.request(
            topicARN: "arn:aws:sns:us-east-1:123456789012:t",
            message: "é <&=+ %",
            attributes: [
                MessageAttribute("a", type: .string, value: "b c"), MessageAttribute("n", type: .number, value: "200"),
            ]
        )
        #expect(request.method == .POST)
        #expect(request.path == "/")
        #expect(
            HTTPHeaders(request.headers) == ["Content-Type": "application/x-www-form-urlencoded; charset=utf-8"]
        )
        let fields = [
            "Action=Publish", "Version=2010-03-31", "TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3At",
            "Message=%C3%A9%20%3C%26%3D%2B%20%25", "MessageAttributes.entry.1.Name=a",
            "MessageAttributes.entry.1.Value.DataType=String", "MessageAttributes.entry.1.Value.StringValue=b%20c",
            "MessageAttributes.entry.2.Name=n", "MessageAttributes.entry.2.Value.DataType=Number",
            "MessageAttributes.entry.2.Value.StringValue=200",
        ]
        #expect(String(decoding: request.body, as: UTF8.self) == fields.joined(separator: "&"))
    }

    @Test(
        arguments: [
            (
                200,
                "<PublishResponse xmlns='n'><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>",
                nil
            ),
            (200, "<html>", .unreachable("its answer has no MessageId", status: 200)),
            (200, "{\"MessageId\":\"1\"}", .unreachable("its answer has no MessageId", status: 200)),
            (
                404, "<ErrorResponse><Error><Code>NotFound</Code><Message>why</Message></Error></ErrorResponse>",
                ServiceError(ServiceError.Code("NotFound"), "why", status: 404)
            ),
            (502, "<html>", ServiceError(.unreachable, "it answered with the status 502", status: 502)),
        ] as [(Int, String, ServiceError?)]
    )
    func answerTellsWhetherThereIsAMessage(status: Int, body: String, error: ServiceError?) {
        #expect(failure { () throws(ServiceError) in try SNSClient.check(ServiceAnswer(status, body)) } == error)
    }
}
