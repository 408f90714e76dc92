import LambdaAPI
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server that takes what is sent to destinations, and answers as the test says.
final class FakeService: Sendable {
    struct Request: Sendable {
        let method: HTTPMethod
        let path: String
        let headers: HTTPHeaders
        let body: String

        /// The body's members.
        var document: JSONObject {
            guard case .object(let object)? = try? JSONParser.parse(Array(body.utf8)) else { return JSONObject() }
            return object
        }
    }

    struct Answer: Sendable {
        var status: HTTPResponseStatus
        var body: String

        /// SQS has taken a message.
        static let sent = Answer(status: .ok, body: #"{"MessageId": "1", "MD5OfMessageBody": "0"}"#)
        /// The service is down.
        static let unavailable = Answer(status: .serviceUnavailable, body: "")
        /// SQS has no such queue.
        static let missing = Answer(
            status: .badRequest,
            body: #"{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no queue"}"#
        )
    }

    /// What has come, in its order; each is answered before it is here.
    let requests = Mailbox<Request>()
    private let answer: Mutex<Answer>

    private init(_ answer: Answer) {
        self.answer = Mutex(answer)
    }

    /// What it answers from now on.
    func answer(_ answer: Answer) {
        self.answer.withLock { $0 = answer }
    }

    /// Runs a server at an address as long as the body runs.
    static func run(
        answering answer: Answer = .sent,
        _ body: (FakeService, _ url: String) async throws -> Void
    ) async throws {
        let service = FakeService(answer)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(service))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(service, "http://127.0.0.1:\(listener.localAddress?.port ?? 0)"))
        } catch {
            result = .failure(error)
        }
        try await listener.close().get()
        try result.get()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let service: FakeService
        private var head: HTTPRequestHead?
        private var body = ByteBuffer()

        init(_ service: FakeService) {
            self.service = service
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body.clear()
            case .body(var part):
                body.writeBuffer(&part)
            case .end:
                guard let head else { return }
                respond(service.answer.withLock { $0 }, context)
                service.requests.send(
                    Request(method: head.method, path: head.uri, headers: head.headers, body: String(buffer: body))
                )
            }
        }

        private func respond(_ answer: Answer, _ context: ChannelHandlerContext) {
            let headers = HTTPHeaders([("Content-Length", "\(answer.body.utf8.count)")])
            let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
