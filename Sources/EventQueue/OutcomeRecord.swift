import LambdaAPI
import MetadataStore

/// What destinations are told of an event that has come to its end. Source: `spec/async-esm.md` section 1, "Destination
/// record".
struct OutcomeRecord: JSONEncodable {
    let event: QueuedEvent
    /// The ARN that the function was invoked by, with a qualifier.
    let functionARN: String
    let condition: EventCondition
    /// The attempts at which the function ran or was not there.
    let invokeCount: Int
    let ending: AttemptResult.Ending
    let time: Timestamp

    func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("version", "1.0")
            writer.member("timestamp", time.zuluText)
            writer.member("requestContext") { writer in
                writer.member("requestId", event.content.requestID.rawValue)
                writer.member("functionArn", functionARN)
                writer.member("condition", condition.rawValue)
                writer.member("approximateInvokeCount", invokeCount)
            }
            writer.member("requestPayload", JSONDocument(event.content.payload))
            if let status = ending.status {
                writer.member("responseContext") { writer in
                    writer.member("statusCode", status)
                    guard case .answered(let answer, let isError) = ending else { return }
                    writer.member("executedVersion", answer.version.rawValue)
                    if isError { writer.member("functionError", "Unhandled") }
                }
            }
            if case .answered(let answer, _) = ending {
                writer.member("responsePayload", JSONDocument(answer.payload))
            }
        }
    }
}

extension AttemptResult.Ending {
    /// The status with which the same invoke would have been answered; nil where nobody tried.
    var status: Int? {
        switch self {
        case .answered: 200
        case .missing: 404
        case .throttled: 429
        case .serviceFailed: 500
        case .looping: 400
        case .stopped, .tooOld, .shutDown: nil
        }
    }
}

/// Bytes that are a JSON document already; what is none, as a function may answer it, becomes a string.
private struct JSONDocument: JSONEncodable {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func encode(to writer: inout JSONWriter) {
        let text = String(decoding: bytes, as: UTF8.self)
        let isJSON = bytes.withUnsafeBytes { (try? JSONSyntax.check($0)) != nil }
        if isJSON { writer.verbatim(text) } else { writer.string(text) }
    }
}
