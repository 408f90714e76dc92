import HostLink
package import LambdaAPI
package import NIOCore
package import Worker

/// Asks a manager for an environment for one invoke.
package struct ReserveMessage: Sendable, WireValue {
    /// The invoke.
    package var requestID: RequestID
    package var name: FunctionName
    package var version: FunctionVersion
    package var configurationID: InvocableFunction.ConfigurationID
    /// All that there is to know of the function: told only to a manager that does not know it.
    package var function: InvocableFunction?

    /// Asks for an environment of a function.
    package init(_ requestID: RequestID, _ function: InvocableFunction, describingIt: Bool) {
        self.requestID = requestID
        name = function.name
        version = function.version
        configurationID = function.configurationID
        self.function = describingIt ? function : nil
    }

    package init(from buffer: inout ByteBuffer) throws {
        requestID = try RequestID(from: &buffer)
        name = FunctionName(try buffer.readText())
        version = FunctionVersion(try buffer.readText())
        configurationID = .init(try buffer.readText())
        function = try buffer.readFlag() ? try FunctionDescription(from: &buffer).function : nil
    }

    package func write(to buffer: inout ByteBuffer) {
        requestID.write(to: &buffer)
        buffer.writeText(name.rawValue)
        buffer.writeText(version.rawValue)
        buffer.writeText(configurationID.rawValue)
        buffer.writeFlag(function != nil)
        if let function { FunctionDescription(function: function).write(to: &buffer) }
    }
}

extension Reservation: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(
            worker: try buffer.readText(),
            address: try buffer.readText(),
            environmentID: try EnvironmentID(from: &buffer),
            token: try ReservationToken(from: &buffer),
            followers: Int(try buffer.readNumber(UInt16.self))
        )
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeText(worker)
        buffer.writeText(address)
        environmentID.write(to: &buffer)
        token.write(to: &buffer)
        buffer.writeInteger(UInt16(clamping: followers))
    }
}

/// Gives a reservation back that was not used: its worker could not be reached.
package struct UnusedMessage: Sendable, Equatable, WireValue {
    package var worker: String
    package var environmentID: EnvironmentID
    package var token: ReservationToken

    /// Gives a reservation back.
    package init(_ reservation: Reservation) {
        worker = reservation.worker
        environmentID = reservation.environmentID
        token = reservation.token
    }

    package init(from buffer: inout ByteBuffer) throws {
        worker = try buffer.readText()
        environmentID = try EnvironmentID(from: &buffer)
        token = try ReservationToken(from: &buffer)
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeText(worker)
        environmentID.write(to: &buffer)
        token.write(to: &buffer)
    }
}

/// Why a manager gives no environment.
package enum RefusedMessage: Sendable, Equatable, WireValue {
    /// A limit of concurrency or of its rate was reached: AWS's reason.
    case throttled(ThrottleReason)
    /// No environment could be had.
    case failed(InvokeFailure)
    /// The function is another manager's.
    case notOwner
    /// The manager has never heard of the function; ask again and describe it.
    case unknownFunction

    package init(from buffer: inout ByteBuffer) throws {
        switch try buffer.readNumber(UInt8.self) {
        case 1: self = .throttled(ThrottleReason(rawValue: try buffer.readText()))
        case 2:
            let code = try InvokeFailure.Code(from: &buffer)
            self = .failed(InvokeFailure(code, try buffer.readText()))
        case 3: self = .notOwner
        case 4: self = .unknownFunction
        default: throw LinkError(.malformed, "a refusal has an unknown reason")
        }
    }

    package func write(to buffer: inout ByteBuffer) {
        switch self {
        case .throttled(let reason):
            buffer.writeInteger(UInt8(1))
            buffer.writeText(reason.rawValue)
        case .failed(let failure):
            buffer.writeInteger(UInt8(2))
            failure.code.write(to: &buffer)
            buffer.writeText(failure.message)
        case .notOwner:
            buffer.writeInteger(UInt8(3))
        case .unknownFunction:
            buffer.writeInteger(UInt8(4))
        }
    }
}

extension InvokeFailure.Code: WireValue {
    private static let numbers: [(UInt8, InvokeFailure.Code)] = [
        (1, .capacityExhausted), (2, .scalingTooFast), (3, .environmentFailed), (4, .shuttingDown), (5, .moved),
        (6, .unreachable), (7, .restorationFailed), (8, .restorationTimedOut),
    ]

