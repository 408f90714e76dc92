import LambdaAPI
import NIOCore
import NIOHTTP1

/// One HTTP connection of a runtime: gathers a request, hands it to the server, writes the reply.
///
/// Requests on one connection are answered in order; one that arrives while `next` is parked waits, as HTTP/1.1
/// pipelining has it.
final class RuntimeConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case idle
        /// A request's head is here and its body is being gathered.
        case receiving(RuntimeRequest, HTTPRequestHead)
        /// The body is larger than allowed, or the answer is refused already: the rest is dropped.
        case dropping(RuntimeReply)
        /// The reply to `next` is outstanding.
        case parked
    }

    private let server: RuntimeAPIServer
    private let bodyBytesMax: Int
    private var context: ChannelHandlerContext?
    private var state: State = .idle
    /// The body so far of the request that is being received; apart from the state, so that appending never copies.
    private var body: ByteBuffer?
    private var mustClose = false
    private var waiting: [HTTPServerRequestPart] = []

    /// How many parts of pipelined requests may wait behind a parked `next`.
    private static let waitingPartsMax = 64

    init(server: RuntimeAPIServer, bodyBytesMax: Int) {
        self.server = server
        self.bodyBytesMax = bodyBytesMax
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        server.connectionClosed(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Bytes that are no HTTP, or a broken connection: nothing can be answered.
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if case .parked = state {
            guard waiting.count < Self.waitingPartsMax else { return close() }
            waiting.append(part)
            return
        }
        receive(part)
    }

    /// Answers the parked `next` request.
    func reply(_ reply: RuntimeReply) {
        guard let context else { return }
        state = .idle
        var head = HTTPResponseHead(version: .http1_1, status: reply.status, headers: reply.headers)
        if mustClose {
            head.headers.add(name: "Connection", value: "close")
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if mustClose {
            return context.close(promise: nil)
        }
        receiveWaiting()
    }

    func close() {
        context?.close(promise: nil)
    }

    private func receiveWaiting() {
        while !waiting.isEmpty {
            if case .parked = state { return }
            receive(waiting.removeFirst())
        }
    }

    private func receive(_ part: HTTPServerRequestPart) {
        switch (part, state) {
        case (.head(let head), .idle):
            begin(head)
        case (.body(let more), .receiving(let request, _)):
            append(more, of: request)
        case (.end, .receiving(let request, let head)):
            state = .idle
            finish(request, head, body.take() ?? ByteBuffer())
        case (.end, .dropping(let refusal)):
            reply(refusal)
        case (.body, .dropping):
            break
        case (_, .idle), (_, .parked), (.head, .receiving), (.head, .dropping):
            // The decoder never yields parts in this order.
            close()
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        mustClose = !head.isKeepAlive
        let request = RuntimeRequest(method: head.method, uri: head.uri)
        if case .response(let event) = request, let refusal = server.refusal(ofAnswerTo: event) {
            state = .dropping(refusal)
        } else if case .error(let event) = request, let refusal = server.refusal(ofAnswerTo: event) {
            state = .dropping(refusal)
        } else {
            state = .receiving(request, head)
        }
    }

    private func append(_ more: ByteBuffer, of request: RuntimeRequest) {
        var more = more
        body.setOrWriteBuffer(&more)
        guard let size = body?.readableBytes, size > bodyBytesMax else { return }
        body = nil
        switch request {
        case .response(let event), .error(let event):
            state = .dropping(server.oversizedAnswerPosted(event))
        case .ping, .next, .initialisationError, .methodNotAllowed, .unknown:
            state = .dropping(.tooLarge(limit: bodyBytesMax))
        }
    }

    private func finish(_ request: RuntimeRequest, _ head: HTTPRequestHead, _ body: ByteBuffer) {
        switch request {
        case .next:
            state = .parked
            if let reply = server.nextRequested(by: self) { self.reply(reply) }
        case .response(let event):
            reply(server.responsePosted(event, Self.document(head, body)))
        case .error(let event):
            reply(server.errorPosted(event, Self.document(head, body)))
        case .initialisationError:
            reply(server.initialisationErrorPosted(Self.document(head, body)))
        case .ping:
            reply(.pong)
        case .methodNotAllowed:
            reply(.methodNotAllowed)
        case .unknown:
            reply(.notFound)
        }
    }

    private static func document(_ head: HTTPRequestHead, _ body: ByteBuffer) -> RuntimeDocument {
        RuntimeDocument(
            body: body,
            contentType: head.headers.first(name: "Content-Type"),
            errorType: head.headers.first(name: "Lambda-Runtime-Function-Error-Type")
        )
    }
}
