/// What the agent tells its host. A hostile guest can send any bytes in its place.
package enum GuestMessage: Hashable, Sendable {
    /// The answer to the host's hello.
    case hello(version: UInt32)
    /// A request has been carried out, at this moment of the guest's clock, in nanoseconds since 1970.
    case done(RequestNumber, clock: UInt64 = 0)
    /// A request could not be carried out.
    case failed(RequestNumber, GuestFailure)
    /// A process has ended.
    case exited(RequestNumber, GuestExit)
    /// What the function's processes have used so far. Sent before the data of a stream that follow, where it has changed.
    case memory(GuestMemory)
    case stream(StreamNumber, StreamMessage)
}

/// Why a request could not be carried out.
package struct GuestFailure: Hashable, Sendable {
    /// The system's error number.
    package var errno: Int32
    /// What was attempted, in the agent's words.
    package var step: String

    package init(errno: Int32, step: String) {
        self.errno = errno
        self.step = step
    }
}

/// How a process in a guest has ended.
package enum GuestExit: Hashable, Sendable {
    case exited(UInt8)
    case signalled(UInt8)
}

/// The memory of a guest's function.
package struct GuestMemory: Hashable, Sendable, Codable {
    /// The most that its processes have used together, in bytes.
    package var peakBytes: UInt64
    /// How many of them the kernel has killed for exceeding their limit.
    package var kills: UInt32

    package init(peakBytes: UInt64, kills: UInt32) {
        self.peakBytes = peakBytes
        self.kills = kills
    }
}

extension GuestMessage {
    private enum Kind {
        static let hello: UInt32 = 64
        static let done: UInt32 = 65
        static let failed: UInt32 = 66
        static let exited: UInt32 = 67
        static let memory: UInt32 = 68
    }

    /// Appends the message to what is to be sent.
    package func write(to bytes: inout [UInt8]) {
        frame.write(to: &bytes)
    }

    private var frame: Frame {
        var writer = WireWriter()
        switch self {
        case .hello(let version):
            writer.write(version)
            return Frame(kind: Kind.hello, body: writer.bytes[...])
        case .done(let number, let clock):
            writer.write(clock)
            return Frame(kind: Kind.done, subject: number.rawValue, body: writer.bytes[...])
        case .failed(let number, let failure):
            writer.write(failure.errno)
            writer.write(failure.step)
            return Frame(kind: Kind.failed, subject: number.rawValue, body: writer.bytes[...])
        case .exited(let number, let exit):
            switch exit {
            case .exited(let status):
                writer.write(UInt8(0))
                writer.write(status)
            case .signalled(let signal):
                writer.write(UInt8(1))
                writer.write(signal)
            }
            return Frame(kind: Kind.exited, subject: number.rawValue, body: writer.bytes[...])
        case .memory(let memory):
            writer.write(memory.peakBytes)
            writer.write(memory.kills)
            return Frame(kind: Kind.memory, body: writer.bytes[...])
        case .stream(let stream, let message):
            return message.frame(stream)
        }
    }

    init(_ frame: Frame) throws(ProtocolViolation) {
        if StreamMessage.isStream(kind: frame.kind) {
            self = .stream(StreamNumber(rawValue: frame.subject), try StreamMessage(frame))
            return
        }
        let number = RequestNumber(rawValue: frame.subject)
        var reader = WireReader(frame.body)
        switch frame.kind {
        case Kind.hello: self = .hello(version: try reader.integer())
        case Kind.done: self = .done(number, clock: try reader.integer())
        case Kind.failed:
            self = .failed(number, GuestFailure(errno: try reader.integer(), step: try reader.text(max: 256)))
        case Kind.exited:
            let isSignal = try reader.flag()
            let value = try reader.integer(UInt8.self)
            self = .exited(number, isSignal ? .signalled(value) : .exited(value))
        case Kind.memory:
            self = .memory(GuestMemory(peakBytes: try reader.integer(), kills: try reader.integer()))
        default:
            throw ProtocolViolation("a message of kind \(frame.kind)")
        }
        try reader.finish()
    }
}
