import FoundationEssentials
import LambdaAPI
import NIOCore
import NIOHTTP1

/// One HTTP connection of a runtime: gathers a request, hands it to the server, writes the reply.
///
/// Requests on one connection are answered in order; one that arrives while `next` is parked waits, as HTTP/1.1
/// pipelining has it.
final class RuntimeConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case idle
        /// A request's head is here and its body is being gathered.
        case receiving(RuntimeRequest, HTTPRequestHead)
        /// The body is passed on as it comes.
        case streaming(HTTPRequestHead)
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
    /// Whether nothing more is read until the stream's reader has caught up, and whether somebody wanted to.
    private var isReadingPaused = false
    private var isReadHeld = false

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

    func read(context: ChannelHandlerContext) {
        if isReadingPaused {
            isReadHeld = true
        } else {
            context.read()
        }
    }

    /// Lets a stream that was held up go on.
    func resumeReading() {
        isReadingPaused = false
        guard isReadHeld else { return }
        isReadHeld = false
        context?.read()
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

    /// Reads nothing any more.
    func fallSilent() {
        _ = context?.channel.setOption(ChannelOptions.autoRead, value: false)
    }

    /// Closes the connection of a process that has ended; whatever else arrives on it is nobody's.
    func abandon() {
        state = .dropping(.notFound)
        close()
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
        case (.end(let trailers), .receiving(let request, let head)):
            state = .idle
            finish(request, head, body.take() ?? ByteBuffer(), trailers: trailers)
        case (.body(let more), .streaming):
            if !server.streamReceived(more) { isReadingPaused = true }
        case (.end(let trailers), .streaming(let head)):
            state = .idle
            reply(server.streamEnded(trailers.flatMap { Self.streamError(head, $0) }))
        case (.end, .dropping(let refusal)):
            reply(refusal)
        case (.body, .dropping):
            break
        case (_, .idle), (_, .parked), (.head, .receiving), (.head, .streaming), (.head, .dropping):
            // The decoder never yields parts in this order.
            close()
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        mustClose = !head.isKeepAlive
        if head.expectsContinue {
            let interim = HTTPResponseHead(version: .http1_1, status: .continue)
            context?.writeAndFlush(wrapOutboundOut(.head(interim)), promise: nil)
        }
        let request = RuntimeRequest(method: head.method, uri: head.uri)
        switch request {
        case .response(let event):
            beginResponse(to: event, head)
        case .error(let event):
            let refusal = server.refusal(ofAnswerTo: event, invocationID: head.invocationID)
            state = refusal.map { .dropping($0) } ?? .receiving(request, head)
        default:
            state = .receiving(request, head)
        }
    }

    private func beginResponse(to event: RequestID, _ head: HTTPRequestHead) {
        if let refusal = server.refusal(ofAnswerTo: event, invocationID: head.invocationID) {
            state = .dropping(refusal)
            return
        }
        switch head.headers.first(name: "Lambda-Runtime-Function-Response-Mode") {
        case nil:
            state = .receiving(.response(event), head)
        case .some(let mode) where mode.lowercased() != "streaming":
            state = .dropping(server.invalidResponseModeUsed(event))
        case .some where !server.acceptsStream(event):
            state = .receiving(.response(event), head)
        case .some:
            let contentType = head.headers.first(name: "Content-Type")
            let refusal = server.streamBegan(event, contentType: contentType, on: self)
            state = refusal.map { .dropping($0) } ?? .streaming(head)
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
        default:
            state = .dropping(.tooLarge(limit: bodyBytesMax))
        }
    }

    private func finish(
        _ request: RuntimeRequest,
        _ head: HTTPRequestHead,
        _ body: ByteBuffer,
        trailers: HTTPHeaders?
    ) {
        switch request {
        case .next:
            park { server.nextRequested(by: self) }
        case .response(let event):
            if let error = trailers.flatMap({ Self.streamError(head, $0) }) {
                reply(server.errorPosted(event, error))
            } else {
                reply(server.responsePosted(event, Self.document(head, body)))
            }
        case .error(let event):
            reply(server.errorPosted(event, ErrorWithCause.forCallers(Self.errorDocument(head, body))))
        case .initialisationError:
            reply(server.initialisationErrorPosted(Self.errorDocument(head, body)))
        case .restoreNext:
            park { server.restorationRequested() }
        case .restoreError:
            reply(server.restorationErrorPosted(Self.errorDocument(head, body)))
        case .credentials:
            reply(server.credentials(head))
        case .extension(let request):
            park { server.answer(request, head, body, on: self) }
        case .subscription(let api):
            reply(server.subscribe(to: api, head, body))
        case .metadata:
            reply(server.metadata(head))
        case .ping:
            reply(.pong)
        case .methodNotAllowed:
            reply(.methodNotAllowed)
        case .unknown:
            reply(.notFound)
        }
    }

    /// Answers the request now or, where there is nothing to say yet, keeps it open.
    private func park(_ ask: () -> RuntimeReply?) {
        state = .parked
        if let reply = ask() { self.reply(reply) }
    }

    private static func document(_ head: HTTPRequestHead, _ body: ByteBuffer) -> RuntimeDocument {
        RuntimeDocument(body: body, contentType: head.headers.first(name: "Content-Type"))
    }

    private static func errorDocument(_ head: HTTPRequestHead, _ body: ByteBuffer) -> RuntimeDocument {
        var document = document(head, body)
        document.errorType = head.headers.first(name: "Lambda-Runtime-Function-Error-Type")
            .map(ReportedErrorType.recorded)
        return document
    }

    /// The error that a runtime sends behind a response that it could not finish; its body is base64.
    private static func streamError(_ head: HTTPRequestHead, _ trailers: HTTPHeaders) -> RuntimeDocument? {
        guard let type = trailers.first(name: "Lambda-Runtime-Function-Error-Type") else { return nil }
        let body = trailers.first(name: "Lambda-Runtime-Function-Error-Body").flatMap { Data(base64Encoded: $0) }
        return RuntimeDocument(
            body: ByteBuffer(bytes: body ?? Data()),
            contentType: "application/json",
            errorType: type
        )
    }
}

extension HTTPRequestHead {
    /// What the runtime echoes of the delivery that it answers.
    fileprivate var invocationID: String? { headers.first(name: "Lambda-Runtime-Invocation-Id") }

    /// Whether the runtime waits for leave to send the body, as curl does for a second; RFC 9110 section 10.1.1.
    fileprivate var expectsContinue: Bool {
        headers.first(name: "Expect")?.lowercased() == "100-continue"
    }
}
