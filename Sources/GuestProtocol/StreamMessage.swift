/// What both ends may say about a stream.
package enum StreamMessage: Hashable, Sendable {
    /// A new stream of the sender's, to this port of the receiver's end: in the guest a port on its loopback interface,
    /// at the host the number that the host gave with the request to listen.
    case open(port: UInt16)
    case data(ArraySlice<UInt8>)
    /// No more data of the sender's follows.
    case end
    /// The stream is given up, in both directions.
    case reset
    /// So many bytes more may be sent.
    case credit(UInt32)

    private enum Kind {
        static let open: UInt32 = 128
        static let data: UInt32 = 129
        static let end: UInt32 = 130
        static let reset: UInt32 = 131
        static let credit: UInt32 = 132
    }

    static func isStream(kind: UInt32) -> Bool { (Kind.open...Kind.credit).contains(kind) }

    func frame(_ stream: StreamNumber) -> Frame {
        var writer = WireWriter()
        switch self {
        case .open(let port):
            writer.write(port)
            return Frame(kind: Kind.open, subject: stream.rawValue, body: writer.bytes[...])
        case .data(let bytes):
            return Frame(kind: Kind.data, subject: stream.rawValue, body: bytes)
        case .end:
            return Frame(kind: Kind.end, subject: stream.rawValue)
        case .reset:
            return Frame(kind: Kind.reset, subject: stream.rawValue)
        case .credit(let bytes):
            writer.write(bytes)
            return Frame(kind: Kind.credit, subject: stream.rawValue, body: writer.bytes[...])
        }
    }

    init(_ frame: Frame) throws(ProtocolViolation) {
        var reader = WireReader(frame.body)
        switch frame.kind {
        case Kind.open:
            self = .open(port: try reader.integer())
        case Kind.data:
            // An empty piece says nothing; a peer could send them without end, for they need no credit.
            guard (1...GuestLink.chunkBytesMax).contains(frame.body.count) else {
                throw ProtocolViolation("a piece of \(frame.body.count) bytes of a stream")
            }
            self = .data(frame.body)
            return
        case Kind.end:
            self = .end
        case Kind.reset:
            self = .reset
        case Kind.credit:
            self = .credit(try reader.integer())
        default:
            throw ProtocolViolation("a message of kind \(frame.kind)")
        }
        try reader.finish()
    }
}
