import LambdaAPI
package import NIOCore
import NIOHTTP1
import NIOPosix

/// The APIs of one execution environment (Runtime, Extensions, Telemetry, metadata), served on the socket that its sandbox
/// listens on.
///
/// Everything happens on one event loop, the environment's: the protocols' state, the connections and the delegate's
/// calls need no lock, and an event passes through without a hop between threads.
package final class RuntimeAPIServer {
    /// The port of the APIs, inside the sandbox.
    package static let port = 9001

    /// The most connections that an environment may hold open; a runtime needs one, an extension two.
    private static let connectionsMax = 64

    let settings: RuntimeAPISettings
    private let eventLoop: any EventLoop
    private(set) weak var delegate: (any RuntimeAPIDelegate)?
    private var listener: (any Channel)?
    private var connections: [ObjectIdentifier: RuntimeConnection] = [:]
    var runtime: RuntimeProtocol<RequestID, ObjectIdentifier>
    var extensions: ExtensionsProtocol<ObjectIdentifier>
    /// What the extensions are told, for one that asks late.
    private var notice: ExtensionNotice?
    /// The current event, while the runtime may answer it.
    private var event: InvocationEvent?
    private var streaming: RuntimeConnection?
    /// Whether initialisation is over, which asks more of extensions than an invoke does.
    private(set) var hasInitialised = false
    /// Whether the delegate knows that everybody is done.
    private var isReadinessReported = false
    private var isClosed = false

    /// - Parameters:
    ///   - delegate: Told what the runtime does; held weakly.
    ///   - standing: What was known in the environment of which this one is a copy, if it is.
    package init(
        eventLoop: any EventLoop,
        settings: RuntimeAPISettings,
        delegate: any RuntimeAPIDelegate,
        restoring standing: RuntimeAPIStanding? = nil
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.delegate = delegate
        runtime = RuntimeProtocol(isRestored: standing != nil, isTemplate: settings.isTemplate)
        extensions = standing.map { ExtensionsProtocol(restoring: $0.extensions) } ?? ExtensionsProtocol()
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

    /// Gives the runtime its next event, and tells the extensions of it.
    ///
    /// - Returns: Whether the runtime was waiting for one.
    package func deliver(_ event: InvocationEvent) -> Bool {
        switch runtime.eventAssigned(event.requestID) {
        case .deliver(let connection):
            begin(event)
            connections[connection]?.reply(.event(event))
            return true
        case .hold:
            begin(event)
            return true
        case .refuse:
            return false
        }
    }

    private func begin(_ event: InvocationEvent) {
        self.event = event
        isReadinessReported = false
        guard !extensions.isEmpty else { return }
        tellExtensions(.invoke(event))
    }

    /// Tells extensions of an event; whoever does not wait for one is told when it asks.
    ///
    /// - Parameter names: Those that are told; all subscribers of the event if nil.
    package func tellExtensions(_ notice: ExtensionNotice, only names: Set<String>? = nil) {
        self.notice = notice
        for connection in extensions.eventOccurred(notice.event, for: names) {
            connections[connection]?.reply(.notice(notice))
        }
    }

    /// Lets the runtime go on with a streamed response that ``RuntimeAPIDelegate/responseStreamReceived(_:)`` held up.
    package func resumeResponseStream() {
        streaming?.resumeReading()
    }

    /// Forgets everything about the processes so far, which have ended: others will be started.
    package func reset() {
        let old = connections.values
        connections = [:]
        for connection in old { connection.abandon() }
        runtime = RuntimeProtocol(isTemplate: settings.isTemplate)
        extensions = ExtensionsProtocol()
        (notice, event, streaming) = (nil, nil, nil)
        (hasInitialised, isReadinessReported) = (false, false)
    }

    /// Hears and says nothing any more. The connections stay open: a runtime whose connection breaks before it is killed
    /// complains of it in the function's log.
    package func fallSilent() {
        isClosed = true
        for connection in connections.values {
            connection.fallSilent()
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
        let connection = RuntimeConnection(server: self, bodyBytesMax: settings.responseBytesMax)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
        try pipeline.addHandler(connection)
        connections[ObjectIdentifier(connection)] = connection
    }

    func connectionClosed(_ connection: RuntimeConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        runtime.connectionClosed(ObjectIdentifier(connection))
        extensions.connectionClosed(ObjectIdentifier(connection))
        guard streaming === connection else { return }
        streaming = nil
        if runtime.streamEnded() { delegate?.responseStreamBroke() }
    }

    /// Tells the delegate once when everybody is done: after initialisation, and after each event.
    func checkReadiness() {
        guard !isReadinessReported, runtime.isWaiting else { return }
        guard hasInitialised ? extensions.isEveryInvokeOver : extensions.isEveryoneReady else { return }
        hasInitialised = true
        isReadinessReported = true
        delegate?.environmentBecameReady()
    }

    /// What a parked request of an extension is answered with.
    func currentNotice(of event: ExtensionEvent) -> ExtensionNotice? {
        notice?.event == event ? notice : nil
    }
}

// What a connection asks of its server on behalf of a runtime.
extension RuntimeAPIServer {
    /// Whether to go on reading the body of an answer to `event`; otherwise the refusal to send.
    func refusal(ofAnswerTo event: RequestID, invocationID: String?) -> RuntimeReply? {
        if let invocationID, invocationID != self.event?.invocationID {
            return .invokeTimeout
        }
        return switch runtime.admitsAnswer(to: event) {
        case .accept: nil
        case .refuse(let refusal): Self.reply(to: refusal)
        }
    }

    /// A request without a body that matters. Returns the reply, or nil if it comes later.
    func nextRequested(by connection: RuntimeConnection) -> RuntimeReply? {
        switch runtime.nextRequested(on: ObjectIdentifier(connection)) {
        case .parkAndReportReady:
            runtimeBecameReady()
            return nil
        case .park:
            return nil
        case .deliver:
            return event.map { .event($0) }
        case .refuse(let refusal):
            return Self.reply(to: refusal)
        }
    }

    func runtimeBecameReady() {
        extensions.registrationClosed()
        delegate?.runtimeBecameReady()
        checkReadiness()
    }

    func responsePosted(_ event: RequestID, _ document: RuntimeDocument) -> RuntimeReply {
        answerPosted(event) { $0.runtimeResponded(document) }
    }

    func errorPosted(_ event: RequestID, _ document: RuntimeDocument) -> RuntimeReply {
        answerPosted(event) { $0.runtimeFailed(document) }
    }

    func oversizedAnswerPosted(_ event: RequestID) -> RuntimeReply {
        _ = answerPosted(event) { $0.runtimeExceededResponseSize() }
        return .tooLarge(limit: settings.responseBytesMax)
    }

    func invalidResponseModeUsed(_ event: RequestID) -> RuntimeReply {
        _ = answerPosted(event) { $0.runtimeUsedInvalidResponseMode() }
        return .invalidResponseMode
    }

    private func answerPosted(_ event: RequestID, _ tell: (any RuntimeAPIDelegate) -> Void) -> RuntimeReply {
        switch runtime.answered(event) {
        case .accept:
            if let delegate { tell(delegate) }
            return .accepted
        case .refuse(let refusal):
            return Self.reply(to: refusal)
        }
    }

    func initialisationErrorPosted(_ document: RuntimeDocument) -> RuntimeReply {
        switch runtime.initialisationErrorPosted() {
        case .accept:
            delegate?.runtimeFailedToInitialise(document)
            return .accepted
        case .refuse(let refusal):
            return Self.reply(to: refusal)
        }
    }

    // MARK: Streams

    /// Whether the caller of this event takes its response as it comes.
    func acceptsStream(_ event: RequestID) -> Bool {
        self.event?.requestID == event && self.event?.acceptsStream == true
    }

    /// The head of a streamed response has come. Returns the refusal to send, if it is not taken.
    func streamBegan(_ event: RequestID, contentType: String?, on connection: RuntimeConnection) -> RuntimeReply? {
        switch runtime.streamBegan(event) {
        case .accept:
            streaming = connection
            delegate?.responseStreamBegan(contentType: contentType)
            return nil
        case .refuse(let refusal):
            return Self.reply(to: refusal)
        }
    }

    /// Returns whether more may be read at once.
    func streamReceived(_ chunk: ByteBuffer) -> Bool {
        delegate?.responseStreamReceived(chunk) ?? true
    }

    func streamEnded(_ error: RuntimeDocument?) -> RuntimeReply {
        streaming = nil
        if runtime.streamEnded() { delegate?.responseStreamEnded(error) }
        return .accepted
    }

    static func reply(to refusal: RuntimeProtocol<RequestID, ObjectIdentifier>.Refusal) -> RuntimeReply {
        switch refusal {
        case .invalidRequestID: .invalidRequestID
        case .invalidTransition(let from, let to): .invalidTransition(from: from, to: to)
        }
    }
}
