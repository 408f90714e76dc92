import LambdaAPI
package import NIOCore
import NIOHTTP1

/// The response of a function with a URL of mode `RESPONSE_STREAM`, as it comes.
///
/// A function that wants more than a body declares ``contentType`` and sends a prelude: a JSON object of `statusCode`,
/// `headers` and `cookies`, and eight zero bytes. Everything else is body as it is. Source: `spec/invoke.md` section 5.
package struct StreamedURLResponse: Sendable {
    /// What is to be done about an event.
    package enum Action: Equatable, Sendable {
        /// The prelude is not complete.
        case none
        /// Sends the head and the beginning of the body, which may be empty.
        case begin(FunctionURLResponseHead, ByteBuffer)
        /// Sends more of the body.
        case send(ByteBuffer)
        /// Answers with ``EdgeAnswer/functionFailed``, since nothing has been sent; what still comes is dropped.
        case refuse
    }

    private enum State {
        /// The head is known and has not been sent. Next: `streaming`.
        case plain(FunctionURLResponseHead)
        /// The prelude is awaited, whose end is not in what has come. Next: `streaming`, `refused`.
        case prelude(zeros: Int)
        /// The head has been sent.
        case streaming
        /// The prelude was malformed.
        case refused
    }

    /// The media type that announces a prelude.
    package static let contentType = "application/vnd.awslambda.http-integration-response"

    /// How large a prelude may be: what its headers may be, and some room for JSON's own.
    static let preludeSizeMax = ByteCount(bytes: 2 * FunctionURLResponseHead.headersSizeMax.bytes)

    private static let separatorLength = 8
    private static let contentTypeDefault = "application/octet-stream"

    private var state: State
    /// The prelude's JSON so far; apart from the state, so that adding to it never copies.
    private var prelude = ByteBuffer()

    /// The function has begun to respond.
    ///
    /// - Parameter contentType: What it declared its response to be.
    package init(contentType: String?) {
        if ContentType(contentType).mediaType == Self.contentType {
            state = .prelude(zeros: 0)
        } else {
            let contentType = contentType.flatMap { HTTPFieldText.isValue($0) ? $0 : nil } ?? Self.contentTypeDefault
            state = .plain(FunctionURLResponseHead(status: .ok, headers: ["Content-Type": contentType]))
        }
    }

    /// The function has sent some bytes.
    package mutating func received(_ bytes: ByteBuffer) -> Action {
        switch state {
        case .plain(let head):
            state = .streaming
            return .begin(head, bytes)
        case .prelude(let zeros):
            let action = receivedPrelude(bytes, afterZeros: zeros)
            if action == .refuse { state = .refused }
            return action
        case .streaming:
            return .send(bytes)
        case .refused:
            return .none
        }
    }

    /// The function has sent all.
    package mutating func ended() -> Action {
        switch state {
        case .plain(let head):
            state = .streaming
            return .begin(head, ByteBuffer())
        case .prelude:
            state = .refused
            return .refuse
        case .streaming, .refused:
            return .none
        }
    }

    /// JSON has no zero bytes, so the first of them ends it.
    private mutating func receivedPrelude(_ bytes: ByteBuffer, afterZeros zeros: Int) -> Action {
        var (bytes, zeros) = (bytes, zeros)
        if zeros == 0 {
            let json = bytes.readableBytesView.prefix { $0 != 0 }
            guard prelude.readableBytes + json.count <= Self.preludeSizeMax.bytes else { return .refuse }
            prelude.writeBytes(json)
            bytes.moveReaderIndex(forwardBy: json.count)
        }
        let more = bytes.readableBytesView.prefix(Self.separatorLength - zeros)
        guard more.allSatisfy({ $0 == 0 }) else { return .refuse }
        zeros += more.count
        bytes.moveReaderIndex(forwardBy: more.count)
        guard zeros == Self.separatorLength else {
            state = .prelude(zeros: zeros)
            return .none
        }
        guard case .object(let object)? = try? JSONParser.parse(Array(buffer: prelude)),
            let head = FunctionURLResponseHead(object, contentType: Self.contentTypeDefault)
        else { return .refuse }
        state = .streaming
        return .begin(head, bytes)
    }
}
