import LambdaAPI
import NIOCore

/// The body of a request to register an extension. Source: `spec/runtime-api.md` section 2.
struct ExtensionRegistration {
    /// Why a body is refused.
    struct FormatError: Error {
        let message: String
    }

    /// What the extension wants to be told of, unchecked.
    let events: [String]

    init(_ body: ByteBuffer) throws(FormatError) {
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONParser.parse(Array(buffer: body))
        } catch {
            throw FormatError(message: error.description)
        }
        guard case .object(let object) = value else {
            throw FormatError(message: "the body must be a JSON object")
        }
        if case .array(let keys) = object["configurationKeys"], !keys.isEmpty {
            throw FormatError(message: "configurationKeys are deprecated; use environment variables instead")
        }
        switch object["events"] {
        case nil:
            events = []
        case .array(let values):
            var events: [String] = []
            for value in values {
                guard case .string(let text) = value else {
                    throw FormatError(message: "events must be strings")
                }
                events.append(text.string)
            }
            self.events = events
        default:
            throw FormatError(message: "events must be an array")
        }
    }
}
