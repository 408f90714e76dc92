import NIOCore
import NIOHTTP1

/// How long the requests of one connection may take to arrive. Pure: it is told of what happens and when.
///
/// A client has ``limit`` for a request that has begun, and some more for each byte that has come, so that a large package
/// may take its time and a byte now and then buys none. Between requests it has a multiple of it.
struct RequestTimeout {
    private enum Phase {
        /// No request has begun since then. Next: `receiving`.
        case waiting(since: NIODeadline)
        /// A request is arriving. Next: `answering`.
        case receiving(since: NIODeadline, bytes: Int)
        /// All requests that have come are to be answered. Next: `receiving`, `waiting`.
        case answering
    }

    /// What one second more costs, in bytes: less than any line that anybody would deploy over.
    private static let bytesPerSecondMin = 64 << 10
    /// How much longer than for a request a client may take between two of them.
    static let idleFactor: Int64 = 3

    private let limit: TimeAmount
    private var phase: Phase
    private var unansweredCount = 0

    init(limit: TimeAmount, connectedAt now: NIODeadline) {
        self.limit = limit
        phase = .waiting(since: now)
    }

    /// When the connection is to be closed if nothing happens until then; nil while the client waits for an answer.
    var deadline: NIODeadline? {
        switch phase {
        case .waiting(let since): since + TimeAmount.nanoseconds(limit.nanoseconds * Self.idleFactor)
        case .receiving(let since, let bytes): since + limit + .seconds(Int64(bytes / Self.bytesPerSecondMin))
        case .answering: nil
        }
    }

    mutating func requestBegan(at now: NIODeadline) {
        phase = .receiving(since: now, bytes: 0)
        unansweredCount += 1
    }

    mutating func received(bytes: Int) {
        guard case .receiving(let since, let before) = phase else { return }
        phase = .receiving(since: since, bytes: before + bytes)
    }

    mutating func requestEnded() {
        phase = .answering
    }

    mutating func responseEnded(at now: NIODeadline) {
        unansweredCount = max(0, unansweredCount - 1)
        if case .answering = phase, unansweredCount == 0 { phase = .waiting(since: now) }
    }
}

/// Closes connections whose requests take too long to arrive.
///
/// There is one timer for a connection, not one for each request: it looks at the deadline when it fires, and again when
/// that has moved.
final class RequestTimeoutHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let limit: TimeAmount
    private var timeout: RequestTimeout
    private var timer: Scheduled<Void>?

    init(limit: TimeAmount) {
        self.limit = limit
        timeout = RequestTimeout(limit: limit, connectedAt: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        schedule(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: timeout.requestBegan(at: .now())
        case .body(let bytes): timeout.received(bytes: bytes.readableBytes)
        case .end: timeout.requestEnded()
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { timeout.responseEnded(at: .now()) }
        context.write(data, promise: promise)
    }

    private func schedule(_ context: ChannelHandlerContext) {
        let next = timeout.deadline ?? .now() + limit
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) { self.fired(context) }
    }

    private func fired(_ context: ChannelHandlerContext) {
        guard let deadline = timeout.deadline, deadline <= .now() else { return schedule(context) }
        context.close(promise: nil)
    }
}
