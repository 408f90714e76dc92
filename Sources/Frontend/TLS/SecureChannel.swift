import Hummingbird
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOHTTP2
import NIOHTTPTypesHTTP1
import NIOSSL

/// The channel of one client that speaks TLS, and inside it HTTP/2 or HTTP/1.1, as the two agree.
struct SecureChannel: ServerChildChannel {
    /// A connection whose protocol is not agreed on yet.
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        fileprivate let negotiated: EventLoopFuture<NIONegotiatedHTTPVersion<HTTP1Channel.Value, HTTP2Channel.Value>>
    }

    private let certificates: CertificateSource
    private let http1: LambdaChannel
    private let http2: HTTP2Channel
    private let handshakeTimeout: TimeAmount

    init(
        certificates: CertificateSource,
        responder: @escaping HTTPChannelHandler.Responder,
        invokes: InvokeService,
        functionURLs: FunctionURLService,
        requestTimeout: TimeAmount
    ) {
        self.certificates = certificates
        handshakeTimeout = requestTimeout
        http1 = LambdaChannel(
            responder: responder,
            invokes: invokes,
            functionURLs: functionURLs,
            requestTimeout: requestTimeout
        )
        // Each stream of HTTP/2 is like a connection of HTTP/1 with one request, so the same handlers stand in it.
        let handlers: @Sendable () -> [any RemovableChannelHandler] = {
            [
                HTTPToHTTP1ServerCodec(), RequestTimeoutHandler(limit: requestTimeout),
                InvokeHandler(service: invokes, functionURLs: functionURLs, isStreamOfHTTP2: true),
                HTTP1ToHTTPServerCodec(secure: true),
            ]
        }
        http2 = HTTP2Channel(
            responder: responder,
            configuration: HTTP2Channel.Configuration(
                idleTimeout: .nanoseconds(requestTimeout.nanoseconds * RequestTimeout.idleFactor),
                streamConfiguration: HTTP1Channel.Configuration(additionalChannelHandlers: handlers())
            )
        )
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let timer = channel.eventLoop.scheduleTask(in: handshakeTimeout) { channel.close(promise: nil) }
        do {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificates.context))
        } catch {
            timer.cancel()
            return channel.eventLoop.makeFailedFuture(error)
        }
        return channel.configureHTTP2AsyncSecureUpgrade { channel in
            http1.setup(channel: channel, logger: logger)
        } http2ConnectionInitializer: { channel in
            http2.setup(channel: channel, logger: logger)
        }
        .map { negotiated in
            negotiated.whenComplete { _ in timer.cancel() }
            return Value(channel: channel, negotiated: negotiated)
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.negotiated.get() {
            case .http1_1(let connection): await http1.handle(value: connection, logger: logger)
            case .http2(let connection): await http2.handle(value: connection, logger: logger)
            }
        } catch {
            // A client that does not like the certificate, or does not speak TLS at all.
            logger.debug("no protocol was agreed on", metadata: ["error": "\(error)"])
        }
    }
}
