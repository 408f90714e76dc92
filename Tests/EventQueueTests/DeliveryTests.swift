import LambdaAPI
import MetadataStore
import ServiceClients
import Testing

@testable import EventQueue

struct DeliveryTests {
    private let requestID = RequestID("b1c2d3e4-0000-4000-8000-0123456789ab")

    private func delivery(_ form: Delivery.Form, at time: Int = 1_573_755_365_568) -> Delivery {
        Delivery(
            form: form,
            functionARN: "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
            functionName: "f-1_x",
            time: Timestamp(milliseconds: time)
        )
    }

    private func event(details: [UInt8]) -> QueuedEvent {
        let content = QueuedEvent.Content(requestID: requestID, details: details, payload: [])
        return QueuedEvent(
            id: EventID(1),
            NewEvent(shard: 0, lane: .queue, accepted: .test(0), content: content)
        )
    }

    @Test(
        arguments: [
            .record(wasSuccess: true), .record(wasSuccess: false), .deadLetter(status: 429, message: "ü \"quoted\"\n🦅"),
            .deadLetter(status: nil, message: ""),
        ] as [Delivery.Form]
    )
    func deliveryIsReadFromTheStoreAsItWasWritten(form: Delivery.Form) {
        let delivery = delivery(form)
        #expect(Delivery(event(details: delivery.details)) == delivery)
    }

    @Test(arguments: ["", "{}", "[", #"{"form": "x"}"#])
    func whatIsNoDeliveryIsNotRead(details: String) {
        #expect(Delivery(event(details: Array(details.utf8))) == nil)
    }

    @Test func deadLetterHasTheAttributesOfLambdas() {
        let attributes = delivery(.deadLetter(status: 200, message: "it broke")).attributes(requestID: requestID)
        #expect(
            attributes == [
                MessageAttribute("RequestID", type: .string, value: requestID.rawValue),
                MessageAttribute("ErrorCode", type: .number, value: "200"),
                MessageAttribute("ErrorMessage", type: .string, value: "it broke"),
            ]
        )
    }

    @Test func attributeWithoutAValueIsLeftOutOrHasOne() {
        let attributes = delivery(.deadLetter(status: nil, message: "")).attributes(requestID: requestID)
        #expect(attributes.map(\.name) == ["RequestID", "ErrorMessage"])
        #expect(attributes.allSatisfy { !$0.value.isEmpty })
    }

    @Test func recordHasNoAttributes() {
        #expect(delivery(.record(wasSuccess: false)).attributes(requestID: requestID) == [])
    }

    @Test(arguments: [
        (1_573_755_365_568, "2019/11/14/2019-11-14T18.16.05"), (1_704_067_199_999, "2023/12/31/2023-12-31T23.59.59"),
        (1_704_067_200_000, "2024/01/01/2024-01-01T00.00.00"),
    ])
    func objectLiesUnderItsFunctionAndDay(time: Int, path: String) {
        let key = delivery(.record(wasSuccess: false), at: time).objectKey(requestID: requestID)
        #expect(key == "aws/lambda/async/f-1_x/\(path)-b1c2d3e4-0000-4000-8000-0123456789ab")
    }
}
