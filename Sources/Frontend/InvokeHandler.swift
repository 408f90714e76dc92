import FunctionURL
import Invocation
import LambdaAPI
import NIOCore
import NIOHTTP1
import NIOSSL

/// Takes the invokes of a connection, by the API and by functions' URLs, before the router sees them, and answers them on the connection's own
/// event loop; passes everything else on.
///
/// An invoke is three HTTP exchanges, and each hop between threads in one costs more than the exchange itself. Hence a
/// channel handler for this one route and ordinary asynchronous code for all the others.
///
/// One request is under way at a time, be it the router's or an invoke; whatever a client sends ahead waits here, and
/// nothing more is read from the client while something waits.
final class InvokeHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// What a request invokes a function by.
    private enum Route {
        case operation(InvokeRoute)
        case functionURL(FunctionURLAddress)
    }

    private enum State {
        /// No request is under way. Next: `forwarding`, `receiving`.
        case idle
        /// The request is the router's until both it and its response have ended. Next: `idle`.
        case forwarding(requestEnded: Bool, responseEnded: Bool)
        /// The body of an invoke is being gathered. Next: `invoking`, `refused`.
        case receiving(Route, HTTPRequestHead)
        /// An invoke was refused before its body had come; the rest of it is dropped. Next: closed.
        case refused(LambdaError, RequestID, droppedBytes: Int)
        /// The answer to an invoke is awaited. Next: `idle`, closed.
        case invoking
    }

    /// How much of a body that is too large is read for the sake of a client that reads the answer only after it has sent
    /// everything.
    private static let droppedBytesMax = 64 << 20

    /// How long a connection without any request yet is kept when the service stops.
    private static let firstRequestPatience = TimeAmount.seconds(1)

    private let service: InvokeService
    private let functionURLs: FunctionURLService
    private let isStreamOfHTTP2: Bool
    private var context: ChannelHandlerContext?
    private var state: State = .idle
    /// The body so far of the invoke that is being received; apart from the state, so that appending never copies.
    private var body: ByteBuffer?
    private var waiting = CircularBuffer<HTTPServerRequestPart>()
    private var isReadHeld = false
    private var mustClose = false
    /// Whether the request was `HEAD`, whose answer has no body.
    private var isBodyless = false
    /// Whether the service stops, and the request under way or the first to come is the connection's last.
    private var isQuiescing = false
    /// Whether the client has begun a request on this connection.
    private var hasRequested = false
    /// The version that the client speaks.
    private var version = HTTPVersion.http1_1

    /// - Parameter isStreamOfHTTP2: Whether the channel is one stream of a connection of HTTP/2, which frames bodies itself.
    init(service: InvokeService, functionURLs: FunctionURLService, isStreamOfHTTP2: Bool = false) {
        self.service = service
        self.isStreamOfHTTP2 = isStreamOfHTTP2
        self.functionURLs = functionURLs
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if waiting.isEmpty, canReceive(part) {
            receive(part, context)
        } else {
            waiting.append(part)
        }
    }

    func read(context: ChannelHandlerContext) {
        if waiting.isEmpty {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The router's handlers would close a connection on which, as far as they know, nothing is under way.
        if event is ChannelShouldQuiesceEvent {
            isQuiescing = true
            if isInvoking { return }
            // Who has connected a moment ago is about to ask: to close now would be an error to somebody who did nothing wrong.
            if !hasRequested, !isStreamOfHTTP2 {
                context.eventLoop.assumeIsolated().scheduleTask(in: Self.firstRequestPatience) { [weak self] in
                    self?.quiesce()
                }
                return
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// The first request has not come, or has been the last.
    private func quiesce() {
        guard let context, !isInvoking else { return }
        context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    private var isInvoking: Bool {
        switch state {
        case .receiving, .refused, .invoking: true
        case .idle, .forwarding: false
        }
    }

    /// Whether the part belongs to the request under way, or begins one and there is none.
    private func canReceive(_ part: HTTPServerRequestPart) -> Bool {
        switch (part, state) {
        case (.head, .idle): true
        case (.head, _), (_, .invoking), (_, .idle): false
        case (.body, .forwarding(let requestEnded, _)), (.end, .forwarding(let requestEnded, _)): !requestEnded
        case (.body, .receiving), (.end, .receiving), (.body, .refused), (.end, .refused): true
        }
    }

    private func receive(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (part, state) {
        case (.head(let head), _):
            begin(head, context)
        case (_, .forwarding(_, let responseEnded)):
            if case .end = part {
                state = responseEnded ? .idle : .forwarding(requestEnded: true, responseEnded: false)
            }
            context.fireChannelRead(wrapInboundOut(part))
        case (.body(let more), .receiving):
            append(more)
        case (.end, .receiving(let route, let head)):
            state = .invoking
            invoke(route, head, body.take() ?? ByteBuffer(), context)
        case (.body(let more), .refused(let error, let requestID, let droppedBytes)):
            state = .refused(error, requestID, droppedBytes: droppedBytes + more.readableBytes)
            if droppedBytes > Self.droppedBytesMax { context.close(promise: nil) }
        case (.end, .refused(let error, let requestID, _)):
            write(InvokeResponse(error, requestID: requestID))
        case (.body, _), (.end, _):
            break
        }
    }

    private func receiveWaiting(_ context: ChannelHandlerContext) {
        var hasReceived = false
        while let part = waiting.first, canReceive(part) {
            waiting.removeFirst()
            receive(part, context)
            hasReceived = true
        }
        // The router looks at what it was given only when it is told that this is all for now.
        if hasReceived { context.fireChannelReadComplete() }
        if waiting.isEmpty, isReadHeld {
            isReadHeld = false
            context.read()
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        hasRequested = true
        guard let route = route(of: head) else {
            tellToContinue(head, context)
            state = .forwarding(requestEnded: false, responseEnded: false)
            return context.fireChannelRead(wrapInboundOut(.head(head)))
        }
        mustClose = !head.isKeepAlive
        version = head.version
        isBodyless = head.method == .HEAD
        state = .receiving(route, head)
        let length = head.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
        if length > Limits.requestPayloadMax.bytes {
            return refuse(InvokeService.payloadTooLarge)
        }
        if case .operation = route {
            do throws(LambdaError) {
                let headers = head.headers
                try service.browsers.check(host: headers.first(name: "Host"), origin: headers.first(name: "Origin"))
            } catch {
                return refuse(error)
            }
        }
        tellToContinue(head, context)
    }

    private func tellToContinue(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard head.expectsContinue, !isStreamOfHTTP2 else { return }
        let head = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    }

    /// Nil for a request that is the router's.
    private func route(of head: HTTPRequestHead) -> Route? {
        let host = head.headers.first(name: "Host")
        if let address = FunctionURLAddress(host: host, uri: head.uri, in: functionURLs.domain) {
            return .functionURL(address)
        }
        return InvokeRoute(method: head.method, uri: head.uri).map { .operation($0) }
    }

    private func append(_ more: ByteBuffer) {
        var more = more
        body.setOrWriteBuffer(&more)
        if let size = body?.readableBytes, size > Limits.requestPayloadMax.bytes {
            refuse(InvokeService.payloadTooLarge)
        }
    }

    private func refuse(_ error: LambdaError) {
        body = nil
        // Whatever follows is not read as a request any more.
        mustClose = true
        state = .refused(error, .random(), droppedBytes: 0)
    }

    private func invoke(
        _ route: Route,
        _ head: HTTPRequestHead,
        _ body: ByteBuffer,
        _ context: ChannelHandlerContext
    ) {
        switch route {
        case .operation(let route):
            let isStreamed = route.operation == .invokeWithResponseStream
            let streamed = isStreamed ? StreamedResponse(on: context.eventLoop, writer: answerWriter) : nil
            // Of the channel: the context of a stream of HTTP/2 has no addresses to ask for.
            let client = AccessControl.Circumstances(
                sourceIP: context.channel.remoteAddress?.ipAddress,
                userAgent: head.headers.first(name: "User-Agent")
            )
            let response = service.respond(
                to: route,
                head,
                body,
                from: client,
                on: context.eventLoop,
                streamingTo: streamed
            )
            write(response, keepingAlive: streamed)
        case .functionURL(let address):
            let streamed = StreamedURLAnswer(on: context.eventLoop, writer: answerWriter)
            let call = FunctionURLService.Call(
                address: address,
                head: head,
                body: body,
                connection: FunctionURLRequest.Connection(
                    sourceIP: context.channel.remoteAddress?.ipAddress ?? "127.0.0.1",
                    port: context.channel.localAddress?.port ?? 0,
                    encryption: encryption(of: context.channel)
                ),
                streamed: NIOLoopBound(streamed, eventLoop: context.eventLoop),
                trace: XRayTraceHeader(caller: head.headers.first(name: "X-Amzn-Trace-Id"))
            )
            write(functionURLs.respond(to: call, on: context.eventLoop), keepingAlive: streamed)
        }
    }

    /// How the client's connection is encrypted; that of a stream of HTTP/2 is its parent's.
    private func encryption(of channel: any Channel) -> FunctionURLRequest.Encryption? {
        // The parent of a connection is the listener.
        let connection = isStreamOfHTTP2 ? channel.parent ?? channel : channel
        let pipeline = connection.pipeline.syncOperations
        guard let tls = try? pipeline.handler(type: NIOSSLServerHandler.self) else { return nil }
        return FunctionURLRequest.Encryption(version: tls.tlsVersion == .tlsv13 ? "TLSv1.3" : "TLSv1.2")
    }

    /// Writes the answer once it is there.
    ///
    /// - Parameter reader: Takes the response while it is streamed; the stream itself does not keep it alive.
    private func write(_ response: EventLoopFuture<InvokeResponse?>, keepingAlive reader: AnyObject?) {
        response.assumeIsolated().whenSuccess { response in
            withExtendedLifetime(reader) {
                if let response { self.write(response) }
            }
        }
    }

    // MARK: Streamed responses

    private var answerWriter: AnswerWriter {
        AnswerWriter(
            head: { self.writeHead($0, $1) },
            part: { part, onWritten in self.write(part: part, onWritten: onWritten) },
            end: { self.endResponse() },
            abort: { self.abortResponse() }
        )
    }

    private func write(part: ByteBuffer, onWritten: @escaping () -> Void) {
        // Nobody may be there any more; what the function still sends is dropped.
        guard let context, context.channel.isActive else { return onWritten() }
        guard part.readableBytes > 0 else {
            // There may be a head to send.
            context.flush()
            return onWritten()
        }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in onWritten() }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(part))), promise: promise)
    }

    // MARK: Responses

    /// The router's responses pass through here on their way out.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part = unwrapOutboundIn(data)
        if isQuiescing, !isStreamOfHTTP2, case .head(var head) = part, head.status != .continue {
            head.headers.replaceOrAdd(name: "Connection", value: "close")
            return context.write(wrapOutboundOut(.head(head)), promise: promise)
        }
        guard case .forwarding(let requestEnded, _) = state, case .end = part else {
            return context.write(data, promise: promise)
        }
        context.write(data, promise: promise)
        if isQuiescing {
            // After the response has left.
            context.eventLoop.assumeIsolated().execute { [weak self] in self?.quiesce() }
        }
        state = requestEnded ? .idle : .forwarding(requestEnded: false, responseEnded: true)
        receiveWaiting(context)
    }

    /// Writes the answer to an invoke; nobody may be there any more to read it.
    private func write(_ response: InvokeResponse) {
        writeHead(response.status, response.headers)
        if response.body.readableBytes > 0, !isBodyless {
            context?.write(wrapOutboundOut(.body(.byteBuffer(response.body))), promise: nil)
        }
        endResponse()
    }

    private func writeHead(_ status: HTTPResponseStatus, _ headers: HTTPHeaders) {
        let isOld = version == .http1_0
        var head = HTTPResponseHead(version: isOld ? .http1_0 : .http1_1, status: status, headers: headers)
        // A client of HTTP/1.0 has the body up to the connection's end. RFC 9112 section 6.1.
        if isOld { head.headers.remove(name: "Transfer-Encoding") }
        if !headers.contains(name: "Date") { head.headers.add(name: "Date", value: ResponseDate.now()) }
        if isStreamOfHTTP2 {
            // RFC 9113 section 8.2.2.
            head.headers.remove(name: "Transfer-Encoding")
            head.headers.remove(name: "Connection")
        } else if mustClose || isQuiescing {
            head.headers.add(name: "Connection", value: "close")
        }
        context?.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    private func abortResponse() {
        state = .idle
        context?.close(promise: nil)
    }

    private func endResponse() {
        state = .idle
        isBodyless = false
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if mustClose || isQuiescing {
            return context.close(promise: nil)
        }
        receiveWaiting(context)
    }
}

/// A complete answer to an Invoke request.
struct InvokeResponse {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    var body: ByteBuffer
}

extension HTTPRequestHead {
    /// Whether the client waits for leave to send the body; RFC 9110 section 10.1.1.
    fileprivate var expectsContinue: Bool {
        guard let expectation = headers.first(name: "Expect") else { return false }
        return expectation.lowercased() == "100-continue"
    }
}
