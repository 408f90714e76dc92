import LambdaAPI
import NIOHTTP1

/// What the body of a refusal tells, as far as it is one that a service writes.
package struct ErrorDocument: Hashable, Sendable {
    /// The service's own name for the error.
    package let code: String?
    /// The service's own text.
    package let message: String?
}

extension ErrorDocument {
    /// Reads a refusal in the form that it has: there are servers that refuse a signature in XML, whatever the service
    /// speaks.
    init(_ answer: ServiceAnswer) {
        if answer.body.first == UInt8(ascii: "{") {
            self.init(json: answer.body, queryError: answer.headers.first(name: "x-amzn-query-error"))
        } else {
            self.init(xml: answer.body)
        }
    }

    /// Reads the XML of S3, or of the Query protocol, which puts the same element into another.
    package init(xml document: some Sequence<UInt8>) {
        let fields = XMLFields(of: "Error", in: document)
        self.init(code: fields["Code"], message: fields["Message"])
    }

    /// Reads the JSON of the JSON protocol, such as `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":""}`.
    ///
    /// - Parameter queryError: The header `x-amzn-query-error`, in which a service that once spoke the Query protocol
    ///   gives the error the name that it had there: `AWS.SimpleQueueService.NonExistentQueue;Sender`.
    init(json document: [UInt8], queryError: String?) {
        guard case .object(let object)? = try? JSONParser.parse(document) else {
            self.init(code: nil, message: nil)
            return
        }
        let type: String? = try? object.optional("__type")
        let lower: String? = try? object.optional("message")
        let upper: String? = try? object.optional("Message")
        self.init(
            code: queryError.flatMap { Self.code(queryError: $0) } ?? type.flatMap { Self.code(type: $0) },
            message: lower ?? upper
        )
    }

    private static func code(queryError: String) -> String? {
        let parts = queryError.split(separator: ";", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty ? String(parts[0]) : nil
    }

    /// The name without its namespace, and without an address behind it.
    private static func code(type: String) -> String? {
        type.split(separator: ":").first?.split(separator: "#").last.map { String($0) }
    }
}
