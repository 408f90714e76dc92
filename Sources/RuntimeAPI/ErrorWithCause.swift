import LambdaAPI
import NIOCore

/// The form of an error document that carries its cause for X-Ray as well. Callers see it without. Source:
/// `spec/runtime-api.md` section 1.
enum ErrorWithCause {
    static let contentType = "application/vnd.aws.lambda.error.cause+json"

    /// The document as callers see it: any other than of this form as it is.
    static func forCallers(_ document: RuntimeDocument) -> RuntimeDocument {
        guard document.contentType == contentType else { return document }
        var next = document
        if let error = try? parse(document.body) {
            next.body = ByteBuffer(bytes: error)
            next.contentType = "application/json"
        } else {
            next.body = ByteBuffer(string: "\"Invalid error body\"")
            next.contentType = "application/octet-stream"
        }
        return next
    }

    private static func parse(_ body: ByteBuffer) throws -> [UInt8] {
        let object = try JSONObject(json: JSONParser.parse(Array(buffer: body)))
        let message: String? = try object.optional("errorMessage")
        let type: String? = try object.optional("errorType")
        let stackTrace: [String]? = try object.optional("stackTrace")
        return JSONWriter.document { json in
            json.member("errorMessage", message ?? "")
            json.member("errorType", type ?? "")
            json.member("stackTrace", stackTrace)
        }
    }
}
