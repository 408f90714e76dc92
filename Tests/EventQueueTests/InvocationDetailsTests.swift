import LambdaAPI
import MetadataStore
import Testing

@testable import EventQueue

struct InvocationDetailsTests {
    private func event(details: [UInt8]) -> QueuedEvent {
        var event = QueuedEvent.test(1)
        event.content.details = details
        return event
    }

    @Test(
        arguments: [
            EventSettings(), EventSettings(retriesMax: 0), EventSettings(ageSecondsMax: 60, onSuccess: "a"),
            EventSettings(retriesMax: 2, ageSecondsMax: 21_600, onSuccess: "a", onFailure: "b", deadLetterTarget: "ü"),
        ],
        [false, true]
    )
    func detailsAreReadFromTheStoreAsTheyWereWritten(settings: EventSettings, isRecord: Bool) {
        let details = InvocationDetails(settings: settings, isRecord: isRecord)
        #expect(event(details: details.document).invocationDetails == details)
    }

    @Test func eventOfWhichThereIsNothingToSayTakesNoRoom() {
        #expect(InvocationDetails().document == [])
        #expect(event(details: []).invocationDetails == InvocationDetails())
    }

    @Test func detailsThatCannotBeReadAreNone() {
        #expect(event(details: Array("no JSON".utf8)).invocationDetails == InvocationDetails())
    }
}
