import LambdaAPI
package import NIOCore
import NIOHTTP1

/// The answer to a request to a function URL, made of what the function returned.
/// Source: `spec/control-plane.md` section 5.
package struct FunctionURLResponse: Equatable, Sendable {
    /// Status and headers. How the body is framed is left to the server.
    package var head: FunctionURLResponseHead
    /// Empty where the status has no body.
    package var body: ByteBuffer

    init(head: FunctionURLResponseHead, body: ByteBuffer) {
        self.head = head
        self.body = head.status.mayHaveResponseBody ? body : ByteBuffer()
    }

    /// Reads what an invoke returned. Whatever a function returns has an answer: of what is no response it is
    /// ``EdgeAnswer/functionFailed``.
    ///
    /// - Parameters:
    ///   - result: The result's bytes.
    ///   - contentType: What the function declared them to be; only streaming functions say more than JSON.
    ///   - isFunctionError: Whether they are the function's error instead.
    package init(result: ByteBuffer, contentType: String?, isFunctionError: Bool) {
        if isFunctionError {
            self = EdgeAnswer.functionFailed.response
        } else if ContentType(contentType).mediaType == StreamedURLResponse.contentType {
            self = Self.streamed(result, contentType) ?? EdgeAnswer.functionFailed.response
        } else {
            self =
                Self.buffered(result) ?? Self.text(result, contentType) ?? EdgeAnswer.functionFailed.response
        }
    }

    /// The type of a body of which the function does not say any.
    private static let contentTypeDefault = "application/json"

    /// A streaming function's whole response; nil when it is malformed.
    private static func streamed(_ result: ByteBuffer, _ contentType: String?) -> FunctionURLResponse? {
        var stream = StreamedURLResponse(contentType: contentType)
        guard case .begin(let head, let body) = stream.received(result) else { return nil }
        return FunctionURLResponse(head: head, body: body)
    }

    /// What a streaming function has written without a prelude, if it says that it is no JSON; nil for anything else.
    private static func text(_ result: ByteBuffer, _ contentType: String?) -> FunctionURLResponse? {
        let type = ContentType(contentType)
        guard let contentType, !type.mediaType.isEmpty, type.mediaType != contentTypeDefault,
            HTTPFieldText.isValue(contentType)
        else { return nil }
        let head = FunctionURLResponseHead(status: .ok, headers: ["Content-Type": contentType])
        return FunctionURLResponse(head: head, body: result)
    }

    /// A handler's result; nil when it is malformed.
    private static func buffered(_ result: ByteBuffer) -> FunctionURLResponse? {
        guard result.readableBytes > 0 else { return plain(result) }
        guard let json = CompactJSON.compact(result) else { return nil }
        // Only objects and strings are looked into; all others are what they are, however large.
        switch json.getInteger(at: json.readerIndex, as: UInt8.self) {
        case UInt8(ascii: "{"), UInt8(ascii: "\""): break
        default: return plain(json)
        }
        switch try? JSONParser.parse(Array(buffer: json)) {
        case .string(let text)?: return plain(ByteBuffer(bytes: text.utf8))
        case .object(let object)? where object["statusCode"] != nil: return proxied(object)
        case .object?: return plain(json)
        default: return nil
        }
    }

    /// The answer when the function returned nothing but a body.
    private static func plain(_ body: ByteBuffer) -> FunctionURLResponse {
        let head = FunctionURLResponseHead(status: .ok, headers: ["Content-Type": contentTypeDefault])
        return FunctionURLResponse(head: head, body: body)
    }

    /// The answer when the function returned a whole response.
    private static func proxied(_ object: JSONObject) -> FunctionURLResponse? {
        guard let head = FunctionURLResponseHead(object, contentType: contentTypeDefault),
            let body = body(object["body"], isBase64: isTrue(object["isBase64Encoded"]))
        else { return nil }
        return FunctionURLResponse(head: head, body: body)
    }

    private static func body(_ json: JSONValue?, isBase64: Bool) -> ByteBuffer? {
        switch json {
        case nil: ByteBuffer()
        case .string(let text)? where isBase64: Blob(base64: text).map { ByteBuffer(bytes: $0.bytes) }
        case .string(let text)?: ByteBuffer(bytes: text.utf8)
        case let json?: ByteBuffer(bytes: JSONWriter.bytes(of: json))
        }
    }

    private static func isTrue(_ json: JSONValue?) -> Bool {
        switch json {
        case .bool(let value)?: value
        case .string(let text)?: text.string == "true"
        default: false
        }
    }
}
