import FleetProtocol
import LambdaAPI
import NIOCore
import Placement
import TestSupport
import Worker

/// Values of messages, short and of odd characters.
extension SeededGenerator {
    mutating func flag() -> Bool { Bool.random(using: &self) }

    mutating func text() -> String {
        let characters: [Character] = ["a", "Z", "0", " ", "\n", "\0", "é", "日", "🙂", "\"", ":", "/"]
        return String(
            (0..<Int.random(in: 0...6, using: &self)).map { _ in characters.randomElement(using: &self) ?? "a" }
        )
    }

    mutating func optionalText() -> String? { flag() ? text() : nil }

    mutating func list<Element>(_ make: (inout SeededGenerator) -> Element) -> [Element] {
        (0..<Int.random(in: 0...3, using: &self)).map { _ in make(&self) }
    }

    mutating func bytes(upTo countMax: Int = 8) -> [UInt8] {
        (0..<Int.random(in: 0...countMax, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    mutating func buffer() -> ByteBuffer { ByteBuffer(bytes: bytes()) }

    mutating func number() -> Int { Int(Int32.random(in: 0 ... .max, using: &self)) }

    mutating func requestID() -> RequestID { .random(using: &self) }

    mutating func environmentID() -> EnvironmentID { EnvironmentID(text()) }

    mutating func token() -> ReservationToken { ReservationToken(high: next(), low: next()) }

    mutating func ownership() -> PartitionEpoch {
        PartitionEpoch(
            partition: Int.random(in: 0...65_535, using: &self),
            epoch: Int.random(in: 0 ... .max, using: &self)
        )
    }

    mutating func function() -> InvocableFunction {
        InvocableFunction(
            configurationID: .init(text()),
            locality: Locality(accountID: text(), region: text()),
            name: FunctionName(text()),
            version: FunctionVersion(text()),
            runtime: text(),
            handler: text(),
            timeoutSeconds: number(),
            memoryMegabytes: number(),
            ephemeralStorageMegabytes: number(),
            environment: list { ($0.text(), $0.text()) }.reduce(into: [:]) { $0[$1.0] = $1.1 },
            codeHash: text(),
            layerHashes: list { $0.text() },
            logging: FunctionLogging(
                format: LogFormat(rawValue: text()),
                applicationLevel: optionalText().map { ApplicationLogLevel(rawValue: $0) },
                systemLevel: optionalText().map { SystemLogLevel(rawValue: $0) },
                group: text()
            ),
            subnetIDs: list { $0.text() }
        )
    }

    mutating func standing() -> WorkerStandingMessage {
        var standing = WorkerStandingMessage()
        (standing.isDraining, standing.leaseNearsEnd) = (flag(), flag())
        return standing
    }

    mutating func censusEntry() -> CensusEntry {
        let partition = Int.random(in: 0...65_535, using: &self)
        return CensusEntry(.init(partition: partition, configuration: text(), memoryMB: number()), count: number())
    }

    mutating func heartbeat() -> HeartbeatMessage {
        let digests = { (random: inout Self) in random.list { ShortDigest(high: $0.next(), low: $0.next()) } }
        var message = HeartbeatMessage(number: next(), changes: list { $0.censusEntry() }, busyMB: number())
        message.loads = list { LoadEntry($0.censusEntry().key, cpuMilli: $0.number()) }
        message.code.fetched = digests(&self)
        message.code.removed = digests(&self)
        return message
    }

    mutating func reservation() -> Reservation {
        Reservation(
            worker: text(),
            address: text(),
            environmentID: environmentID(),
            token: token(),
            followers: Int.random(in: 0...65_535, using: &self)
        )
    }

    mutating func failureCode() -> InvokeFailure.Code {
        let codes: [InvokeFailure.Code] = [
            .capacityExhausted, .scalingTooFast, .environmentFailed, .shuttingDown, .moved, .unreachable,
        ]
        return codes.randomElement(using: &self) ?? .moved
    }

    mutating func refusal() -> RefusedMessage {
        switch Int.random(in: 0..<4, using: &self) {
        case 0: .throttled(ThrottleReason(rawValue: text()))
        case 1: .failed(InvokeFailure(failureCode(), text()))
        case 2: .notOwner
        default: .unknownFunction
        }
    }

    mutating func event() -> EventMessage.Event {
        switch Int.random(in: 0..<9, using: &self) {
        case 0: .initialised(token())
        case 1: .idle(token(), followers: Int.random(in: 0...65_535, using: &self))
        case 2: .running
        case 3: .answered
        case 4: .hostFailed(text())
        case 5: .functionFailedToInitialise
        case 6: .ended
        case 7: .removed
        default: .noRoom
        }
    }

    mutating func phase() -> EnvironmentReport.Phase {
        switch Int.random(in: 0..<4, using: &self) {
        case 0: .starting
        case 1: .idle(token())
        case 2: .busy(requestID())
        default: .leaving
        }
    }

    mutating func request() -> InvokeRequest {
        InvokeRequest(
            requestID: requestID(),
            function: function(),
            invokedFunctionARN: text(),
            payload: buffer(),
            clientContext: optionalText(),
            traceHeader: text(),
            wantsLogTail: flag()
        )
    }

    mutating func result() -> InvokeResult {
        var result = InvokeResult(
            payload: buffer(),
            contentType: optionalText(),
            isFunctionError: flag(),
            logTail: flag() ? bytes() : nil
        )
        if flag() { result.streamError = InvokeResult.StreamError(code: text(), details: text()) }
        return result
    }
}
