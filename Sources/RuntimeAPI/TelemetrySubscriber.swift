import Glibc
package import NIOCore
import NIOHTTP1
import NIOPosix

/// Delivers telemetry to one subscriber: a thin shell around ``TelemetryBatcher`` and a connection into the sandbox.
///
/// Confined to the environment's event loop.
package final class TelemetrySubscriber {
    /// How long a subscriber may take to take a batch.
    private static let patience: TimeAmount = .seconds(2)

    /// What was asked for.
    package let subscription: TelemetrySubscription

    private let eventLoop: any EventLoop
    private let connect: @Sendable (_ port: Int) async -> CInt?
    private let describeLoss: (_ records: Int, _ bytes: Int) -> [UInt8]
    private var batcher: TelemetryBatcher
    private var channel: (any Channel)?
    /// Tells a batch's outcome from that of one that was given up.
    private var batchNumber = 0
    private var isClosed = false
    private var onFinished: (() -> Void)?

    /// - Parameters:
    ///   - connect: Connects to a port in the sandbox; nil if nobody listens there, or the sandbox has ended.
    ///   - describeLoss: Makes the event that tells of events that were lost.
    package init(
        _ subscription: TelemetrySubscription,
        on eventLoop: any EventLoop,
        connect: @escaping @Sendable (_ port: Int) async -> CInt?,
        describeLoss: @escaping (_ records: Int, _ bytes: Int) -> [UInt8]
    ) {
        self.subscription = subscription
        self.eventLoop = eventLoop
        self.connect = connect
        self.describeLoss = describeLoss
        batcher = TelemetryBatcher(subscription.buffering)
    }

    /// Takes an event in JSON, to be delivered in time.
    package func append(_ event: [UInt8]) {
        carryOut(batcher.append(event))
    }

    /// Delivers what has gathered without further delay.
    package func flush() {
        carryOut(batcher.flush())
    }

    /// Delivers what has gathered without further delay, and calls `onFinished` once it has been, or is given up.
    package func finish(_ onFinished: @escaping () -> Void) {
        self.onFinished = onFinished
        flush()
        checkFinished()
    }

    private func checkFinished() {
        guard isClosed || batcher.isEmpty else { return }
        onFinished.take()?()
    }

    /// Ends the subscription; what has not been delivered is lost.
    package func close() {
        isClosed = true
        checkFinished()
        channel?.close(promise: nil)
        channel = nil
    }

    private func carryOut(_ action: TelemetryBatcher.Action) {
        guard !isClosed else { return }
        switch action {
        case .none:
            break
        case .startTimer(let milliseconds):
            eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(milliseconds))) { [weak self] in
                guard let self else { return }
                carryOut(batcher.timeExpired())
            }
        case .send(let batch):
            batchNumber += 1
            send(batch, number: batchNumber)
        }
    }

    private func send(_ batch: [TelemetryBatcher.Event], number: Int) {
        if let channel, channel.isActive { return write(batch, to: channel, number: number) }
        eventLoop.makeFutureWithTask { [connect, port = subscription.destination.port] in await connect(port) }
            .assumeIsolated()
            .whenComplete { [weak self] result in
                guard let self, !isClosed, case .success(.some(let descriptor)) = result else {
                    if case .success(.some(let descriptor)) = result { Glibc.close(descriptor) }
                    self?.batchEnded(number, succeeded: false)
                    return
                }
                use(descriptor, for: batch, number: number)
            }
    }

    private func use(_ descriptor: CInt, for batch: [TelemetryBatcher.Event], number: Int) {
        let subscriber = NIOLoopBound(self, eventLoop: eventLoop)
        let isHTTP = isHTTP
        ClientBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard isHTTP else { return }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(HTTPRequestEncoder())
                    try pipeline.addHandler(ByteToMessageHandler(HTTPResponseDecoder()))
                    try pipeline.addHandler(ResponseHandler(subscriber: subscriber.value))
                }
            }
            .withConnectedSocket(descriptor)
            .assumeIsolated()
            .whenComplete { [weak self] result in
                guard let self, case .success(let channel) = result, !isClosed else {
                    if case .success(let channel) = result { channel.close(promise: nil) }
                    self?.batchEnded(number, succeeded: false)
                    return
                }
                self.channel = channel
                write(batch, to: channel, number: number)
            }
    }

    private var isHTTP: Bool {
        if case .http = subscription.destination { true } else { false }
    }

    private func write(_ batch: [TelemetryBatcher.Event], to channel: any Channel, number: Int) {
        let events = withLoss(batch)
        switch subscription.destination {
        case .http(let port, let path):
            var body = channel.allocator.buffer(capacity: events.reduce(2) { $0 + $1.count + 1 })
            body.writeStaticString("[")
            for (index, event) in events.enumerated() {
                if index > 0 { body.writeStaticString(",") }
                body.writeBytes(event)
            }
            body.writeStaticString("]")
            let headers: HTTPHeaders = [
                "Host": "sandbox.localdomain:\(port)", "Content-Type": "application/json",
                "Content-Length": "\(body.readableBytes)",
            ]
            channel.write(
                HTTPClientRequestPart.head(
                    HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: headers)
                ),
                promise: nil
            )
            channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
            channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        case .tcp:
            var lines = channel.allocator.buffer(capacity: events.reduce(0) { $0 + $1.count + 1 })
            for event in events {
                lines.writeBytes(event)
                lines.writeStaticString("\n")
            }
            channel.writeAndFlush(lines).assumeIsolated().whenComplete { [weak self] result in
                if case .success = result {
                    self?.batchEnded(number, succeeded: true)
                } else {
                    self?.batchEnded(number, succeeded: false)
                }
            }
        }
        eventLoop.assumeIsolated().scheduleTask(in: Self.patience) { [weak self] in
            self?.batchEnded(number, succeeded: false)
        }
    }

    /// The batch, with what was lost before it said first.
    private func withLoss(_ batch: [TelemetryBatcher.Event]) -> [TelemetryBatcher.Event] {
        guard let loss = batcher.takeLoss() else { return batch }
        return [describeLoss(loss.records, loss.bytes)] + batch
    }

    private func batchEnded(_ number: Int, succeeded: Bool) {
        guard number == batchNumber, !isClosed else { return }
        // Whatever comes late is about a batch that is over.
        batchNumber += 1
        if !succeeded {
            channel?.close(promise: nil)
            channel = nil
        }
        carryOut(batcher.batchSent(succeeded))
        checkFinished()
    }

    /// Watches for the answers of a subscriber that speaks HTTP.
    private final class ResponseHandler: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart

        private weak var subscriber: TelemetrySubscriber?
        private var succeeded = false

        init(subscriber: TelemetrySubscriber) {
            self.subscriber = subscriber
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                succeeded = (200..<300).contains(Int(head.status.code))
            case .body:
                break
            case .end:
                subscriber?.currentBatchEnded(succeeded: succeeded)
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            subscriber?.connectionClosed(context.channel)
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    private func currentBatchEnded(succeeded: Bool) {
        batchEnded(batchNumber, succeeded: succeeded)
    }

    private func connectionClosed(_ closed: any Channel) {
        guard channel === closed else { return }
        channel = nil
        batchEnded(batchNumber, succeeded: false)
    }
}