    package init(from buffer: inout ByteBuffer) throws {
        let number = try buffer.readNumber(UInt8.self)
        // A reason that only a later release knows is one that has to do with the environment.
        self = Self.numbers.first { $0.0 == number }?.1 ?? .environmentFailed
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(Self.numbers.first { $0.1 == self }?.0 ?? 3)
    }
}

/// Brings an event to a worker, for an environment that was reserved for it.
package struct RunMessage: Sendable, WireValue {
    package var environmentID: EnvironmentID
    package var token: ReservationToken
    /// How many invokes may follow in the same environment.
    package var followers: Int
    package var requestID: RequestID
    package var invokedFunctionARN: String
    package var clientContext: String?
    package var traceHeader: String
    package var wantsLogTail: Bool
    /// Whether the response is wanted as it comes.
    package var wantsStream: Bool
    package var payload: ByteBuffer

    /// Uses a reservation for an invoke.
    package init(_ reservation: Reservation, _ request: InvokeRequest, wantsStream: Bool) {
        environmentID = reservation.environmentID
        token = reservation.token
        followers = reservation.followers
        requestID = request.requestID
        invokedFunctionARN = request.invokedFunctionARN
        clientContext = request.clientContext
        traceHeader = request.traceHeader
        wantsLogTail = request.wantsLogTail
        self.wantsStream = wantsStream
        payload = request.payload
    }

    package init(from buffer: inout ByteBuffer) throws {
        environmentID = try EnvironmentID(from: &buffer)
        token = try ReservationToken(from: &buffer)
        followers = Int(try buffer.readNumber(UInt16.self))
        requestID = try RequestID(from: &buffer)
        invokedFunctionARN = try buffer.readText()
        clientContext = try buffer.readOptionalText()
        traceHeader = try buffer.readText()
        wantsLogTail = try buffer.readFlag()
        wantsStream = try buffer.readFlag()
        payload = try buffer.readBlock()
    }

    package func write(to buffer: inout ByteBuffer) {
        environmentID.write(to: &buffer)
        token.write(to: &buffer)
        buffer.writeInteger(UInt16(clamping: followers))
        requestID.write(to: &buffer)
        buffer.writeText(invokedFunctionARN)
        buffer.writeOptional(clientContext)
        buffer.writeText(traceHeader)
        buffer.writeFlag(wantsLogTail)
        buffer.writeFlag(wantsStream)
        buffer.writeBlock(payload)
    }

    /// The invoke as the environment's function sees it.
    package func request(of function: InvocableFunction) -> InvokeRequest {
        InvokeRequest(
            requestID: requestID,
            function: function,
            invokedFunctionARN: invokedFunctionARN,
            payload: payload,
            clientContext: clientContext,
            traceHeader: traceHeader,
            wantsLogTail: wantsLogTail
        )
    }
}

/// What has come of an invoke, and what the next one in the same environment is to show, if one may follow.
package struct ResultMessage: Sendable, WireValue {
    package var result: InvokeResult
    package var next: ReservationToken?

    /// Answers an invoke.
    package init(_ result: InvokeResult, next: ReservationToken?) {
        self.result = result
        self.next = next
    }

    package init(from buffer: inout ByteBuffer) throws {
        next = try buffer.readFlag() ? try ReservationToken(from: &buffer) : nil
        result = try InvokeResult(from: &buffer)
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeFlag(next != nil)
        next?.write(to: &buffer)
        result.write(to: &buffer)
    }
}

extension InvokeResult: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        let isFunctionError = try buffer.readFlag()
        let contentType = try buffer.readOptionalText()
        var streamError: StreamError?
        if try buffer.readFlag() {
            streamError = StreamError(code: try buffer.readText(), details: try buffer.readText())
        }
        let tail = try buffer.readFlag() ? Array(buffer: try buffer.readBlock()) : nil
        self.init(
            payload: try buffer.readBlock(),
            contentType: contentType,
            isFunctionError: isFunctionError,
            logTail: tail
        )
        self.streamError = streamError
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeFlag(isFunctionError)
        buffer.writeOptional(contentType)
        buffer.writeFlag(streamError != nil)
        if let streamError {
            buffer.writeText(streamError.code)
            buffer.writeText(streamError.details)
        }
        buffer.writeFlag(logTail != nil)
        if let logTail { buffer.writeBlock(ByteBuffer(bytes: logTail)) }
        buffer.writeBlock(payload)
    }
}
