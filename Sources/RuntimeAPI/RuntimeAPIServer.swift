import LambdaAPI
package import NIOCore
import NIOHTTP1
import NIOPosix

/// The Runtime API of one execution environment, served on the socket that its sandbox listens on.
///
/// Everything happens on one event loop, the environment's: the protocol's state, the connections and the delegate's
/// calls need no lock, and an event passes through without a hop between threads.
package final class RuntimeAPIServer {
    /// The most connections that an environment may hold open to its Runtime API; a runtime needs one.
    private static let connectionsMax = 32

    private let eventLoop: any EventLoop
    private let responseBytesMax: Int
    private weak var delegate: (any RuntimeAPIDelegate)?
    private var listener: (any Channel)?
    private var connections: [ObjectIdentifier: RuntimeConnection] = [:]
    private var protocolState = RuntimeProtocol<RequestID, ObjectIdentifier>()
    private var heldEvent: InvocationEvent?
    private var isClosed = false

    /// - Parameters:
    ///   - responseBytesMax: The most bytes that a response may have.
    ///   - delegate: Told what the runtime does; held weakly.
    package init(eventLoop: any EventLoop, responseBytesMax: Int, delegate: any RuntimeAPIDelegate) {
        self.eventLoop = eventLoop
        self.responseBytesMax = responseBytesMax
        self.delegate = delegate
    }

    /// Serves on `descriptor`, a bound TCP socket, whose ownership passes to the server.
    package func serve(on descriptor: CInt) -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        let server = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 16)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try server.value.accept(channel)
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .withBoundSocket(descriptor)
            .assumeIsolated()
            .map { channel in
                self.listener = channel
                if self.isClosed { channel.close(promise: nil) }
            }
            .nonisolated()
    }

    /// Gives the runtime its next event.
    ///
    /// - Returns: Whether the runtime was waiting for one.
    package func deliver(_ event: InvocationEvent) -> Bool {
        switch protocolState.eventAssigned(event.requestID) {
        case .deliver(let connection):
            connections[connection]?.reply(.event(event))
            return true
        case .hold:
            heldEvent = event
            return true
        case .refuse:
            return false
        }
    }

    /// Closes the listener and every connection.
    package func close() {
        isClosed = true
        listener?.close(promise: nil)
        for connection in connections.values {
            connection.close()
        }
    }

    private func accept(_ channel: any Channel) throws {
        guard !isClosed, connections.count < Self.connectionsMax else { throw ChannelError.eof }
        let connection = RuntimeConnection(server: self, bodyBytesMax: responseBytesMax)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
        try pipeline.addHandler(connection)
        connections[ObjectIdentifier(connection)] = connection
    }
}

// What a connection asks of its server.
extension RuntimeAPIServer {
    /// Whether to go on reading the body of an answer to `event`; otherwise the refusal to send.
    func refusal(ofAnswerTo event: RequestID) -> RuntimeReply? {
        switch protocolState.admitsAnswer(to: event) {
        case .accept: nil
        case .refuse(let refusal): Self.reply(to: refusal)
        }
    }

    /// A request without a body that matters. Returns the reply, or nil if it comes later.
    func nextRequested(by connection: RuntimeConnection) -> RuntimeReply? {
        switch protocolState.nextRequested(on: ObjectIdentifier(connection)) {
        case .parkAndReportReady:
            delegate?.runtimeBecameReady()
            return nil
        case .park:
            return nil
        case .deliver:
            defer { heldEvent = nil }
            return heldEvent.map { .event($0) }
        case .refuse(let refusal):
            return Self.reply(to: refusal)
        }
    }

    func responsePosted(_ event: RequestID, _ document: RuntimeDocument) -> RuntimeReply {
        switch protocolState.answered(event) {
        case .accept:
            delegate?.runtimeResponded(document)
            return .accepted
        case .refuse(let refusal):
            return Self.reply(to: refusal)
        }
    }

    func errorPosted(_ event: RequestID, _ document: RuntimeDocument) -> RuntimeReply {
        switch protocolState.answered(event) {
        case .accept:
            delegate?.runtimeFailed(document)
            return .accepted
        case .refuse(let refusal):
            return Self.reply(to: refusal)
        }
    }

    func oversizedAnswerPosted(_ event: RequestID) -> RuntimeReply {
        if protocolState.answered(event) == .accept {
            delegate?.runtimeExceededResponseSize()
        }
        return .tooLarge(limit: responseBytesMax)
    }

    func initialisationErrorPosted(_ document: RuntimeDocument) -> RuntimeReply {
        switch protocolState.initialisationErrorPosted() {
        case .accept:
            delegate?.runtimeFailedToInitialise(document)
            return .accepted
        case .refuse(let refusal):
            return Self.reply(to: refusal)
        }
    }

    func connectionClosed(_ connection: RuntimeConnection) {
        connections[ObjectIdentifier(connection)] = nil
        protocolState.connectionClosed(ObjectIdentifier(connection))
    }

    private static func reply(to refusal: RuntimeProtocol<RequestID, ObjectIdentifier>.Refusal) -> RuntimeReply {
        switch refusal {
        case .invalidRequestID: .invalidRequestID
        case .invalidTransition(let from, let to): .invalidTransition(from: from, to: to)
        }
    }
}
