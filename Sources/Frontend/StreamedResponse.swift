import Foundation
import LambdaAPI
import NIOCore
import NIOHTTP1
import Worker

/// How the parts of an answer reach the caller whose length is not known when it begins.
struct AnswerWriter {
    /// Writes the head; called once.
    let head: (HTTPResponseStatus, HTTPHeaders) -> Void
    /// Writes a part of the body, and calls back when it is on its way or will never be.
    let part: (ByteBuffer, _ onWritten: @escaping () -> Void) -> Void
    /// Ends the answer; called once.
    let end: () -> Void
    /// Breaks the answer off, so that the caller does not take it for whole; called once in place of `end`.
    let abort: () -> Void
}

/// Writes the answer to an InvokeWithResponseStream request, as its parts come. Source: `spec/invoke.md` section 5.
///
/// Confined to the event loop of the caller's connection.
final class StreamedResponse: ResponseStreamReader {
    /// What the function's response comes through.
    let stream: ResponseStream

    private let writer: AnswerWriter
    private let allocator = ByteBufferAllocator()
    private var headers = HTTPHeaders()
    private var hasBegun = false

    init(on eventLoop: any EventLoop, writer: AnswerWriter) {
        stream = ResponseStream(on: eventLoop)
        self.writer = writer
        stream.setReader(self)
    }

    /// The function was found; these headers are for its answer.
    func prepare(_ headers: HTTPHeaders) {
        self.headers = headers
    }

    func responseBegan(contentType: String?) {
        guard !hasBegun else { return }
        hasBegun = true
        headers.add(name: "Content-Type", value: "application/vnd.amazon.eventstream")
        headers.add(name: "Transfer-Encoding", value: "chunked")
        writer.head(.ok, headers)
    }

    func responseReceived(_ chunk: ByteBuffer) {
        let stream = stream
        let bytes = chunk.readableBytes
        writer.part(message("PayloadChunk", "application/octet-stream", chunk)) { stream.consumed(bytes: bytes) }
    }

    /// The function is done: whatever has not been streamed is sent, and the answer ended.
    func complete(_ result: InvokeResult) {
        responseBegan(contentType: result.contentType)
        if result.payload.readableBytes > 0 {
            writer.part(message("PayloadChunk", "application/octet-stream", result.payload)) {}
        }
        writer.part(message("InvokeComplete", "application/json", Self.completion(of: result))) {}
        writer.end()
    }

    private func message(_ event: String, _ contentType: String, _ payload: ByteBuffer) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 0)
        EventStreamMessage(event: event, contentType: contentType, payload: payload).write(to: &buffer)
        return buffer
    }

    /// The last event's payload. On success it has no member but the log, where that was asked for.
    private static func completion(of result: InvokeResult) -> ByteBuffer {
        ByteBuffer(
            bytes: JSONWriter.document { json in
                if let error = result.streamError {
                    json.member("ErrorCode", error.code)
                    json.member("ErrorDetails", error.details)
                } else if result.isFunctionError {
                    json.member("ErrorCode", "Unhandled")
                }
                json.member("LogResult", result.logTail.map { Data($0).base64EncodedString() })
            }
        )
    }
}
