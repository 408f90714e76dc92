import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// The channel of one client: Hummingbird's HTTP/1, with the Invoke route taken out in front of it.
struct LambdaChannel: ServerChildChannel {
    private let http: HTTP1Channel
    private let invokes: InvokeService
    private let functionURLs: FunctionURLService
    private let requestTimeout: TimeAmount

    init(
        responder: @escaping HTTPChannelHandler.Responder,
        invokes: InvokeService,
        functionURLs: FunctionURLService,
        requestTimeout: TimeAmount
    ) {
        // Clients that send headers without end are cut off at Lambda's limit for them.
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: 64 << 10,
            maxHeaderListSize: 1 << 20,
            maxHeaderFieldCount: 1000
        )
        http = HTTP1Channel(
            responder: responder,
            // No idle timeout: its timer sees the router's requests only, and would cut off an invoke that takes long.
            configuration: .init(idleTimeout: nil, httpDecoderConfiguration: decoder)
        )
        self.invokes = invokes
        self.functionURLs = functionURLs
        self.requestTimeout = requestTimeout
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        let (invokes, functionURLs, requestTimeout) = (invokes, functionURLs, requestTimeout)
        return http.setup(channel: channel, logger: logger).flatMapThrowing { value in
            // In front of the translation into Hummingbird's own HTTP types, which an invoke need not pay for.
            let pipeline = channel.pipeline.syncOperations
            let codec = try pipeline.context(handlerType: HTTP1ToHTTPServerCodec.self).handler
            let handler = InvokeHandler(service: invokes, functionURLs: functionURLs)
            let timeout = RequestTimeoutHandler(limit: requestTimeout)
            try pipeline.addHandlers([timeout, handler], position: .before(codec))
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await http.handle(value: value, logger: logger)
    }
}
