import FoundationEssentials
import LambdaAPI
import MetadataStore
import ServiceClients

/// A message on its way to a queue, a topic, a bus or a bucket: what the queue keeps of it beside its body.
struct Delivery: Codable, Sendable, Equatable {
    /// What the message is.
    enum Form: Codable, Sendable, Equatable {
        /// The record of an event's end.
        case record(wasSuccess: Bool)
        /// The event itself, with what went wrong.
        case deadLetter(status: Int?, message: String)
    }

    var form: Form
    /// The ARN that the function was invoked by, with a qualifier.
    var functionARN: String
    var functionName: String
    /// When the event came to its end.
    var time: Timestamp

    /// How long a dead letter's error message may be, in bytes.
    static let errorMessageSizeMax = 1024

    /// The attributes of a dead letter's message. Source: `spec/async-esm.md` section 1, "DLQ message".
    func attributes(requestID: RequestID) -> [MessageAttribute] {
        guard case .deadLetter(let status, let message) = form else { return [] }
        var attributes = [MessageAttribute("RequestID", type: .string, value: requestID.rawValue)]
        if let status { attributes.append(MessageAttribute("ErrorCode", type: .number, value: String(status))) }
        // An attribute without a value would have the whole message refused.
        let text = message.isEmpty ? "Unknown error" : message
        attributes.append(MessageAttribute("ErrorMessage", type: .string, value: text))
        return attributes
    }

    /// Where an object with the record is put. Source: the same, "Target".
    func objectKey(requestID: RequestID) -> String {
        let text = time.zuluText
        let day = text.prefix(10)
        let second = text.dropFirst(11).prefix(8).replacing(":", with: ".")
        return "aws/lambda/async/\(functionName)/\(day.replacing("-", with: "/"))/\(day)T\(second)-\(requestID)"
    }

    /// The delivery that an event of a destination's lane is; nil if the store has something else.
    init?(_ event: QueuedEvent) {
        guard let delivery = try? JSONDecoder().decode(Delivery.self, from: Data(event.content.details)) else {
            return nil
        }
        self = delivery
    }

    init(form: Form, functionARN: String, functionName: String, time: Timestamp) {
        self.form = form
        self.functionARN = functionARN
        self.functionName = functionName
        self.time = time
    }

    /// The document that the store keeps.
    var details: [UInt8] { .document(of: self) }
}
