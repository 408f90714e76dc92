import FunctionURL
import NIOCore
import NIOHTTP1
import Worker

/// Writes the answer to a request to a function's URL of the mode `RESPONSE_STREAM`, as its parts come.
///
/// Confined to the event loop of the caller's connection.
final class StreamedURLAnswer: ResponseStreamReader {
    /// What the function's response comes through.
    let stream: ResponseStream

    private let writer: AnswerWriter
    private var answer: (FunctionURLResponseHead) -> InvokeResponse = { head in
        InvokeResponse(status: head.status, headers: head.headers, body: ByteBuffer())
    }
    private var response: StreamedURLResponse?
    private var isRefused = false
    /// Whether the status has a body; what the function sends with one that has none is dropped.
    private var hasBody = true

    init(on eventLoop: any EventLoop, writer: AnswerWriter) {
        stream = ResponseStream(on: eventLoop)
        self.writer = writer
        stream.setReader(self)
    }

    /// The function was found; `answer` adds to a head what every answer has.
    func prepare(_ answer: @escaping (FunctionURLResponseHead) -> InvokeResponse) {
        self.answer = answer
    }

    func responseBegan(contentType: String?) {
        guard response == nil else { return }
        response = StreamedURLResponse(contentType: contentType)
    }

    func responseReceived(_ chunk: ByteBuffer) {
        let (stream, bytes) = (stream, chunk.readableBytes)
        perform(response?.received(chunk) ?? .none) { stream.consumed(bytes: bytes) }
    }

    /// The function is done.
    ///
    /// - Returns: The whole answer, if nothing has been streamed.
    func complete(_ result: InvokeResult) -> InvokeResponse? {
        guard response != nil else {
            // A function that does not stream, or one that has failed before it began.
            let whole = FunctionURLResponse(
                result: result.payload,
                contentType: result.contentType,
                isFunctionError: result.isFunctionError
            )
            return whole(answer)
        }
        perform(response?.ended() ?? .none) {}
        guard !isRefused else { return EdgeAnswer.functionFailed.response(answer) }
        if result.streamError != nil {
            // The head is out, so all that is left is to break off.
            writer.abort()
        } else {
            writer.end()
        }
        return nil
    }

    private func perform(_ action: StreamedURLResponse.Action, onWritten: @escaping () -> Void) {
        switch action {
        case .none:
            onWritten()
        case .begin(let head, let bytes):
            var response = answer(head)
            hasBody = head.status.mayHaveResponseBody
            if hasBody { response.headers.replaceOrAdd(name: "Transfer-Encoding", value: "chunked") }
            writer.head(response.status, response.headers)
            writer.part(hasBody ? bytes : ByteBuffer(), onWritten)
        case .send(let bytes):
            writer.part(hasBody ? bytes : ByteBuffer(), onWritten)
        case .refuse:
            isRefused = true
            onWritten()
        }
    }
}

extension FunctionURLResponse {
    /// The whole answer, framed.
    fileprivate func callAsFunction(_ answer: (FunctionURLResponseHead) -> InvokeResponse) -> InvokeResponse {
        var response = answer(head)
        response.body = body
        response.headers.replaceOrAdd(name: "Content-Length", value: String(body.readableBytes))
        return response
    }
}
