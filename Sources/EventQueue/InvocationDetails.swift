import FoundationEssentials
import MetadataStore

/// What the queue keeps of a function's event beside what each has.
struct InvocationDetails: Codable, Sendable, Equatable {
    /// The function's settings when the event was accepted, for the case that it is deleted before.
    var settings = EventSettings()
    /// Whether the event is the record of another's end, for which the function is the destination.
    var isRecord = false

    /// The document that the store keeps; empty for an event of which there is nothing to say.
    var document: [UInt8] { self == InvocationDetails() ? [] : .document(of: self) }
}

extension QueuedEvent {
    /// The details of a function's event.
    var invocationDetails: InvocationDetails {
        guard !content.details.isEmpty else { return InvocationDetails() }
        return (try? JSONDecoder().decode(InvocationDetails.self, from: Data(content.details))) ?? InvocationDetails()
    }
}

extension [UInt8] {
    /// The JSON of a value that consists of texts and numbers.
    static func document(of value: some Encodable) -> [UInt8] {
        guard let document = try? JSONEncoder().encode(value) else {
            preconditionFailure("texts and numbers can be written as JSON")
        }
        return Array(document)
    }
}
