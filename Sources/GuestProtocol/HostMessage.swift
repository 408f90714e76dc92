/// What a host tells the agent in its guest.
package enum HostMessage: Hashable, Sendable {
    /// The first message, before anything else.
    case hello(version: UInt32)
    /// A question, answered by the agent with the same number; see ``GuestMessage/done(_:)``.
    case request(RequestNumber, GuestRequest)
    /// Send a signal to a process and its process group. Not answered; a process that has ended is passed over.
    case signal(RequestNumber, number: UInt8)
    case stream(StreamNumber, StreamMessage)
    /// Switch the machine off. Not answered: the machine ends.
    case shutDown
}

/// The number of a request, given by the host, which uses none twice. The request to start a process also names it.
package struct RequestNumber: Hashable, Sendable, Codable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// What the agent is asked to do.
package enum GuestRequest: Hashable, Sendable {
    case identify(GuestIdentity)
    case mount(GuestMount)
    /// Take away what was mounted last at this place. Fails if a process uses it.
    case unmount(target: String)
    /// Limits on what the function's processes use together.
    case limit(memoryBytes: UInt64, processes: UInt32)
    /// Listen on this port of the guest's loopback interface. Connections become streams, opened with the same number.
    case listen(port: UInt16)
    case start(GuestProcess)
    /// Set the clock forward by so many nanoseconds, or back.
    case adjustClock(nanoseconds: Int64)
    /// Use the machine's network interface, which leads somewhere from now on.
    case connect(GuestAddresses)
    /// Kill all of the function's processes; done when the last is gone.
    case killAll
}

extension HostMessage {
    fileprivate enum Kind {
        static let hello: UInt32 = 1
        static let shutDown: UInt32 = 2
        static let signal: UInt32 = 3
        static let identify: UInt32 = 4
        static let mount: UInt32 = 5
        static let limit: UInt32 = 6
        static let listen: UInt32 = 7
        static let start: UInt32 = 8
        static let killAll: UInt32 = 9
        static let adjustClock: UInt32 = 10
        static let unmount: UInt32 = 11
        static let connect: UInt32 = 12
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
        case .request(let number, let request):
            let kind = request.write(to: &writer)
            return Frame(kind: kind, subject: number.rawValue, body: writer.bytes[...])
        case .signal(let process, let number):
            writer.write(number)
            return Frame(kind: Kind.signal, subject: process.rawValue, body: writer.bytes[...])
        case .stream(let stream, let message):
            return message.frame(stream)
        case .shutDown:
            return Frame(kind: Kind.shutDown)
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
        case Kind.shutDown: self = .shutDown
        case Kind.signal: self = .signal(number, number: try reader.integer())
        case Kind.identify: self = .request(number, .identify(try GuestIdentity(from: &reader)))
        case Kind.mount: self = .request(number, .mount(try GuestMount(from: &reader)))
        case Kind.unmount: self = .request(number, .unmount(target: try GuestMount.target(from: &reader)))
        case Kind.limit:
            self = .request(number, .limit(memoryBytes: try reader.integer(), processes: try reader.integer()))
        case Kind.listen: self = .request(number, .listen(port: try reader.integer()))
        case Kind.start: self = .request(number, .start(try GuestProcess(from: &reader)))
        case Kind.killAll: self = .request(number, .killAll)
        case Kind.adjustClock:
            self = .request(number, .adjustClock(nanoseconds: Int64(bitPattern: try reader.integer())))
        case Kind.connect: self = .request(number, .connect(try GuestAddresses(from: &reader)))
        default: throw ProtocolViolation("a message of kind \(frame.kind)")
        }
        try reader.finish()
    }
}

extension GuestRequest {
    /// The bytes that this request takes in a frame. More than ``GuestLink/bodyBytesMax`` cannot be sent.
    package var bodyBytes: Int {
        var writer = WireWriter()
        _ = write(to: &writer)
        return writer.bytes.count
    }

    /// Writes the body. Returns the message's kind.
    fileprivate func write(to writer: inout WireWriter) -> UInt32 {
        switch self {
        case .identify(let identity):
            identity.write(to: &writer)
            return HostMessage.Kind.identify
        case .mount(let mount):
            mount.write(to: &writer)
            return HostMessage.Kind.mount
        case .unmount(let target):
            writer.write(target)
            return HostMessage.Kind.unmount
        case .limit(let memoryBytes, let processes):
            writer.write(memoryBytes)
            writer.write(processes)
            return HostMessage.Kind.limit
        case .listen(let port):
            writer.write(port)
            return HostMessage.Kind.listen
        case .start(let process):
            process.write(to: &writer)
            return HostMessage.Kind.start
        case .connect(let addresses):
            addresses.write(to: &writer)
            return HostMessage.Kind.connect
        case .killAll:
            return HostMessage.Kind.killAll
        case .adjustClock(let nanoseconds):
            writer.write(UInt64(bitPattern: nanoseconds))
            return HostMessage.Kind.adjustClock
        }
    }
}
